"""Curves that were read off published figures, as a file.

It is CSV with the columns `variant`, `split` (validation or train), `metric` (loss or accuracy), `iteration` and `value`; optional
are `figure`, `uncertainty` (half-width of the reading error) and `run_of_figure`: the figure that shows the run first; that reading
alone is tested.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from convnets.errors import InputError

NEEDED = ("variant", "split", "metric", "iteration", "value")
VALUES = {"split": ("validation", "train"), "metric": ("loss", "accuracy")}


def read(path: Path, figures: Sequence[str] = ()) -> pd.DataFrame:
    """Read the curves of some figures from a file, all if none is named; an InputError if it holds no published curves."""
    try:
        frame = pd.read_csv(path, dtype={"figure": str, "run_of_figure": str})
    except (OSError, ValueError) as error:
        raise InputError(f"the published curves in {path} cannot be read: {error}") from error
    if missing := [name for name in NEEDED if name not in frame]:
        raise InputError(f"{path} holds no published curves: it has no column {', '.join(missing)}")
    for name, known in VALUES.items():
        if not frame[name].isin(known).all():
            raise InputError(f"{path}: the column {name} should hold {' and '.join(known)} only")
    for name in ("figure", "run_of_figure"):
        frame[name] = frame[name].fillna("") if name in frame else frame.get("figure", "")
    frame["uncertainty"] = frame["uncertainty"].fillna(0.0) if "uncertainty" in frame else 0.0
    return frame[frame["figure"].isin(figures)] if figures else frame
