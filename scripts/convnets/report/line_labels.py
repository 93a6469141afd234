"""Labels of lines, where these end."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], points: float, label_height: float) -> None:
    """Write the label of each line, the lowest first, to the right of its end, moved up or down so that labels do not overlap."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    gap = min(label_height, 1 / len(ends)) * (high - low)
    heights = spread_out([float(end) for end, *_ in ends], gap, low + gap / 2, high - gap / 2)
    offset = 0.025 * axes.get_xlim()[1]
    for (end, right, label, color), height in zip(ends, heights, strict=True):
        axes.annotate(
            label,
            xy=(right, end),
            xytext=(right + offset, height),
            color=readable(color),
            va="center",
            fontsize=points,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)},
        )


def spread_out(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move ascending positions as little as a simple pass can so that neighbours are `gap` apart within [low, high].

    Where they do not all fit, they keep the gap and start at `low`.
    """
    moved: list[float] = []
    for position in positions:
        moved.append(max(position, moved[-1] + gap if moved else low))
    ceiling = high
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    shift = max(0.0, low - moved[0]) if moved else 0.0
    return [position + shift for position in moved]


def readable(color: str) -> str:
    """Return a colour darkened until its text has a contrast of 4.5 on white (WCAG 2.2, level AA)."""
    rgb = np.array(mpl.colors.to_rgb(color))
    while True:
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        if 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5:
            return mpl.colors.to_hex(tuple(rgb))
        rgb = rgb * 0.95
