"""The images of CIFAR-10, for tests: their format, and the official ones prepared."""

from pathlib import Path
from typing import Any

from convnets.data import batches, dataset, official
from convnets.data.cifar10 import CLASSES, IMAGE_SHAPE
from convnets.data.images import ImageFormat

FORMAT = ImageFormat(IMAGE_SHAPE, CLASSES)


def prepare(folder: Path, settings: dataset.DatasetSettings) -> dataset.Dataset:
    """Prepare the official images in a folder."""
    return dataset.prepare(*batches.read_all(folder), CLASSES, settings)


def split_of(*subset: int) -> dict[str, Any]:
    """Return what decides a subset of so many training, validation and test images, as it counts in fingerprints."""
    return {**official.IDENTITY, "validation_fraction": 0.1, "split_seed": 1, "subset": list(subset)}
