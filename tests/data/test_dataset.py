"""The prepared data set: its splits, statistics, manifest, and what happens when its file is damaged."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import own_data
import pytest
from conftest import ROOT
from images import prepare
from PIL import Image

from convnets.data import dataset, readers
from convnets.data.images import Place
from convnets.errors import InputError


@pytest.fixture(scope="module")
def whole(real_batches: Path) -> dataset.Dataset:
    return prepare(real_batches, dataset.DatasetSettings(0.1, 1, None))


def test_splits_are_the_protocols(whole: dataset.Dataset) -> None:
    assert [len(whole.split(name)) for name in dataset.SPLITS] == [45_000, 5_000, 10_000]
    both = np.concatenate([whole.train.labels, whole.validation.labels])
    assert np.bincount(both).tolist() == [5_000] * 10
    assert np.bincount(whole.test.labels).tolist() == [1_000] * 10


def test_training_and_validation_share_no_image(whole: dataset.Dataset, real_batches: Path) -> None:
    """Every image of the 50,000 is in exactly one of them: what the two hold is what the batches hold."""
    other = prepare(real_batches, dataset.DatasetSettings(0.3, 7, None))

    def content(data: dataset.Dataset) -> list[int]:
        images = np.concatenate([data.train.images, data.validation.images]).reshape(50_000, -1)
        return sorted(hash(image.tobytes()) for image in images)

    assert content(whole) == content(other)
    assert len(other.validation) == 15_000


def test_the_seed_chooses_the_validation_images(real_batches: Path, whole: dataset.Dataset) -> None:
    again = prepare(real_batches, dataset.DatasetSettings(0.1, 1, None))
    other = prepare(real_batches, dataset.DatasetSettings(0.1, 2, None))
    assert again.validation.sha256() == whole.validation.sha256() != other.validation.sha256()
    assert other.test.sha256() == whole.test.sha256()


def test_statistics_are_those_of_the_training_images(whole: dataset.Dataset) -> None:
    images = whole.train.images.astype(np.float64)
    np.testing.assert_allclose(whole.mean, images.mean(0), rtol=1e-6)
    np.testing.assert_allclose(whole.deviation, images.std(0), rtol=1e-5)
    # Near the published ones of the whole training set: 0.49140, 0.48216, 0.44653 of 255.
    np.testing.assert_allclose(whole.mean.mean((0, 1)) / 255, [0.49140, 0.48216, 0.44653], atol=5e-4)


def test_statistics_of_channels_are_those_of_all_their_pixels(whole: dataset.Dataset) -> None:
    mean, deviation = dataset.statistics(whole.train.images, "channel")
    assert mean.shape == deviation.shape == (32, 32, 3)
    assert (mean == mean[0, 0]).all()
    assert (deviation == deviation[0, 0]).all()
    pixels = whole.train.images.reshape(-1, 3)
    counts = [np.bincount(pixels[:, channel], minlength=256) for channel in range(3)]
    values = np.arange(256)
    means = [(count * values).sum() / count.sum() for count in counts]
    deviations = [np.sqrt((count * (values - at) ** 2).sum() / count.sum()) for count, at in zip(counts, means, strict=True)]
    np.testing.assert_allclose(mean[0, 0], means, rtol=1e-6)
    np.testing.assert_allclose(deviation[0, 0], deviations, rtol=1e-6)
    # The published ones of the whole training set, of 255.
    np.testing.assert_allclose(deviation[0, 0] / 255, [0.24703, 0.24349, 0.26159], atol=5e-4)


def test_what_never_varies_has_a_deviation_of_one(whole: dataset.Dataset) -> None:
    images = np.random.default_rng(0).integers(256, size=(50_000, 2, 2, 2)).astype(np.uint8)
    images[:, 0, 0, 0], images[:, :, :, 1] = 251, 7
    images[1:, 0, 1, 0], images[0, 0, 1, 0] = 3, 4  # all but constant
    mean, deviation = dataset.statistics(images)
    assert (mean[0, 0, 0], deviation[0, 0, 0]) == (251, 1)
    assert 0 < deviation[0, 1, 0] < 0.01
    assert (deviation[..., 1] == 1).all()
    assert (dataset.statistics(images, "channel")[1][..., 1] == 1).all()
    assert (whole.deviation > 1).all()  # so that CIFAR-10 is standardised as before


SETTINGS = dataset.DatasetSettings(0.25, "seed", None, "channel")


def official() -> tuple[dataset.Split, dataset.Split]:
    return tuple(dataset.Split(*own_data.images(count, 2, seed)) for seed, count in enumerate((60, 12)))  # type: ignore[return-value]


@pytest.mark.parametrize("subset", [None, (20, 10, 5)])
def test_a_split_for_each_seed(subset: tuple[int, int, int] | None, tmp_path: Path) -> None:
    """Each is what the same seed gives as the one split of a data set, and its manifest tells them apart."""
    settings, path = replace(SETTINGS, subset=subset), tmp_path / "data.npz"
    splits = dataset.save_per_seed(*official(), own_data.NAMES, settings, [1, 7], path)
    manifest = dataset.manifest((12, 10, 2), own_data.NAMES, "here", {"sha256": "0"}, settings, splits)
    assert list(manifest["splits"]) == ["seed1", "seed7"]
    for seed in (1, 7):
        expected, found = dataset.prepare(*official(), own_data.NAMES, replace(settings, split_seed=seed)), dataset.load(path, seed)
        for name in dataset.SPLITS:
            np.testing.assert_array_equal(found.split(name).images, expected.split(name).images)
            assert found.split(name).sha256() == expected.split(name).sha256() == dataset.digests(manifest, seed)[name]
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.deviation, expected.deviation)
        assert found.classes == own_data.NAMES
    one, other = (dataset.digests(manifest, seed) for seed in (1, 7))
    assert (one["train"] != other["train"], one["validation"] != other["validation"]) == (True, True)
    assert one["test"] == other["test"]
    with pytest.raises(InputError, match=r"no split of seed 2; run the workflow again"):
        dataset.digests(manifest, 2)
    with pytest.raises(InputError, match=r"data\.npz: its train images are not those of its manifest"):
        dataset.check(dataset.load(path, 1), other, path)
    for seed in (2, None):
        with pytest.raises(InputError, match=r"data\.npz is not a readable data set"):
            dataset.load(path, seed)


def test_the_images_of_several_splits_are_stored_once(tmp_path: Path) -> None:
    sizes = []
    for seeds in ([1], [1, 2, 3, 4]):
        dataset.save_per_seed(*official(), own_data.NAMES, SETTINGS, seeds, tmp_path / "data.npz")
        with np.load(tmp_path / "data.npz") as archive:
            sizes.append(sum(archive[name].nbytes for name in archive.files if archive[name].ndim == 4))
    assert sizes == [72 * 12 * 10 * 2] * 2


MEASURE = """
import stage, json, sys
from pathlib import Path
from convnets import hardware
from convnets.data import dataset, readers
from convnets.data.images import Place
import numpy, PIL.Image
kind, source, seeds, identity = json.loads(sys.argv[1])
settings = dataset.DatasetSettings(0.1, "seed" if seeds else 1, None, "channel")
before = hardware.resident_memory()
content = readers.read(kind, Place(source), [], identity)
images = content.train, content.test, ["cat", "dog", "eel"], settings
if seeds:
    dataset.save_per_seed(*images, seeds, Path("data.npz"))
