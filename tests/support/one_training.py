"""A training of three epochs on made-up images."""

from pathlib import Path

import pytest
from images import split_of
from trainings import Training, settings_with, write_data

from convnets.data.dataset import Dataset, DatasetSettings
from convnets.study.stores import Store

SPLIT = split_of(192, 64, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, synthetic: Dataset) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder, synthetic, DatasetSettings(0.1, 1, (192, 64, 64)))
    return folder


@pytest.fixture
def training(tmp_path: Path, data: Path, store: Store) -> Training:
    """A training of three epochs, of six iterations each."""
    return Training(tmp_path, settings_with(epochs=3), data, SPLIT, store)
