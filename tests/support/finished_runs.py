"""Finished runs for tests of tracking: the files that a training writes, without the training."""

import shutil
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
import numpy as np

from convnets.freshness import fingerprint, stamps
from convnets.networks import builders
from convnets.runs import layout, records
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.settings import Network, Optimizer, Settings, Training
from convnets.study.stores import Membership, Store
from convnets.tracking import delivery, presentation
from convnets.tracking.connection import connect, create_store
from convnets.tracking.finished_run import Finished

MEMBER = Membership("a label", {"depth": "Number of layers"})
NETWORK = Network(filters=(), kernel_size=0, head="dense", dense_units=(4,), dropout=0.5)
BEGAN = 1_600_000_000.0


def new_store(folder: Path) -> Store:
    """Create an SQLite store in a folder."""
    store = Store(f"sqlite:///{folder}/mlflow.db", "tests")
    create_store(store, folder / "artifacts")
    return store


def write_model(path: Path) -> None:
    """Write a small model, as a training does."""
    classifier = builders.build(NETWORK, np.zeros((32, 32, 3)), np.ones((32, 32, 3)), 10)
    classifier.model.compile("sgd", "sparse_categorical_crossentropy")
    classifier.model.save(path)


def epochs(count: int, number: int = 0) -> tuple[list[Epoch], list[Usage]]:
    """Return the history of so many epochs and what each used; each value and each time is another with another number."""
    numbers, more = range(1, count + 1), number / 64
    history = [
        Epoch(n, 10 * n, 2 / n + more, 0.1 * n + more, 1.9 / n + more, 0.05 * n + more, 0.5, 1.8 / n + more, 0.2 * n + more)
        for n in numbers
    ]
    return history, [Usage(BEGAN + (10 + number) * n, 99.5 - number, 2**30 + n) for n in numbers]


def stand_in(folder: Path) -> None:
    """Write what takes the place of a run's card and figures, half of the time of a delivery."""
    for name in (presentation.CARD, presentation.LEARNING_CURVES, presentation.CONFUSION_MATRIX):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("a stand-in")


def deliver(store: Store, finished: Finished, *, again: bool = False, is_presented: bool = False) -> str:
    """Bring a run to a store, and return its id there; `is_presented`: with its real card and figures."""
    faked = mock.patch.object(presentation, "present", lambda _run, _label, folder: stand_in(folder))
    with nullcontext() if is_presented else faked:
        return delivery.deliver(connect(store), finished, MEMBER, again=again)


def write_run(
    results: Path,
    model: Path,
    variant: str = "mlp100",
    seed: int = 1,
    dropout: float = 0.5,
    count: int = 3,
    number: int = 0,
    **changes: Any,
) -> Finished:
    """Write the files of a finished run into its folder and return it; `number` tells its history, `changes` are of its summary."""
    folder = results / "runs" / variant / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(epochs=count, batch_size=32, optimizer=Optimizer(name="sgd", learning_rate=0.1))
    settings = Settings(network=NETWORK.updated({"dropout": dropout}), training=training)
    components = {"version": fingerprint.VERSION, "settings": settings.canonical(), "libraries": {"keras": "3"}}
    history, usage = epochs(count, number)
    numbers: dict[str, Any] = dict.fromkeys(records.NUMBER_COLUMNS, 0.5)
    numbers |= {"parameters": 12_342, "epochs": count, "iterations": 10 * count, "best_epoch": count, **changes}
    mark = fingerprint.digest(components)
    metrics = Metrics(variant=variant, seed=seed, fingerprint=mark, mlflow_run_id=None, **numbers)
    digests = {"train": "a" * 64, "validation": "b" * 64, "test": "c" * 64}
    record = Record(uuid.uuid4().hex, BEGAN, "a processor", "CPU", 1, True, 2**30, digests, usage, np.eye(10, dtype=int).tolist())
    outputs = [folder / name for name in layout.RUN_FILES]
    with stamps.stamping(folder / stamps.STAMP, components, [], outputs):
        records.write_history(folder / layout.HISTORY, history)
        shutil.copy(model, folder / layout.MODEL)
        records.write_record(folder / layout.RECORD, record)
        records.write_metrics(folder / layout.METRICS, metrics)
    return Finished.read(folder)


def all_runs(store: Store) -> dict[str, Any]:
    """Return every run of the experiment by id, those in the bin included."""
    client = mlflow.MlflowClient(store.uri)
    experiment = client.get_experiment_by_name(store.experiment).experiment_id
    return {run.info.run_id: run for run in client.search_runs([experiment], run_view_type=mlflow.entities.ViewType.ALL)}


def points(store: Store, run_id: str, name: str) -> list[tuple[int, float, int]]:
    """Return the points of a metric: step, value and time in ms."""
    history = mlflow.MlflowClient(store.uri).get_metric_history(run_id, name)
    return sorted((point.step, point.value, point.timestamp) for point in history)