else:
    prepared = dataset.prepare(*images)
    dataset.save(prepared, Path("data.npz"))
    dataset.describe_splits(prepared)
print(hardware.peak_memory() - before)
"""


@pytest.mark.parametrize("seeds", [[], [1, 2, 3]])
@pytest.mark.parametrize("kind", ["arrays", "images"])
def test_preparation_takes_twice_the_memory_of_the_images(kind: str, seeds: list[int], tmp_path: Path) -> None:
    """And some 30 MB, of which NumPy needs 16 to write an array."""
    count, side = 400, 500
    x = np.zeros((count, side, side, 1), np.uint8)
    x[:] = np.random.default_rng(0).integers(256, size=(1, side, side, 1))
    y = np.arange(count) % 3
    if kind == "arrays":
        np.savez(source := tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:3], y_test=y[:3])
    else:
        source = own_data.write_pictures(tmp_path / "pictures", counts=(count, 3))
        for number, path in enumerate(source.glob("*/*/*.png")):
            Image.fromarray(x[number % count, ..., 0]).save(path, compress_level=1)
    identity = readers.describe(kind, Place(str(source))).identity
    command = [sys.executable, "-c", MEASURE, json.dumps([kind, str(source), seeds, dict(identity)])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 1.9 * x.nbytes < int(done.stdout) < 2 * x.nbytes + 50e6


def test_a_subset_is_the_first_of_each_split(real_batches: Path, whole: dataset.Dataset) -> None:
    small = prepare(real_batches, dataset.DatasetSettings(0.1, 1, (128, 64, 32)))
    for name, count in zip(dataset.SPLITS, (128, 64, 32), strict=True):
        np.testing.assert_array_equal(small.split(name).images, whole.split(name).images[:count])
        np.testing.assert_array_equal(small.split(name).labels, whole.split(name).labels[:count])
    np.testing.assert_allclose(small.mean, small.train.images.mean(0), rtol=1e-6)


def test_it_reads_as_it_was_written(synthetic: dataset.Dataset, tmp_path: Path) -> None:
    dataset.save(synthetic, tmp_path / "data.npz")
    read = dataset.load(tmp_path / "data.npz")
    for name in dataset.SPLITS:
        assert read.split(name).sha256() == synthetic.split(name).sha256()
    np.testing.assert_array_equal(read.mean, synthetic.mean)
    np.testing.assert_array_equal(read.deviation, synthetic.deviation)
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_one_changed_byte_is_an_error(where: float, synthetic: dataset.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    dataset.save(synthetic, path)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz is not a readable data set"):
        dataset.load(path)


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_a_missing_or_foreign_file_is_an_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz is not a readable data set"):
        dataset.load(path)


def test_manifest(synthetic: dataset.Dataset) -> None:
    settings, splits = dataset.DatasetSettings(0.25, 3, None), dataset.describe_splits(synthetic)
    described = dataset.manifest((32, 32, 3), synthetic.classes, "here", {}, settings, splits)
    assert (described["source"], described["validation_fraction"], described["split_seed"]) == ("here", 0.25, 3)
    assert list(described) == [
        *("source", "identity", "shape", "classes", "validation_fraction", "split_seed", "subset", "splits"),
    ]
    train = described["splits"]["train"]
    assert train["images"] == 192 == sum(train["images_per_class"].values())
    assert train["images_per_class"]["frog"] == (synthetic.train.labels == 6).sum()
    assert train["sha256"] == synthetic.train.sha256()
    changed = dataset.Split(synthetic.train.images.copy(), synthetic.train.labels)
    changed.images[0, 0, 0, 0] ^= 1
    assert changed.sha256() != synthetic.train.sha256()
