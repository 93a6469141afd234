"""Figure 7 of the report: VGG-16 drawn as the boxes of its feature maps, from the same blocks that its parameters come from."""

import math
from collections.abc import Sequence
from itertools import islice

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from convnets.networks import vgg16
from convnets.style import STYLE

CONVOLUTION, POOLING, DENSE = "#56B4E9", "#D55E00", "#009E73"
SLANT = np.array([0.35, 0.28])  # how far depth goes to the right and up, per unit of a map's side
GAP = 0.55
# In print: units of the drawing per inch, the factor of heights, and the width of a block's text in inches.
UNITS_PER_IN, PRINT_SCALE = 2.6, 0.5
PRINT_ROOM = {"conv": 0.93, "fc": 0.82}

Drawn = tuple[vgg16.Block, int, int]  # a block, the side of its feature maps, and its parameters


def draw() -> Figure:
    """Draw VGG-16: a box per layer, its height from the side of its feature map, its width from the number of channels."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 5.4), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        x = 0.0
        for drawn in _blocks():
            x = _draw_block(axes, x, drawn)
        axes.set_xlim(-0.9, x)
        axes.set_ylim(-4.2, 5.1)
        images = f"{vgg16.INPUT_SIDE} x {vgg16.INPUT_SIDE} x {vgg16.INPUT_CHANNELS} images"
        axes.set_title(f"VGG-16 on {images}: {sum(vgg16.parameters().values()):,} parameters", weight="bold")
        kinds = {"convolution + ReLU": CONVOLUTION, "max pooling 2x2": POOLING, "fully connected": DENSE}
        for row, (name, color) in enumerate(kinds.items()):
            y = 4.5 - 0.45 * row
            axes.add_patch(Rectangle((x - 3.4, y - 0.13), 0.3, 0.26, color=color))
            axes.text(x - 2.95, y, name, va="center", fontsize=9)
        return figure


def draw_for_print(width: float, rows: Sequence[int]) -> Figure:
    """Draw the same, `width` inches wide, without title and legend; `rows` holds the number of blocks in each row."""
    with mpl.rc_context(STYLE):
        blocks = iter(_blocks())
        lines = [list(islice(blocks, count)) for count in rows]
        # The units above and below the middle of each row, of its largest block, with room for the text.
        largest = [PRINT_SCALE * max(_height(block, side) for block, side, _ in line) for line in lines]
        above, below = ([share * height + room for height in largest] for share, room in ((0.5 + SLANT[1], 0.8), (0.5, 2.1)))
        total = sum(above) + sum(below)
        figure, top = Figure(figsize=(width, total / UNITS_PER_IN)), 1.0
        for line, high, low in zip(lines, above, below, strict=True):
            top -= (high + low) / total
            axes = figure.add_axes((0, top, 1, (high + low) / total), xlim=(0, width * UNITS_PER_IN), ylim=(-low, high))
            axes.set_axis_off()
            widths = [PRINT_ROOM[block.kind] * UNITS_PER_IN for block, _, _ in line]
            x = (width * UNITS_PER_IN - sum(widths)) / 2
            for (block, side, count), room in zip(line, widths, strict=True):
                taken = 0.22 + 2 * 0.3 if block.kind == "fc" else (block.layers + 1) * (0.14 + 0.2 * block.width / 512)
                _draw_block(axes, x + (room - taken) / 2, (block, side, count), PRINT_SCALE, 8, "\n")
                x += room
        return figure


def _blocks() -> list[Drawn]:
    counts = vgg16.parameters()
    return [(block, vgg16.INPUT_SIDE // 2**poolings, counts[block.name]) for poolings, block in enumerate(vgg16.BLOCKS)]


def _height(block: vgg16.Block, side: int) -> float:
    """Return the height of a block. The square root of a map's side keeps 7 visible beside 224."""
    return math.sqrt(side) / 2.6 if block.kind == "conv" else 0.5 + 2.5 * block.width / 4096


def _draw_block(axes: Axes, start: float, drawn: Drawn, scale: float = 1, points: float = 8.5, separator: str = ", ") -> float:
    """Draw a block from `start` on, its heights scaled, with its texts; return where the next one starts."""
    block, side, count = drawn
    height = scale * _height(block, side)
    if block.kind == "fc":
        width, start = 0.22, start + 0.3
        axes.add_patch(Rectangle((start, -height / 2), width, height, facecolor=DENSE, edgecolor="#333333"))
        axes.text(start + width / 2, height / 2 + 0.12, f"{block.width:,}", ha="center", va="bottom", fontsize=points)
        _caption(axes, start + width / 2, height, f"{block.name}\n{block.width:,} units\n{count:,}", points)
        return start + width + 0.9
    pooled, width = scale * _height(block, side // 2), 0.14 + 0.2 * block.width / 512
    x = start
    for _ in range(block.layers):
        _box(axes, x, height, width, CONVOLUTION)
        x += width + 0.05
    _box(axes, x, pooled, width, POOLING)
    top = height / 2 + SLANT[1] * height + 0.12
    size = f"{side} x {side} x {block.width}"
    axes.text(start + SLANT[0] * height, top, size, va="bottom", fontsize=points)
    _caption(axes, (start + x) / 2, height, f"{block.name}\n{block.layers} x conv 3x3{separator}{block.width}\n{count:,}", points)
    return x + width + float(SLANT[0]) * pooled + GAP


def _caption(axes: Axes, x: float, height: float, text: str, points: float) -> None:
    axes.text(x, -height / 2 - 0.2, text, ha="center", va="top", fontsize=points, linespacing=1.35)


def _box(axes: Axes, x: float, height: float, width: float, color: str) -> None:
    """Draw a cuboid whose front's lower left corner is at (x, -height / 2)."""
    front = np.array([(0, 0), (width, 0), (width, height), (0, height)]) + (x, -height / 2)
    depth = SLANT * height
    top = np.array([front[3], front[2], front[2] + depth, front[3] + depth])
    flank = np.array([front[1], front[1] + depth, front[2] + depth, front[2]])
    base = np.array(mpl.colors.to_rgb(color))
    for corners, shade in ((front, 1.0), (top, 0.85), (flank, 0.7)):
        axes.add_patch(Polygon(corners, facecolor=tuple(base * shade), edgecolor="#333333", linewidth=0.6, joinstyle="round"))
