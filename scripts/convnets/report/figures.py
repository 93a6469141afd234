"""Learning curves: loss and accuracy against iterations, side by side, every line labelled where it ends.

Lines are told apart by their labels and, between splits, by their dashes; colour only helps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convnets.errors import InputError
from convnets.runs.layout import HISTORY, subject_of
from convnets.study.comparisons import PALETTE, Comparison, Member
from convnets.style import STYLE

WIDTH_IN, ROW_HEIGHT_IN, LABEL_POINTS = 11.0, 3.9, 9.0
NUMBERED_CLASSES = 40  # at most, in a confusion matrix
LABEL_HEIGHT = 0.062  # of a panel's height, between the centres of two labels
AROUND_IN = 0.7  # the height of a row that title and axis take
MOST_LINES = 4  # of a label; the rest is left out
LINE_HEIGHT = 0.62  # of that, what each further line of a label adds
SPLITS = {"validation": ("val", "validation", "solid"), "train": ("train", "training", (0, (4, 1.5)))}
QUANTITIES = {"loss": "Loss (cross-entropy)", "accuracy": "Accuracy"}


@dataclass(frozen=True)
class Size:
    """The size of a figure of curves.

    `width` and `row_height`, of a row of panels, are in inches, `label` is the font's size of the lines' labels in points, and
    `style` what it changes in the common style. `wrap` is the number of characters of a line of such a label, None for no limit.
    Panels of loss and accuracy stand side by side, or `is_stacked`. Where a caption says what is shown, it has no title.
    """

    width: float
    row_height: float
    label: float
    style: Mapping[Any, Any] = field(default_factory=dict)
    wrap: int | None = None
    is_stacked: bool = False
    has_title: bool = True

    def label_height(self, lines: int) -> float:
        """Return the height of a label of so many lines, with the space about it, as a fraction of that of a panel."""
        scale = self.label / LABEL_POINTS * (ROW_HEIGHT_IN - AROUND_IN) / (self.row_height - AROUND_IN)
        return LABEL_HEIGHT * scale * (1 + LINE_HEIGHT * (lines - 1))


SCREEN = Size(WIDTH_IN, ROW_HEIGHT_IN, LABEL_POINTS)


@dataclass(frozen=True)
class Curves:
    """The curves of a variant: iterations, and the mean and the standard deviation over its runs of each column of the histories.

    The standard deviation of one run is 0. All arrays have the shape (n,).
    """

    iterations: np.ndarray
    mean: Mapping[str, np.ndarray]
    deviation: Mapping[str, np.ndarray]
    runs: int


Line = tuple[Curves, str, str, str]  # curves, split, label and colour


def read_curves(folders: Iterable[Path], studies: Mapping[str, str]) -> dict[str, Curves]:
    """Return the curves of each variant from the histories in the folders of its runs; `studies` as in `layout.subject_of`."""
    frames: dict[str, list[pd.DataFrame]] = {}
    for folder in folders:
        frames.setdefault(subject_of(folder, studies), []).append(pd.read_csv(folder / HISTORY))
    return {variant: curves(found) for variant, found in frames.items()}


def curves(histories: Iterable[pd.DataFrame]) -> Curves:
    """Return the curves of the runs of a variant, which must have the same number of epochs."""
    columns = [f"{prefix}_{quantity}" for prefix, _, _ in SPLITS.values() for quantity in QUANTITIES]
    frames = list(histories)
    if len(lengths := {len(frame) for frame in frames}) > 1:
        raise InputError(f"histories of one variant have {' and '.join(map(str, sorted(lengths)))} epochs: its runs are not alike")
    values = np.array([frame[columns].to_numpy().T for frame in frames])
    deviations = values.std(0, ddof=1) if len(frames) > 1 else np.zeros(values.shape[1:])
    mean, deviation = (dict(zip(columns, rows, strict=True)) for rows in (values.mean(0), deviations))
    return Curves(frames[0]["iteration"].to_numpy(), mean, deviation, len(frames))


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw the training and validation curves of one run."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, ROW_HEIGHT_IN), layout="constrained")
        found, colors = curves([history]), {"train": PALETTE["orange"], "validation": PALETTE["blue"]}
        for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
            _draw_panel(axes, quantity, [(found, split, SPLITS[split][1], color) for split, color in colors.items()])
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        return figure


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> Figure:
    """Draw the test images of each class (row) by predicted class (column), shape (classes, classes), in percent of the row.

    Of more than `NUMBERED_CLASSES` classes some names are shown, and colours alone tell the percentages.
    """
    matrix = np.asarray(counts)
    ticks = range(0, len(classes), -(-len(classes) // NUMBERED_CLASSES))
    side = max(6.4, 0.3 * len(ticks))
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(side, side - 0.4), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(matrix.shape) if len(ticks) == len(classes) else ():
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=color, fontsize=8)
        names = [classes[tick] for tick in ticks]
        axes.set_xticks(ticks, names, rotation=45, ha="right")
        axes.set_yticks(ticks, names)
        axes.set(xlabel="put into", ylabel="class")
        axes.set_title(f"{title}: percent of the test images of each class")
    return figure


def comparison(spec: Comparison, found: Mapping[str, Curves], size: Size = SCREEN) -> Figure:
    """Draw a comparison from the curves of each variant."""
    with mpl.rc_context({**STYLE, **size.style}):
        drawn = [
            [_line(member, split, found, size, several=len(splits) > 1) for member in spec.members for split in splits]
            for splits in spec.rows
        ]
        height = size.row_height * max(1, *(len(lines) * _label_height(lines, size) for lines in drawn))  # room for all labels
        columns = 1 if size.is_stacked else len(QUANTITIES)
        rows = len(spec.rows) * len(QUANTITIES) // columns
        figure = Figure(figsize=(size.width, 0.5 * size.has_title + height * rows), layout="constrained")
        panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
        for lines, splits in zip(drawn, spec.rows, strict=True):
            names = " and ".join(SPLITS[split][1] for split in splits)
            for quantity in QUANTITIES:
                axes = next(panels)
                _draw_panel(axes, quantity, lines, size)
                axes.set_title(f"{QUANTITIES[quantity]}, {names}")
        if size.has_title:
            _write_titles(figure, spec, found)
        return figure


def _line(member: Member, split: str, found: Mapping[str, Curves], size: Size, *, several: bool) -> Line:
    """Return the line of a member in a row of panels, which shows one split or several."""
    label = member.label + (f", {SPLITS[split][1]}" if several else "")
    if size.wrap:
        label = fill(label, size.wrap, max_lines=MOST_LINES, placeholder=" \N{HORIZONTAL ELLIPSIS}")
    return found[member.variant], split, label, member.colors[split]


def _label_height(lines: Sequence[Line], size: Size) -> float:
    """Return the height of the tallest label of a panel, as `Size.label_height` does."""
    return size.label_height(1 + max(label.count("\n") for _, _, label, _ in lines) if size.wrap else 1)


def _write_titles(figure: Figure, spec: Comparison, found: Mapping[str, Curves]) -> None:
    """Write the title of a comparison above it, and what its lines show below."""
    seeds = {one.runs for one in found.values()}
    count = "/".join(map(str, sorted(seeds)))
    spread = "One run per variant" if seeds == {1} else f"Mean and standard deviation of {count} seeds"
    figure.suptitle(f"{spec.figure}. {spec.title}" if spec.figure else spec.title, x=0.01, ha="left", weight="bold")
    figure.supxlabel(f"{spread}; a dot marks each line's best value", x=0.99, ha="right", fontsize=8.5, color="#555555")


def _draw_panel(axes: Axes, quantity: str, lines: Sequence[Line], size: Size = SCREEN) -> None:
    """Draw the lines of one panel, each given by its curves, split, label and colour, and their labels."""
    ends = []
    for found, split, label, color in lines:
        prefix, _, dashes = SPLITS[split]
        mean, deviation = found.mean[f"{prefix}_{quantity}"], found.deviation[f"{prefix}_{quantity}"]
        axes.plot(found.iterations, mean, color=color, linestyle=dashes)
        if deviation.any():
            axes.fill_between(found.iterations, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0)
        best = mean.argmin() if quantity == "loss" else mean.argmax()
        axes.plot(found.iterations[best], mean[best], "o", color=color, markersize=4.5, markeredgecolor="white")
        ends.append((mean[-1], found.iterations[-1], label, color))
    axes.set_title(QUANTITIES[quantity])
    axes.set_xlabel("Iterations")
    axes.set_xlim(0, max(right for _, right, _, _ in ends))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
    _label_ends(axes, sorted(ends, key=lambda end: end[0]), size.label, _label_height(lines, size))


def _label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], points: float, label_height: float) -> None:
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
            color=_readable(color),
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


def _readable(color: str) -> str:
    """Return a colour darkened until its text has a contrast of 4.5 on white (WCAG 2.2, level AA)."""
    rgb = np.array(mpl.colors.to_rgb(color))
    while True:
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        if 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5:
            return mpl.colors.to_hex(tuple(rgb))
        rgb = rgb * 0.95
