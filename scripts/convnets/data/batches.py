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
    """Check that `folder` holds the six official batches, byte for byte.

    Raises
    ------
    InputError
        Naming `source`, the first batch that is missing, truncated or different, and the digest expected.
    """
    for name, expected in BATCH_SHA256.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{source} holds no {name}; expected the six batches {', '.join(BATCH_SHA256)}")
        size = path.stat().st_size
        if size != BATCH_BYTES:
            raise InputError(
                f"{source}: {name} has {size:,} bytes, expected {BATCH_BYTES:,}; the file is truncated or no CIFAR-10 batch. "
                "Fetch it again, or set dataset.source to another source."
            )
        found = sha256(path)
        if found != expected:
            raise InputError(
                f"{source}: {name} has SHA-256 {found}, expected {expected}; its content is not the official one. "
                "Fetch it again, or set dataset.source to another source."
            )


def are_official(folder: Path) -> bool:
    """Return whether a folder holds the six official batches."""
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in BATCH_SHA256.items())


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one batch.

    Returns
    -------
    images
        uint8, shape (10000, 32, 32, 3), values 0 to 255, channels red, green, blue.
    labels
        uint8, shape (10000,), indices into `cifar10.CLASSES`.
    """
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
