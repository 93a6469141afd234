"""The report's tables of parameters and memory: VGG-16 by block, and the networks with and without fully connected layers."""

from collections.abc import Mapping

import pandas as pd

from convnets.data.cifar10 import CLASSES
from convnets.networks import vgg16
from convnets.networks.formulas import BYTES_PER_PARAMETER, megabytes
from convnets.report2021 import PRINTED_CONV1X1, PRINTED_DENSE


def vgg16_blocks() -> pd.DataFrame:
    """Return the parameters of each block of VGG-16, the bits and megabytes that they take, and a total."""
    counts = vgg16.parameters()
    counts["total"] = sum(counts.values())
    frame = pd.DataFrame(list(counts.items()), columns=["block", "parameters"])
    return frame.assign(bits=frame["parameters"] * BYTES_PER_PARAMETER * 8, megabytes=frame["parameters"].map(megabytes))


def table(parameters: Mapping[str, int], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the memory of the networks and of VGG-16, beside the numbers that the report's table 1 gives for them.

    Each printed number stands beside the network that the report assigns it to, and a note says what is wrong with it. The trained
    networks' `parameters` and `labels` are by their head: "dense" and "conv1x1".
    """
    dense, conv1x1, vgg = parameters["dense"], parameters["conv1x1"], vgg16.parameters()
    head, stack = vgg16.head_parameters(), vgg16.convolution_stack_parameters()
    rows = [
        (
            f"{labels['dense']} (trained)",
            *(dense, PRINTED_DENSE),
            f"The report counts VGG-16 here; the network that was trained has {dense:,} parameters.",
        ),
        (
            f"{labels['conv1x1']} (trained)",
            *(conv1x1, PRINTED_CONV1X1),
            f"The report takes {vgg['conv5']:,}, the fifth block of VGG-16, for the three convolutional layers; "
            f"the network that was trained has {conv1x1:,} parameters.",
        ),
        ("VGG-16", sum(vgg.values()), PRINTED_DENSE, "As in the report's theory."),
        (
            "VGG-16 with a 1x1 head",
            *(stack + head, (None, None)),
            f"All five convolution blocks ({stack:,}) and a 1x1 convolution with {len(CLASSES)} filters ({head:,}).",
        ),
        (
            "fifth block of VGG-16 with a 1x1 head",
            *(vgg["conv5"] + head, PRINTED_CONV1X1),
            f"The sum that the report forms. Its {PRINTED_CONV1X1[1]} MB divides the parameters by 8; "
            f"at {BYTES_PER_PARAMETER} bytes each they take {megabytes(vgg['conv5'] + head):.2f} MB.",
        ),
    ]
    columns = ["network", "parameters", "bytes", "megabytes", "reported_parameters", "reported_megabytes", "note"]
    values = [(name, count, count * BYTES_PER_PARAMETER, megabytes(count), *printed, note) for name, count, printed, note in rows]
    return pd.DataFrame(values, columns=columns).astype({"reported_parameters": "Int64"})


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the memory table for readers."""
    shown = table[["network"]].assign(parameters=table["parameters"].map("{:,}".format))
    shown["MB"] = [f"{size:.4g}" for size in table["megabytes"]]
    shown["report: parameters"] = [f"{count:,.0f}" if pd.notna(count) else "" for count in table["reported_parameters"]]
    shown["report: MB"] = [f"{size}" if pd.notna(size) else "" for size in table["reported_megabytes"]]
    return shown.assign(note=table["note"])


def readable_blocks(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of VGG-16's blocks for readers."""
    shown = table[["block"]].assign(**{name: [f"{count:,}" for count in table[name]] for name in ("parameters", "bits")})
    return shown.assign(MB=[f"{size:,.2f}" for size in table["megabytes"]])
