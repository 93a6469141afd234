"""CIFAR-10 as a kind of data set: described by its facts, and read from the official batches."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convnets.data.cifar10 import BATCH_SHA256, CLASSES, IMAGE_SHAPE, IMAGES_PER_BATCH, TRAIN_BATCHES
from convnets.data.images import Description, ImageFormat, Place
from convnets.files import read_json

if TYPE_CHECKING:
    from convnets.data.dataset import Content

IDENTITY = {"batches": hashlib.sha256(json.dumps(BATCH_SHA256, sort_keys=True, separators=(",", ":")).encode()).hexdigest()}
PROVENANCE = "source.json"  # beside the batches: the source that delivered them


def describe(_place: Place, _digest: Callable[[Path], str]) -> Description:
    """Return what is known of CIFAR-10."""
    return Description(
        format=ImageFormat(IMAGE_SHAPE, CLASSES),
        counts={"train": len(TRAIN_BATCHES) * IMAGES_PER_BATCH, "test": IMAGES_PER_BATCH},
        identity=IDENTITY,
        files=tuple(f"<resources>/cifar10/{name}" for name in (*BATCH_SHA256, PROVENANCE)),
    )


def read(_place: Place, files: Sequence[Path]) -> "Content":
    """Return the images; an InputError if these are not the official batches."""
    from convnets.data import batches  # NumPy is not needed to plan
    from convnets.data.dataset import Content

    folder = files[0].parent
    batches.check(folder, str(folder))
    train, test = batches.read_all(folder)
    return Content(train, test, str(read_json(folder / PROVENANCE)["source"]), IDENTITY)
