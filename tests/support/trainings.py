"""One training as the workflow starts it: its job, its command, and what it leaves."""

import copy
import csv
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from conftest import ROOT
from finished_runs import MEMBER, all_runs, points
from images import prepare
from training_jobs import write_job
from waiting import SECONDS

from convnets.data import dataset, official
from convnets.data.dataset import Dataset, DatasetSettings
from convnets.files import write_json
from convnets.freshness import fingerprint
from convnets.runs.layout import HISTORY, METRICS, MODEL, Layout
from convnets.runs.unfinished import PATIENCE_S, name_of
from convnets.settings import from_dict
from convnets.study.stores import Membership, Plan, Store
from convnets.tracking import delivery
from convnets.tracking.connection import connect
from convnets.workflow import command
from convnets.workflow.frame import Job
from convnets.workflow.one_run import Attempt

STARTED = "started\n"  # in the log, before each start
SETTINGS: dict[str, Any] = {
    "network": {"filters": [], "kernel_size": 0, "head": "dense", "dense_units": [4], "dropout": 0.5},
    "training": {
        "epochs": 1,
        "batch_size": 32,
        "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.0},
        "precision": "float32",
        "augmentation": {"horizontal_flip": False, "channel_offset": 0.0},
    },
}


def settings_with(**changes: Any) -> dict[str, Any]:
    """Return the settings of a small training, with changes to its network or its training."""
    settings = copy.deepcopy(SETTINGS)
    for key, value in changes.items():
        settings["network" if key in settings["network"] else "training"][key] = value
    return settings


def write_data(folder: Path, data: Dataset | Path, settings: DatasetSettings) -> dict[str, Any]:
    """Write a prepared data set, or one prepared from batches, and its manifest; return how it was split."""
    prepared = data if isinstance(data, Dataset) else prepare(data, settings)
    dataset.save(prepared, folder / "data.npz")
    splits = dataset.describe_splits(prepared)
    manifest = dataset.manifest(prepared.mean.shape, prepared.classes, "here", official.IDENTITY, settings, splits)
    write_json(folder / "manifest.json", manifest)
    return fingerprint.of_manifest(manifest)


class Training:
    """One training in a folder of its own.

    Parameters
    ----------
    folder
        Its folder; the results are in it unless `results` names another place.
    settings
        What it is set to.
    data
        The folder of the data set and its manifest.
    split
        How the data set that it was planned with is split.
    store
        Where it is tracked.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        data: Path,
        split: Mapping[str, Any],
        store: Store,
        *,
        variant: str = "mlp100",
        seed: int = 1,
        results: Path | None = None,
        member: Membership = MEMBER,
    ) -> None:
        layout = Layout(results or folder / "results")
        self.folder, self.data, self.store, self.variant = folder, data, store, variant
        self.run, self.unfinished = layout.run(variant, seed), layout.trainings / name_of(variant, seed)
        self.job, self.log_file = folder / f"{variant}-seed{seed}.json", folder / f"{variant}-seed{seed}.log"
        Plan(store, False, {variant: member}).write(folder / "plan.json")
        inputs = {"dataset": data / "data.npz", "manifest": data / "manifest.json", "plan": folder / "plan.json"}
        self.fingerprint = write_job(self.job, self.run, from_dict(settings), split, inputs)

    def command(self, *options: object, within: float | None = SECONDS) -> list[str]:
        """Return the command that the workflow runs; a delivery has these seconds, or the usual ones."""
        limit = ["--deliver-within", within] if within else []
        return list(map(str, [sys.executable, ROOT / "scripts" / "train_variant.py", self.job, *limit, *options]))

    def start(self, *options: object, within: float | None = SECONDS) -> "subprocess.Popen[bytes]":
        """Start it and let it go on; what it says is appended to its log."""
        with self.log_file.open("a") as log:
            log.write(STARTED)
            log.flush()
            return subprocess.Popen(self.command(*options, within=within), stdout=log, stderr=log, cwd=self.folder)

    def finish(self, *options: object, within: float | None = SECONDS) -> None:
        """Run it to its end."""
        assert self.start(*options, within=within).wait(timeout=SECONDS) == 0, self.log()

    def log(self) -> str:
        return self.log_file.read_text()

    def attempt(
        self, *, number: int = 1, patience: float = PATIENCE_S, within: float | None = SECONDS, submitted: bool = False
    ) -> Attempt:
        """Return an attempt at it in this process."""
        return Attempt(Job.read(self.job), 1, False, number, patience, within, submitted)

    def make(self, **options: Any) -> None:
        """Run it in this process as its script does; afterwards requests to stop are answered as before."""
        former = {request: signal.getsignal(request) for request in command.REQUESTS_TO_STOP}
        for request in command.REQUESTS_TO_STOP:
            signal.signal(request, lambda number, _: sys.exit(128 + number))
        try:
            self.attempt(**options).make()
        finally:
            for request, handler in former.items():
                signal.signal(request, handler)

    def files(self) -> list[str]:
        """Return the names of what is in the run's folder."""
        return sorted(path.name for path in self.run.iterdir()) if self.run.is_dir() else []

    def tracked(self) -> list[Any]:
        """Return the active runs of the store."""
        return [run for run in all_runs(self.store).values() if run.info.lifecycle_stage == "active"]

    def status(self) -> str:
        """Return the state of the tracked run, empty if there is none yet."""
        runs = self.tracked()
        assert len(runs) < 2
        return str(runs[0].info.status) if runs else ""

    def assert_tracked_once(self) -> None:
        """Check that there is one run, FINISHED, with each point of the history once."""
        (run,) = all_runs(self.store).values()
        assert run.info.status == "FINISHED"
        with (self.run / HISTORY).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert json.loads((self.run / METRICS).read_text())["mlflow_run_id"] == run.info.run_id
        for name in ("val_loss", "seconds"):
            found = [(step, value) for step, value, _ in points(self.store, run.info.run_id, name)]
            assert found == [(int(row["iteration"]), float(row[name])) for row in rows]
        assert len(points(self.store, run.info.run_id, "test_loss")) == 1
        assert len(run.outputs.model_outputs) == 1
        assert delivery.missing(connect(self.store), run.info.run_id, self.run) == []


def outcome(run: Path) -> tuple[list[list[str]], list[np.ndarray]]:
    """Return a run's history without its seconds, and its weights."""
    import keras

    with (run / HISTORY).open(newline="") as file:
        rows = [row[:6] + row[7:] for row in csv.reader(file)]
    return rows, keras.models.load_model(run / MODEL).get_weights()


def assert_same(run: Path, other: Path) -> None:
    """Check that two runs have the same history and weights, bit for bit."""
    (rows, weights), (other_rows, other_weights) = outcome(run), outcome(other)
    assert rows == other_rows
    for first, second in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(first, second)
