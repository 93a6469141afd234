"""The confusion matrix of a run."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from convnets.style import STYLE

NUMBERED_CLASSES = 40  # at most


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
