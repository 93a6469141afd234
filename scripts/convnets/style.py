"""The style of all figures, and how they are written."""

import logging
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from convnets.files import atomic_path

UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # metadata of formats that else bear the time

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of each table of a font that a PDF file embeds

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
    "pdf.fonttype": 42,  # TrueType: publishers refuse Matplotlib's own choice, Type 3
}


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure to each path, in the format of its suffix; equal figures give equal files."""
    with mpl.rc_context(STYLE):
        for path in paths:
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=150, metadata=UNDATED.get(path.suffix))
