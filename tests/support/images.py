"""The images of CIFAR-10, for tests: their format, and the official ones prepared."""

from pathlib import Path

from convnets.data import batches, dataset
from convnets.data.cifar10 import CLASSES, IMAGE_SHAPE
from convnets.data.images import ImageFormat

FORMAT = ImageFormat(IMAGE_SHAPE, CLASSES)


def prepare(folder: Path, settings: dataset.DatasetSettings) -> dataset.Dataset:
    """Prepare the official images in a folder."""
    return dataset.prepare(*batches.read_all(folder), CLASSES, settings)
