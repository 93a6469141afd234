"""Batches of the official binary layout."""

from pathlib import Path

import numpy as np

from convnets.data import batches, cifar10


def test_a_batch_reads_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(cifar10.IMAGES_PER_BATCH, 32, 32, 3)).astype(np.uint8)
    labels = rng.integers(10, size=cifar10.IMAGES_PER_BATCH)
    batches.write(tmp_path / "batch.bin", images, labels)
    assert (tmp_path / "batch.bin").stat().st_size == cifar10.BATCH_BYTES
    read_images, read_labels = batches.read(tmp_path / "batch.bin")
    np.testing.assert_array_equal(read_images, images)
    np.testing.assert_array_equal(read_labels, labels)


def test_the_first_image_of_the_real_data_set_is_the_frog(real_batches: Path) -> None:
    images, labels = batches.read(real_batches / "data_batch_1.bin")
    assert cifar10.CLASSES[labels[0]] == "frog"
    assert images[0, 0, 0].tolist() == [59, 62, 63]  # red, green, blue of its first pixel
