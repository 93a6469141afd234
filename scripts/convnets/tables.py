"""The tables: one row per variant, VGG-16 by block, and the memory of networks beside what the report printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from convnets import vgg16
from convnets.cifar10 import CLASSES
from convnets.files import atomic_path
from convnets.layers import BYTES_PER_PARAMETER, convolution_parameters, megabytes
from convnets.records import NUMBER_COLUMNS, Metrics

# What the Markdown table of variants shows of the columns of the CSV: heading, and digits after the point.
SHOWN = {
    "best_val_accuracy": ("best validation accuracy", 4),
    "test_accuracy": ("test accuracy", 4),
    "min_val_loss": ("lowest validation loss", 4),
    "final_val_loss": ("final validation loss", 4),
    "train_seconds": ("training time (s)", 0),
}

IDENTIFYING = ("id", "variant", "label", "network")  # columns of text, whatever it looks like
DIGITS = 9  # that count, of numbers in a CSV; the last bits of sums depend on who adds, and how

# Table 1 of the report: parameters, and megabytes of 10^6 bytes.
REPORTED_DENSE = (138_357_544, 553.43)
REPORTED_CONV1X1 = (7_079_424 + 1 * 1 * 512 * 10 + 10, 0.8856)


def read(path: Path) -> pd.DataFrame:
    """Read a table; what is empty is NaN, and a text such as "None" stays one."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(IDENTIFYING, str))


def variants(runs: Sequence[Metrics], labels: Mapping[str, str]) -> pd.DataFrame:
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


def variants_markdown(table: pd.DataFrame) -> str:
    """Return the table of variants as Markdown, for readers: fewer columns and digits."""
    shown = pd.DataFrame({"variant": table["label"], "runs": table["runs"]})
    shown["parameters"] = [f"{count:,.0f}" for count in table["parameters_mean"]]
    for metric, (heading, digits) in SHOWN.items():
        shown[heading] = means(table, metric, digits)
    return markdown(shown)


def means(table: pd.DataFrame, metric: str, digits: int) -> list[str]:
    """Return for readers the mean of a metric in each row, with its deviation where there is one."""
    pairs = zip(table[f"{metric}_mean"], table[f"{metric}_std"], strict=True)
    return [f"{mean:,.{digits}f}" + (f" ± {deviation:,.{digits}f}" if pd.notna(deviation) else "") for mean, deviation in pairs]


def vgg16_blocks() -> pd.DataFrame:
    """Return the parameters of each block of VGG-16, the bits and megabytes that they take, and a total."""
    counts = vgg16.parameters()
    counts["total"] = sum(counts.values())
    return pd.DataFrame(
        [
            {
                "block": block,
                "parameters": count,
                "bits": count * BYTES_PER_PARAMETER * 8,
                "megabytes": megabytes(count),
            }
            for block, count in counts.items()
        ]
    )


def memory(dense: Metrics, conv1x1: Metrics, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the memory of the trained networks and of VGG-16, beside the numbers that the report's table 1 gives for them.

    The report's numbers stand with the networks that it says they are about, and a note says what is wrong with them.
    """
    vgg = vgg16.parameters()
    head = convolution_parameters(1, vgg16.CHANNELS, len(CLASSES))
    stack = vgg16.convolution_stack_parameters()
    reported_sum = vgg["conv5"] + head
    rows = [
        (
            f"{labels[dense.variant]} (trained)",
            dense.parameters,
            REPORTED_DENSE,
            f"The report counts VGG-16 here; the network that was trained has {dense.parameters:,} parameters.",
        ),
        (
            f"{labels[conv1x1.variant]} (trained)",
            conv1x1.parameters,
            REPORTED_CONV1X1,
            f"The report takes {vgg['conv5']:,}, the fifth block of VGG-16, for the three convolutional layers; "
            f"the network that was trained has {conv1x1.parameters:,} parameters.",
        ),
        ("VGG-16", sum(vgg.values()), REPORTED_DENSE, "As in the report's theory."),
        (
            "VGG-16 with a 1x1 head",
            stack + head,
            None,
            f"All five convolution blocks ({stack:,}) and a 1x1 convolution with {len(CLASSES)} filters ({head:,}).",
        ),
        (
            "fifth block of VGG-16 with a 1x1 head",
            reported_sum,
            REPORTED_CONV1X1,
            f"The sum that the report forms. Its {REPORTED_CONV1X1[1]} MB divides the parameters by 8; "
            f"at {BYTES_PER_PARAMETER} bytes each they take {megabytes(reported_sum):.2f} MB.",
        ),
    ]
    return pd.DataFrame(
        [
            {
                "network": network,
                "parameters": count,
                "bytes": count * BYTES_PER_PARAMETER,
                "megabytes": megabytes(count),
                "reported_parameters": reported[0] if reported else None,
                "reported_megabytes": reported[1] if reported else None,
                "note": note,
            }
            for network, count, reported, note in rows
        ]
    ).astype({"reported_parameters": "Int64"})


def memory_markdown(table: pd.DataFrame) -> str:
    """Return the memory table as Markdown."""
    shown = pd.DataFrame({"network": table["network"]})
    shown["parameters"] = [f"{count:,}" for count in table["parameters"]]
    shown["MB"] = [f"{size:.4g}" for size in table["megabytes"]]
    shown["report: parameters"] = [f"{count:,}" if pd.notna(count) else "" for count in table["reported_parameters"]]
    shown["report: MB"] = [f"{size}" if pd.notna(size) else "" for size in table["reported_megabytes"]]
    shown["note"] = table["note"]
    return markdown(shown)


def significant(value: float) -> float:
    """Return a number with the digits that all versions of the libraries agree on."""
    return float(f"{value:.{DIGITS}g}")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; whole numbers among others stay whole."""
    values = {
        name: pd.Series([significant(value) if isinstance(value, float) else value for value in column], dtype=object)
        for name, column in table.items()
    }
    rounded = pd.DataFrame(values, columns=table.columns)
    with atomic_path(path) as temporary:
        rounded.to_csv(temporary, index=False, lineterminator="\n")


def write_text(text: str, path: Path) -> None:
    """Write a text file."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, its texts as they are."""
    text: str = table.to_markdown(index=False, disable_numparse=True)
    return text + "\n"
