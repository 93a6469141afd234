"""The prepared data set: images split into training, validation and test, in one file that opens fast.

The file is an uncompressed NumPy archive of uint8 images with the training images' mean and deviation. Where the split varies with
the seed, it holds the images once, and for each seed the rows and the statistics of its split. NumPy checks the CRC of each member
as it reads, so a damaged file is an error and never a slightly different result.
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convnets.errors import InputError
from convnets.files import atomic_path

SPLITS = ("train", "validation", "test")
PER_SEED = "seed"  # as split_seed: the split varies with the run's seed


@dataclass(frozen=True)
class Split:
    """Images (uint8, shape (n, height, width, channels)) and their labels (uint8, or uint16 of many classes, shape (n,))."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "Split":
        """Return the first images, all if there are fewer."""
        return Split(self.images[:count], self.labels[:count])

    def sha256(self) -> str:
        """Return the digest of the images followed by the labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Content:
    """What a source delivers: the images to train on, those to test on, the name of the source and the identity of the content."""

    train: Split
    test: Split
    source: str
    identity: Mapping[str, Any]


@dataclass(frozen=True)
class Dataset:
    """The three splits, the mean and standard deviation that standardise images, and the classes.

    `mean` and `deviation` are those of the training images, of each pixel position or of each channel, float32 of the shape of an
    image, in units of the uint8 values. `classes` are names, in the order of the labels.
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
    """How images are split and standardised.

    `validation_fraction` is the held-out fraction of the training images, `split_seed` the seed that chooses it (or `PER_SEED`),
    `subset` the number of images per split, or None, and `standardise` whether statistics are those of each pixel or each channel.
    """

    validation_fraction: float
    split_seed: int | str
    subset: tuple[int, int, int] | None
    standardise: str = "pixel"

    def described(self) -> dict[str, Any]:
        """Return the settings by name, without the way to standardise where it is the first that there was."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("standardise", "pixel")}


def prepare(official: Split, test: Split, classes: Sequence[str], settings: DatasetSettings) -> Dataset:
    """Split the official training images at random into training and validation, and compute the training statistics.

    A subset takes the first images of each split. Statistics are those of its own training images.
    """
    rows = _rows(len(official), settings)
    train, validation = (Split(official.images[part], official.labels[part]) for part in rows)
    if settings.subset:
        test = Split(test.images[: settings.subset[2]], test.labels[: settings.subset[2]])
    return Dataset(train, validation, test, *statistics(train.images, settings.standardise), tuple(classes))


def _rows(count: int, settings: DatasetSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of so many official training images that are trained on, and those held out for validation."""
    assert settings.split_seed != PER_SEED
    held_out = round(count * settings.validation_fraction)
    # The legacy generator's stream is frozen by NumPy's compatibility policy, so a split is the same for every version.
    order = np.random.RandomState(int(settings.split_seed)).permutation(count)
    train, validation, _ = settings.subset or (count, count, 0)
    return order[held_out:][:train], order[:held_out][:validation]


