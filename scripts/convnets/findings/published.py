"""How much of each published curve lies where one more run of ours would."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from convnets import tables
from convnets.findings.inference import CONFIDENCE, one_more

COLUMNS = (
    *("figure", "variant", "label", "metric", "seeds", "points", "inside", "share", "own_share_mean", "own_share_lowest"),
    *("mean_difference", "outside"),
)
OUTSIDE = "outside at iterations"
CAPTION = (
    "Validation curves. A point is inside of the pointwise {level:.0%} prediction band for one more run, which is widened by the "
    "reading error. Beside it: the share of its points that each run here has within the band of the others, mean and lowest.\n"
)


def table(frame: pd.DataFrame, histories: Mapping[str, Sequence[pd.DataFrame]], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per validation curve and metric of variants with at least three runs.

    `frame` holds the published curves; the `histories` of a variant's runs have the same iterations each.
    """
    first_readings = frame[(frame["split"] == "validation") & (frame["figure"] == frame["run_of_figure"])]
    rows = []
    for keys, points in first_readings.groupby(["figure", "variant", "metric"]):
        figure, variant, metric = map(str, keys)
        runs = histories.get(variant, ())
        if len(runs) < 3:
            continue
        by_iteration = np.array([run.set_index("iteration")[f"val_{metric}"].reindex(points["iteration"]) for run in runs])
        known = np.isfinite(by_iteration).all(0)
        if not known.any():
            continue
        values, points = by_iteration[:, known], points[known]
        away = np.abs(points["value"] - values.mean(0)).to_numpy()
        allowed = np.hypot(half_width(values), points["uncertainty"])
        own = [_share_within(values, number) for number in range(len(values))]
        rows.append(
            {
                "figure": figure,
                "variant": variant,
                "label": labels[variant],
                "metric": metric,
                "seeds": len(values),
                "points": len(points),
                "inside": int((away <= allowed).sum()),
                "share": float((away <= allowed).mean()),
                "own_share_mean": float(np.mean(own)),
                "own_share_lowest": min(own),
                "mean_difference": float((points["value"] - values.mean(0)).mean()),
                "outside": _iterations(points["iteration"].to_numpy(), away > allowed),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def half_width(values: np.ndarray) -> np.ndarray:
    """Return the half-width of the pointwise prediction band for one more run; `values` has the shape (runs, points)."""
    return np.asarray(one_more(len(values)) * values.std(0, ddof=1))


def _share_within(values: np.ndarray, number: int) -> float:
    """Return the share of points that a run has within the band of the others."""
    others = np.delete(values, number, 0)
    return float((np.abs(values[number] - others.mean(0)) <= half_width(others)).mean())


def _iterations(iterations: np.ndarray, is_outside: np.ndarray) -> str:
    """Name the iterations of points outside; neighbours as a range."""
    outside = np.flatnonzero(is_outside)
    spans = np.split(iterations[outside], np.flatnonzero(np.diff(outside) > 1) + 1)
    ends = [dict.fromkeys(f"{end:,}" for end in span[[0, -1]]) for span in spans if len(span)]
    return "; ".join(" to ".join(span) for span in ends)


def readable(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table for readers."""
    shown = found[["figure", "label", "metric"]].fillna("").astype(str).rename(columns={"label": "variant"})
    shown["inside of the band"] = [f"{inside} of {points}" for inside, points in zip(found["inside"], found["points"], strict=True)]
    shown["share"] = [f"{share:.0%}" for share in found["share"]]
    shown["share of our own runs"] = [
        f"{mean:.0%}, lowest {least:.0%}" for mean, least in zip(found["own_share_mean"], found["own_share_lowest"], strict=True)
    ]
    shown["published less ours, mean"] = [f"{difference:+.4f}" for difference in found["mean_difference"]]
    shown[OUTSIDE] = found["outside"].fillna("")
    return shown


def markdown(found: pd.DataFrame) -> str:
    """Return the table for readers, as Markdown."""
    if found.empty:
        return "No published curve has three runs or more beside it.\n"
    return f"{tables.markdown(readable(found))}\n{CAPTION.format(level=CONFIDENCE)}"
