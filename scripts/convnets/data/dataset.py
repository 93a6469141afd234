"""The prepared data set: images split into training, validation and test, in one file that opens fast.

The file is an uncompressed NumPy archive of uint8 images with the training images' mean and deviation. NumPy checks the
CRC of each member as it reads, so a damaged file is an error and never a slightly different result.
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convnets.errors import InputError
from convnets.files import atomic_path

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Images (uint8, shape (n, height, width, channels)) and their labels (uint8, shape (n,))."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def sha256(self) -> str:
        """Return the digest of the images followed by the labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """The three splits, the mean and standard deviation of each pixel position over the training images, and the classes.

    `mean` and `deviation` are float32 of the shape of an image, in units of the uint8 values. `classes` are names, in the order of
    the labels.
    """

    train: Split
    validation: Split
    test: Split
    mean: np.ndarray
    deviation: np.ndarray
    classes: tuple[str, ...]

    def split(self, name: str) -> Split:
        """Return one of the splits named in `SPLITS`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


@dataclass(frozen=True)
class DatasetSettings:
    """How images are split: the held-out fraction of the training images, the seed that chooses it, images per split or None."""

    validation_fraction: float
    split_seed: int
    subset: tuple[int, int, int] | None


def prepare(official: Split, test: Split, classes: Sequence[str], settings: DatasetSettings) -> Dataset:
    """Split the official training images at random into training and validation, and compute the training statistics.

    A subset takes the first images of each split. Statistics are those of its own training images.
    """
    held_out = round(len(official) * settings.validation_fraction)
    # The legacy generator's stream is frozen by NumPy's compatibility policy, so a split is the same for every version.
    order = np.random.RandomState(settings.split_seed).permutation(len(official))
    train, validation = (Split(official.images[rows], official.labels[rows]) for rows in (order[held_out:], order[:held_out]))
    if settings.subset:
        parts = zip((train, validation, test), settings.subset, strict=True)
        train, validation, test = (Split(part.images[:count], part.labels[:count]) for part, count in parts)
    return Dataset(train, validation, test, *pixel_statistics(train.images), tuple(classes))


def pixel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (float32, of the shape of an image) of each pixel position, from exact integer sums."""
    count = len(images)
    mean = images.sum(0, dtype=np.int64) / count
    variance = np.einsum("n...,n...->...", images, images, dtype=np.int64) / count - mean**2
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def save(dataset: Dataset, path: Path) -> None:
    """Write the data set as one uncompressed NumPy archive."""
    arrays = {"mean": dataset.mean, "deviation": dataset.deviation, "classes": np.array(dataset.classes)}
    for name in SPLITS:
        split = dataset.split(name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def load(path: Path) -> Dataset:
    """Read a data set that `save` wrote; an InputError if the file is missing, damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            train, validation, test = (Split(archive[f"{name}_images"], archive[f"{name}_labels"]) for name in SPLITS)
            classes = tuple(map(str, archive["classes"]))
            return Dataset(train, validation, test, archive["mean"], archive["deviation"], classes)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable data set ({error}); delete it and run the workflow again") from error


def manifest(dataset: Dataset, source: str, identity: Mapping[str, Any], settings: DatasetSettings) -> dict[str, Any]:
    """Describe the data set: where it came from, the identity of its content, and count, classes and SHA-256 of each split."""
    classes = list(dataset.classes)
    return {
        "source": source,
        "identity": identity,
        "shape": list(dataset.mean.shape),
        "classes": classes,
        **asdict(settings),
        "splits": {
            name: {
                "images": len(split := dataset.split(name)),
                "images_per_class": dict(zip(classes, np.bincount(split.labels, minlength=len(classes)).tolist(), strict=True)),
                "sha256": split.sha256(),
            }
            for name in SPLITS
        },
    }


def check(dataset: Dataset, manifest: Mapping[str, Any], path: Path) -> None:
    """Raise an InputError unless the data set read from `path` is the one that the manifest describes."""
    for name in SPLITS:
        if dataset.split(name).sha256() != manifest["splits"][name]["sha256"]:
            raise InputError(f"{path}: its {name} images are not those of its manifest; delete it and run the workflow again")