def statistics(images: np.ndarray, standardise: str = "pixel") -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of images, from exact integer sums: float32, of the shape of an image.

    They are those of each pixel position, or with "channel" those of each channel, at every position the same. What never varies
    has a deviation of 1 in place of 0, so that standardised values stay finite. No pixel position of CIFAR-10 is such.
    """
    count, shape = len(images), images.shape[1:]
    total, squares = images.sum(0, dtype=np.int64), np.einsum("n...,n...->...", images, images, dtype=np.int64)
    if standardise == "channel":
        count *= shape[0] * shape[1]
        total, squares = total.sum((0, 1)), squares.sum((0, 1))
    mean = total / count
    deviation = np.sqrt(squares / count - mean**2)
    deviation[deviation == 0] = 1
    mean, deviation = (np.broadcast_to(value.astype(np.float32), shape).copy() for value in (mean, deviation))
    return mean, deviation


def save(dataset: Dataset, path: Path) -> None:
    """Write the data set as one uncompressed NumPy archive."""
    arrays = {"mean": dataset.mean, "deviation": dataset.deviation, "classes": np.array(dataset.classes)}
    for name in SPLITS:
        split = dataset.split(name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def save_per_seed(
    official: Split, test: Split, classes: Sequence[str], settings: DatasetSettings, seeds: Sequence[int], path: Path
) -> dict[str, Any]:
    """Write the images once, with the split of each seed, and return the description of each split by `seed1` and the like."""
    arrays, rows, described = {"classes": np.array(classes)}, {}, {}
    for seed in seeds:
        chosen, key = replace(settings, split_seed=seed), f"seed{seed}"
        one = prepare(official, test, classes, chosen)
        rows[key], described[key] = _rows(len(official), chosen), describe_splits(one)
        arrays |= {f"{key}_mean": one.mean, f"{key}_deviation": one.deviation}
        images = {"test_images": one.test.images, "test_labels": one.test.labels}
        del one  # before the next split takes its memory
    used = np.unique(np.concatenate([part for parts in rows.values() for part in parts]))
    for key, parts in rows.items():
        names = (f"{key}_train", f"{key}_validation")
        arrays |= dict(zip(names, (np.searchsorted(used, part) for part in parts), strict=True))
    images |= {"images": official.images[used], "labels": official.labels[used]}
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays, **images)
    return described


def load(path: Path, seed: int | None = None) -> Dataset:
    """Read a data set that `save` wrote, or the split of a seed from one that `save_per_seed` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged or something else, or has no split of this seed.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            test, classes, key = Split(archive["test_images"], archive["test_labels"]), tuple(map(str, archive["classes"])), ""
            if "images" in archive:
                key, pool = f"seed{seed}_", Split(archive["images"], archive["labels"])
                parts = (archive[f"{key}{name}"] for name in SPLITS[:2])
                train, validation = (Split(pool.images[rows], pool.labels[rows]) for rows in parts)
            else:
                train, validation = (Split(archive[f"{name}_images"], archive[f"{name}_labels"]) for name in SPLITS[:2])
            return Dataset(train, validation, test, archive[f"{key}mean"], archive[f"{key}deviation"], classes)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable data set ({error}); delete it and run the workflow again") from error


def manifest(
    shape: Sequence[int],
    classes: Sequence[str],
    source: str,
    identity: Mapping[str, Any],
    settings: DatasetSettings,
    splits: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe a data set: where it came from, the identity of its content, and the description of each split."""
    fields = {"source": source, "identity": identity, "shape": list(shape), "classes": list(classes)}
    return {**fields, **settings.described(), "splits": splits}


def describe_splits(dataset: Dataset) -> dict[str, Any]:
    """Return count, classes and SHA-256 of each split."""
    classes = dataset.classes
    return {
        name: {
            "images": len(split := dataset.split(name)),
            "images_per_class": dict(zip(classes, np.bincount(split.labels, minlength=len(classes)).tolist(), strict=True)),
            "sha256": split.sha256(),
        }
        for name in SPLITS
    }


def digests(manifest: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return the SHA-256 of each split that a run of this seed uses, from the manifest; an InputError if it has none of them."""
    return {name: split["sha256"] for name, split in _splits(manifest, seed).items()}


def counts(manifest: Mapping[str, Any], seed: int) -> dict[str, int]:
    """Return the number of images in each split that a run of this seed uses, as `digests` does."""
    return {name: split["images"] for name, split in _splits(manifest, seed).items()}


def _splits(manifest: Mapping[str, Any], seed: int) -> dict[str, Any]:
    splits = manifest["splits"]
    if manifest["split_seed"] == PER_SEED:
        splits = splits.get(f"seed{seed}")
    if splits is None:
        raise InputError(f"the manifest of the data set has no split of seed {seed}; run the workflow again")
    return {name: splits[name] for name in SPLITS}


def check(dataset: Dataset, digests: Mapping[str, str], path: Path) -> None:
    """Raise an InputError unless the splits of the data set read from `path` have these digests."""
    for name in SPLITS:
        if dataset.split(name).sha256() != digests[name]:
            raise InputError(f"{path}: its {name} images are not those of its manifest; delete it and run the workflow again")
