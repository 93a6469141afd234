"""The style of all figures, and how they are written."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from convnets.files import atomic_path

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "text.parse_math": False,  # labels are the user's, and may hold a dollar
    "svg.hashsalt": "convnets",  # otherwise the ids in SVG files are random
}


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure to each path, in the format of its suffix; equal figures give equal files."""
    with mpl.rc_context(STYLE):
        for path in paths:
            with atomic_path(path) as temporary:
                metadata = {"Date": None} if path.suffix == ".svg" else None
                figure.savefig(temporary, dpi=150, metadata=metadata)
