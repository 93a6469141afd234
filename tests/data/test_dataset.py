"""The prepared data set: its splits, statistics, manifest, and what happens when its file is damaged."""

from pathlib import Path

import numpy as np
import pytest
from images import prepare

from convnets.data import dataset
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
