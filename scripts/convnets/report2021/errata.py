"""Where the report is wrong: what it prints, what is right, why, and what follows for its conclusion.

The texts stand in `report/errata.yaml`. Their numbers are computed here: by the formulas of layer shapes, and from what the report
itself prints. They are about the report's own networks and its own protocol, whatever is trained here. The report does not state
how it trained; the settings are those of the course's code, which it follows (docs/protocol.md).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from convnets.data.cifar10 import CLASSES, IMAGE_SHAPE
from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.networks import formulas as layers
from convnets.networks import vgg16
from convnets.networks.formulas import BYTES_PER_PARAMETER
from convnets.networks.shapes import network_parameters
from convnets.report2021 import PRINTED_CONV1X1, PRINTED_DENSE
from convnets.settings import Network

TEXTS = Path(__file__).parents[3] / "report" / "errata.yaml"

# The report's protocol: images, batch, and the epochs of the convolutional networks and of the multilayer perceptron.
PROTOCOL = {"training": 45_000, "validation": 5_000, "test": 10_000, "batch": 64, "epochs": 30, "mlp_epochs": 50}
IMAGES = ImageFormat(IMAGE_SHAPE, CLASSES)
DENSE = Network(filters=(16, 32, 64), kernel_size=5, head="dense", dense_units=(50,), dropout=0.5)
CONV1X1 = Network(filters=(16, 32, 64), kernel_size=5, head="conv1x1", dense_units=(), dropout=0.0)

# What the report prints.
PRINTED = {
    **{"without": 0.7002, "with_dropout": 0.6967},  # section 2.1, dropout 0.0 and 0.5: most likely test accuracies
    "conv1x1_accuracy": 0.7309,  # section 3: likewise
    **{"loss_with": 0.87, "loss_without": 1.04},  # section 2.4, augmentation on and off
    "iterations_printed": 15_000,  # section 2.3: so many more for the MLP
}

# Where its validation curves end, read off its figures (report/curves2021.csv): accuracies and losses.
ENDS = {
    ("1", "conv2_dropout00"): (0.6786, 1.8085),
    ("1", "conv2_dropout05"): (0.7032, 0.9851),
    ("2", "conv2_dropout05"): (0.6899, 0.9991),
}


@dataclass(frozen=True)
class Erratum:
    """An error of the report: where, what it prints, what is right, how that follows, and what follows for the conclusion.

    `title` says it in a few words; the last five are the same in Spanish.
    """

    id: str
    section: str
    reported: str
    correct: str
    derivation: str
    consequence: str
    title: str
    reported_es: str
    correct_es: str
    derivation_es: str
    consequence_es: str
    title_es: str


@cache
def find(texts: Path = TEXTS) -> tuple[Erratum, ...]:
    """Return the errata in the order of the report, the numbers filled into their texts.

    An InputError says that the texts cannot be read, lack a part, or name a number that is not computed.
    """
    try:
        found = yaml.safe_load(texts.read_text(encoding="utf-8"))
        return tuple(_filled(id_, **parts) for id_, parts in found.items())
    except (OSError, yaml.YAMLError, AttributeError, TypeError, LookupError, ValueError) as error:
        raise InputError(f"the errata in {texts} cannot be read: {error!r}") from error


def _filled(id_: str, section: str, **parts: Mapping[str, str]) -> Erratum:
    numbers = _numbers()
    english = {name: text["en"].format(**numbers) for name, text in parts.items()}
    spanish = {f"{name}_es": text["es"].format(**numbers) for name, text in parts.items()}
    return Erratum(id_, section, **english, **spanish)


def ids() -> tuple[str, ...]:
    """Return the ids of the errata, in the order of the report."""
    return tuple(erratum.id for erratum in find())


@cache
def _numbers() -> Mapping[str, float | str]:
    """Return the numbers in the texts, in the order of the report."""
    convolutions = [block for block in vgg16.BLOCKS if block.kind == "conv"]
    without, with_dropout = PRINTED["without"], PRINTED["with_dropout"]
    # The standard deviation of an accuracy that comes from drawing the images at random (binomial).
    deviations = [math.sqrt(accuracy * (1 - accuracy) / PROTOCOL["test"]) for accuracy in (without, with_dropout)]
    per_epoch, batches_validated = (PROTOCOL[split] // PROTOCOL["batch"] for split in ("training", "validation"))
    (accuracy_without, loss_without), (accuracy_with, loss_with), (accuracy_again, _) = ENDS.values()
    counts, stack, vgg_head = vgg16.parameters(), vgg16.convolution_stack_parameters(), vgg16.head_parameters()
    vgg, row = sum(counts.values()), counts["conv5"] + vgg_head
    last = counts["fc3"] // vgg16.BLOCKS[-1].width * len(CLASSES)  # of ten classes
    dense, conv1x1 = (network_parameters(network, IMAGES) for network in (DENSE, CONV1X1))
    blocks = layers.convolution_blocks_parameters(DENSE, IMAGES)  # those of both networks
    return {
        **PROTOCOL,
        **PRINTED,
        "filters_printed": "; ".join(f"{block.name}: {block.layers}" for block in convolutions),
        "filters_meant": "; ".join(f"{block.name}: {block.layers} x {block.width}" for block in convolutions),
        "difference": without - with_dropout,
        "single_deviation": deviations[0],
        "deviation": math.hypot(*deviations),
        "apart": (without - with_dropout) / math.hypot(*deviations),
        "between_runs": accuracy_with - accuracy_again,
        "between_dropouts": accuracy_with - accuracy_without,
        "error_without": 1 - accuracy_without,
        "error_with_dropout": 1 - accuracy_with,
        "error_ratio": (1 - accuracy_without) / (1 - accuracy_with),
        "loss_ratio": loss_without / loss_with,
        "validated": batches_validated * PROTOCOL["batch"],
        "per_epoch": per_epoch,
        "iterations_more": (PROTOCOL["mlp_epochs"] - PROTOCOL["epochs"]) * per_epoch,
        "vgg": vgg,
        "vgg_dense": vgg - stack,
        "vgg_dense_share": (vgg - stack) / vgg,
        "vgg_channels": vgg16.CHANNELS,
        "vgg_classes": vgg16.BLOCKS[-1].width,
        "vgg_last": counts["fc3"],
        "vgg_last_here": last,
        "vgg_here": vgg - counts["fc3"] + last,
        "conv5": counts["conv5"],
        "stack": stack,
        "stack_and_head": stack + vgg_head,
        "head_printed": vgg_head,
        "row": row,
        "row_eighth": row / 8,
        "row_bytes": row * BYTES_PER_PARAMETER,
        "row_megabytes": layers.megabytes(row),
        "dense": dense,
        "dense_bytes": dense * BYTES_PER_PARAMETER,
        "dense_head": dense - blocks,
        "dense_share": (dense - blocks) / dense,
        "dense_layers": len(DENSE.dense_units) + 1,
        "conv1x1": conv1x1,
        "conv1x1_megabytes": layers.megabytes(conv1x1),
        "blocks": blocks,
        "head": conv1x1 - blocks,
        "channels": CONV1X1.filters[-1],
        "classes": len(CLASSES),
        "saving": dense / conv1x1,
        "saving_printed": PRINTED_DENSE[1] / PRINTED_CONV1X1[1],
        "megabytes_dense": PRINTED_DENSE[1],
        "megabytes_conv1x1": PRINTED_CONV1X1[1],
        "weight_bytes": BYTES_PER_PARAMETER,
        "weight_bits": BYTES_PER_PARAMETER * 8,
    }
