"""The report's tables of parameters and memory: VGG-16 by block, and the networks with and without fully connected layers."""

from collections.abc import Mapping

import pandas as pd

from convnets import tables
from convnets.data.cifar10 import CLASSES
from convnets.networks.formulas import BYTES_PER_PARAMETER, convolution_parameters, megabytes
from convnets.report2021 import vgg16

# Table 1 of the report: parameters, and megabytes of 10^6 bytes.
REPORTED_DENSE = (138_357_544, 553.43)
REPORTED_CONV1X1 = (7_079_424 + 1 * 1 * 512 * 10 + 10, 0.8856)


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


def table(parameters: Mapping[str, int], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the memory of the trained networks and of VGG-16, beside the numbers that the report's table 1 gives for them.

    The report's numbers stand with the networks that it says they are about, and a note says what is wrong with them.

    Parameters
    ----------
    parameters, labels
        The parameters and labels of the trained networks by head: "dense" and "conv1x1".
    """
    dense, conv1x1 = parameters["dense"], parameters["conv1x1"]
    vgg = vgg16.parameters()
    head = convolution_parameters(1, vgg16.CHANNELS, len(CLASSES))
    stack = vgg16.convolution_stack_parameters()
    reported_sum = vgg["conv5"] + head
    rows = [
        (
            f"{labels['dense']} (trained)",
            dense,
            REPORTED_DENSE,
            f"The report counts VGG-16 here; the network that was trained has {dense:,} parameters.",
        ),
        (
            f"{labels['conv1x1']} (trained)",
            conv1x1,
            REPORTED_CONV1X1,
            f"The report takes {vgg['conv5']:,}, the fifth block of VGG-16, for the three convolutional layers; "
            f"the network that was trained has {conv1x1:,} parameters.",
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


def markdown(table: pd.DataFrame) -> str:
    """Return the memory table as Markdown."""
    shown = pd.DataFrame({"network": table["network"]})
    shown["parameters"] = [f"{count:,}" for count in table["parameters"]]
    shown["MB"] = [f"{size:.4g}" for size in table["megabytes"]]
    shown["report: parameters"] = [f"{count:,}" if pd.notna(count) else "" for count in table["reported_parameters"]]
    shown["report: MB"] = [f"{size}" if pd.notna(size) else "" for size in table["reported_megabytes"]]
    shown["note"] = table["note"]
    return tables.markdown(shown)
