"""The table of variants: mean and spread of each metric over the seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import pandas as pd

from convnets import tables
from convnets.runs.records import NUMBER_COLUMNS, Metrics

# The metrics in the Markdown table: heading and decimals.
SHOWN = {
    "best_val_accuracy": ("best validation accuracy", 4),
    "test_accuracy": ("test accuracy", 4),
    "min_val_loss": ("lowest validation loss", 4),
    "final_val_loss": ("final validation loss", 4),
    "train_seconds": ("training time (s)", 0),
}


def table(runs: Iterable[Metrics], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per variant: its label, how many runs, and mean and standard deviation of each metric over them.

    Rows follow `labels`; the deviation of a single run is empty.
    """
    frame = pd.DataFrame([asdict(run) for run in runs])
    groups = frame.groupby("variant")[list(NUMBER_COLUMNS)]
    summary = groups.agg(["mean", "std"])
    summary.columns = ["_".join(column) for column in summary.columns]
    summary.insert(0, "runs", groups.size())
    summary.insert(0, "label", pd.Series(labels))
    return summary.loc[list(labels)].rename_axis("variant").reset_index()


def markdown(table: pd.DataFrame) -> str:
    """Return the table of variants as Markdown, with fewer columns and digits."""
    shown = pd.DataFrame({"variant": table["label"], "runs": table["runs"]})
    shown["parameters"] = [f"{count:,.0f}" for count in table["parameters_mean"]]
    for metric, (heading, digits) in SHOWN.items():
        shown[heading] = tables.means(table, metric, digits)
    return tables.markdown(shown)
