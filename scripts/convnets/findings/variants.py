"""The table of variants: mean and spread of each metric over the seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from convnets import tables
from convnets.runs.records import NUMBER_COLUMNS, Metrics

# The metrics in the table for readers: heading and decimals.
SHOWN = {
    "best_val_accuracy": ("best validation accuracy", 4),
    "test_accuracy": ("test accuracy", 4),
    "min_val_loss": ("lowest validation loss (nats)", 4),
    "final_val_loss": ("final validation loss (nats)", 4),
    "train_seconds": ("training time (s)", 0),
}


def table(runs: Iterable[Metrics], verified: Sequence[str], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per variant: its label, how many runs, mean and standard deviation of each metric over them, runs verified.

    Rows follow `labels`; the deviation of a single run is empty. `verified` names the variant of each run that is fresh by a
    verification (`make verify`), not by its training.
    """
    frame = pd.DataFrame([asdict(run) for run in runs])
    groups = frame.groupby("variant")[list(NUMBER_COLUMNS)]
    summary = groups.agg(["mean", "std"])
    summary.columns = ["_".join(column) for column in summary.columns]
    summary.insert(0, "runs", groups.size())
    summary.insert(0, "label", pd.Series(labels))
    summary["verified"] = [verified.count(variant) for variant in summary.index]
    return summary.loc[list(labels)].rename_axis("variant").reset_index()


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of variants for readers, with fewer columns and digits."""
    shown = pd.DataFrame({"variant": table["label"], "runs": table["runs"]})
    shown["parameters"] = [f"{count:,.0f}" for count in table["parameters_mean"]]
    for metric, (heading, digits) in SHOWN.items():
        shown[heading] = tables.means(table, metric, digits)
    if table["verified"].any():
        shown["runs verified, not trained, by this code"] = table["verified"]
    return shown.astype(str)
