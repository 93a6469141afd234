"""Reading, writing and checking batches of the official binary layout.

An image is one label byte followed by 1024 red, 1024 green and 1024 blue bytes, each plane row by row.
"""

from pathlib import Path

import numpy as np

from convnets.data.cifar10 import BATCH_BYTES, BATCH_SHA256, IMAGE_SHAPE, IMAGES_PER_BATCH, TEST_BATCH, TRAIN_BATCHES
from convnets.data.dataset import Split
from convnets.errors import InputError
from convnets.files import sha256


def check(folder: Path, source: str) -> None:
    """Raise an InputError, which names `source`, unless `folder` holds the six official batches, byte for byte."""
    advice = "Fetch it again, or set dataset.source to another source."
    for name, expected in BATCH_SHA256.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{source} holds no {name}; expected the six batches {', '.join(BATCH_SHA256)}")
        if (size := path.stat().st_size) != BATCH_BYTES:
            wrong = f"has {size:,} bytes, expected {BATCH_BYTES:,}; the file is truncated or no CIFAR-10 batch"
            raise InputError(f"{source}: {name} {wrong}. {advice}")
        if (found := sha256(path)) != expected:
            wrong = f"has SHA-256 {found}, expected {expected}; its content is not the official one"
            raise InputError(f"{source}: {name} {wrong}. {advice}")


def are_official(folder: Path) -> bool:
    """Return whether a folder holds the six official batches."""
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in BATCH_SHA256.items())


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch's images (uint8, shape (10000, 32, 32, 3), red, green, blue) and labels (uint8, shape (10000,))."""
    rows = np.fromfile(path, np.uint8).reshape(IMAGES_PER_BATCH, -1)
    height, width, channels = IMAGE_SHAPE
    planes = rows[:, 1:].reshape(-1, channels, height, width)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), rows[:, 0].copy()


def read_all(folder: Path) -> tuple[Split, Split]:
    """Return the official training images and test images."""
    parts = [read(folder / name) for name in TRAIN_BATCHES]
    train = Split(np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]))
    return train, Split(*read(folder / TEST_BATCH))


def write(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write images (uint8, shape (n, 32, 32, 3)) and labels (integers, shape (n,)) in the official binary layout."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    np.column_stack([labels.astype(np.uint8), planes]).tofile(path)
