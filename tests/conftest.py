"""Fixtures shared by the tests: the real data set, fetched once, and the project's configuration."""

import stage  # before NumPy and all else

import copy
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
import yaml

from convnets.data import batches, dataset, sources
from convnets.data.cifar10 import CLASSES
from convnets.errors import InputError
from convnets.workflow.command import cores

if TYPE_CHECKING:
    from convnets.runs.run import Run
    from convnets.study.stores import Store

ROOT = Path(__file__).parents[1]
pytest.register_assert_rewrite(
    "commands", "edited", "fetching", "made_up", "staleness", "submitted", "tracked", "trainings", "workflow"
)

# Machines differ too much for a time limit per example. Examples are the same each time; --hypothesis-profile=search tries others.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("project")


# The files that take longest; the others follow. Those of batch systems mostly wait, so that one at a time does.
SLOWEST = (
    *("test_slurm_slow", "test_stores_slow", "test_interruption_slow", "test_killed_slow", "test_tracked_trainings_slow"),
    *("test_gridengine_slow", "test_staleness_slow", "test_servers_slow", "test_tutorial_slow", "test_report_slow"),
    *("test_workflow_slow", "test_benchmarks_slow", "test_own_killed_slow", "test_own_staleness_slow", "test_stage_slow"),
    *("test_own_data_slow", "test_recipes_slow", "test_progress_slow", "test_scripts"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, and begin with the files that take longest, so that none of them is left alone in the end."""
    ranks = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))
    for item in items:
        if item.path.stem.endswith("_slow"):
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than there are cores, since tests of batch systems wait most of the time."""
    return cores("all") + 1


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute as the workflow does, on one thread, which makes equal runs equal bit for bit."""
    from convnets.device import configure

    configure(1)


@pytest.fixture(autouse=True)
def own_tracking_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep MLflow away from the working directory, where it makes a store when nothing else is said."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/default.db")


@pytest.fixture
def config() -> dict[str, Any]:
    """The default configuration, as the user's file holds it."""
    return copy.deepcopy(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def reference() -> "list[Run]":
    """The first seed of each committed run."""
    import studies

    return studies.reference(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def real_batches() -> Path:
    """The folder of the real CIFAR-10, where the workflow keeps it too; fetched if it is not there."""
    folder = ROOT / "resources" / "cifar10"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # by one of the processes that test
        try:
            batches.check(folder, str(folder))
        except InputError:
            if os.environ.get("CIFAR10_OFFLINE"):
                pytest.skip("NOT TESTED on the real data set: CIFAR10_OFFLINE is set and resources/cifar10 does not hold it")
            source = sources.fetch(os.environ.get("CIFAR10_SOURCE", "auto"), folder)
            (folder / "source.json").write_text(f'{{"source": "{source}"}}\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh tracking store and a small model, made once, since they take seconds."""
    from finished_runs import new_store, write_model

    folder = tmp_path_factory.mktemp("template")
    new_store(folder)
    write_model(folder / "model.keras")
    return folder


@pytest.fixture
def store(template: Path, tmp_path: Path) -> "Store":
    """A fresh SQLite store of the test's own."""
    from convnets.study.stores import Store

    shutil.copy(template / "mlflow.db", tmp_path)
    return Store(f"sqlite:///{tmp_path}/mlflow.db", "tests")


@pytest.fixture
def model(template: Path) -> Path:
    """The file of a small model."""
    return template / "model.keras"


@pytest.fixture(scope="session")
def small(real_batches: Path) -> dataset.Dataset:
    """A small part of the real data set."""
    from images import prepare

    return prepare(real_batches, dataset.DatasetSettings(0.1, 1, (640, 256, 256)))


@pytest.fixture(scope="session")
def synthetic() -> dataset.Dataset:
    """Random images whose class shows in their brightness, so that any network can learn something from them."""
    rng = np.random.default_rng(0)

    def split(count: int) -> dataset.Split:
        labels = rng.integers(10, size=count).astype(np.uint8)
        images = rng.integers(60, size=(count, 32, 32, 3)) + 19 * labels[:, None, None, None]
        return dataset.Split(images.astype(np.uint8), labels)

    train, validation, test = split(192), split(64), split(64)
    return dataset.Dataset(train, validation, test, *dataset.statistics(train.images), CLASSES)


@pytest.fixture
def removed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next folder that is searched be removed at that moment, as another process may do."""
    search, found = Path.glob, iter([True])

    def glob(self: Path, pattern: str) -> Any:
        if next(found, False):
            raise FileNotFoundError(self)
        return search(self, pattern)

    monkeypatch.setattr(Path, "glob", glob)
