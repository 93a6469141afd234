"""Figure 7 of the report: VGG-16 drawn as the boxes of its feature maps, from the same blocks that its parameters come from."""

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from convnets.report2021 import vgg16
from convnets.style import STYLE

CONVOLUTION, POOLING, DENSE = "#56B4E9", "#D55E00", "#009E73"
SLANT = np.array([0.35, 0.28])  # how far depth goes to the right and up, per unit of a map's side
GAP = 0.55


def draw() -> Figure:
    """Draw VGG-16: a box per layer, its height from the side of its feature map, its width from the number of channels."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 5.4), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        counts = vgg16.parameters()
        x, side = 0.0, vgg16.INPUT_SIDE
        for block in vgg16.BLOCKS:
            if block.kind == "conv":
                x = _convolution_block(axes, x, block, side, counts[block.name])
                side //= 2  # by the block's pooling
            else:
                height, width = 0.5 + 2.5 * block.width / 4096, 0.22
                x += 0.3
                axes.add_patch(Rectangle((x, -height / 2), width, height, facecolor=DENSE, edgecolor="#333333"))
                axes.text(x + width / 2, height / 2 + 0.12, f"{block.width:,}", ha="center", va="bottom", fontsize=8.5)
                _caption(axes, x + width / 2, height, f"{block.name}\n{block.width:,} units\n{counts[block.name]:,}")
                x += width + 0.9
        axes.set_xlim(-0.9, x)
        axes.set_ylim(-4.2, 5.1)
        images = f"{vgg16.INPUT_SIDE} x {vgg16.INPUT_SIDE} x {vgg16.INPUT_CHANNELS} images"
        axes.set_title(f"VGG-16 on {images}: {sum(counts.values()):,} parameters", weight="bold")
        kinds = {"convolution + ReLU": CONVOLUTION, "max pooling 2x2": POOLING, "fully connected": DENSE}
        for row, (name, color) in enumerate(kinds.items()):
            y = 4.5 - 0.45 * row
            axes.add_patch(Rectangle((x - 3.4, y - 0.13), 0.3, 0.26, color=color))
            axes.text(x - 2.95, y, name, va="center", fontsize=9)
        return figure


def _convolution_block(axes: Axes, start: float, block: vgg16.Block, side: int, count: int) -> float:
    """Draw a block's convolutions and its pooling from `start` on; return where the next one starts."""
    # The square root of a map's side keeps 7 visible beside 224.
    height, pooled, width = math.sqrt(side) / 2.6, math.sqrt(side // 2) / 2.6, 0.14 + 0.2 * block.width / 512
    x = start
    for _ in range(block.layers):
        _box(axes, x, height, width, CONVOLUTION)
        x += width + 0.05
    _box(axes, x, pooled, width, POOLING)
    top = height / 2 + SLANT[1] * height + 0.12
    axes.text(start + SLANT[0] * height, top, f"{side} x {side} x {block.width}", va="bottom", fontsize=8.5)
    _caption(axes, (start + x) / 2, height, f"{block.name}\n{block.layers} x conv 3x3, {block.width}\n{count:,}")
    return x + width + float(SLANT[0]) * pooled + GAP


def _caption(axes: Axes, x: float, height: float, text: str) -> None:
    axes.text(x, -height / 2 - 0.2, text, ha="center", va="top", fontsize=8.5, linespacing=1.35)


def _box(axes: Axes, x: float, height: float, width: float, color: str) -> None:
    """Draw a cuboid whose front's lower left corner is at (x, -height / 2)."""
    front = np.array([(0, 0), (width, 0), (width, height), (0, height)]) + (x, -height / 2)
    depth = SLANT * height
    top = np.array([front[3], front[2], front[2] + depth, front[3] + depth])
    flank = np.array([front[1], front[1] + depth, front[2] + depth, front[2]])
    base = np.array(mpl.colors.to_rgb(color))
    for corners, shade in ((front, 1.0), (top, 0.85), (flank, 0.7)):
        axes.add_patch(Polygon(corners, facecolor=tuple(base * shade), edgecolor="#333333", linewidth=0.6, joinstyle="round"))
