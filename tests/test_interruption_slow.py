"""Trainings that are killed, for real, and go on: the same history, weights and tracked points, bit for bit. Slow: minutes."""

import csv
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from conftest import ROOT
from disks import mounted
from standstill import stand_still
from waiting import SECONDS, wait_until

from convnets.data import dataset
from convnets import files
from convnets.freshness import fingerprint
from convnets.tracking import connection as tracking
from convnets.settings import from_dict
from convnets.study.stores import Membership, Plan, Store

EPOCHS = 150
STARTED = "started\n"  # in the log, before each start
SPLIT = {"validation_fraction": 0.1, "split_seed": 1, "subset": [256, 64, 64]}
VARIANTS: dict[str, dict[str, Any]] = {
    "dropout": {"filters": [8, 8]},
    "augmentation": {"filters": [8], "augmentation": {"horizontal_flip": True, "channel_offset": 0.05}},
    "conv1x1": {"filters": [8, 8], "head": "conv1x1", "dense_units": [], "dropout": 0.0},
    # Of 64 iterations an epoch, after 50 of which the graph is left.
    "mlp": {
        "filters": [],
        "kernel_size": 0,
        "batch_size": 4,
        "optimizer": {"name": "adam", "learning_rate": 0.001, "momentum": 0.0},
    },
    "bfloat16": {"filters": [8], "precision": "mixed_bfloat16"},
}


def settings_of(variant: str, epochs: int) -> dict[str, Any]:
    network = {"filters": [], "kernel_size": 3, "head": "dense", "dense_units": [16], "dropout": 0.5}
    training = {
        "epochs": epochs,
        "batch_size": 32,
        "optimizer": {"name": "rmsprop", "learning_rate": 0.0005, "momentum": 0.0},
        "precision": "float32",
        "augmentation": {"horizontal_flip": False, "channel_offset": 0.0},
    }
    for key, value in VARIANTS[variant].items():
        (network if key in network else training)[key] = value
    return {"network": network, "training": training}


class Training:
    """One training in a folder of its own, started as the workflow does."""

    def __init__(self, shared: Path, folder: Path, variant: str, epochs: int = EPOCHS) -> None:
        self.folder, self.unfinished, self.variant = folder, folder / "unfinished" / f"{variant}-seed1", variant
        settings = settings_of(variant, epochs)
        self.fingerprint = fingerprint.digest(fingerprint.run_components(from_dict(settings), 1, SPLIT))
        folder.mkdir(exist_ok=True)
        self.store = Store(f"sqlite:///{folder}/mlflow.db", "tests")
        (folder / "mlflow.db").write_bytes((shared / "mlflow.db").read_bytes())
        Plan(self.store, False, {variant: Membership("label", {})}).write(folder / "plan.json")
        self.command = [sys.executable, ROOT / "scripts" / "train_variant.py", "--variant", variant, "--seed", "1"]
        self.command += ["--settings", json.dumps(settings), "--fingerprint", self.fingerprint, "--unfinished", self.unfinished]
        self.command += ["--dataset", shared / "data.npz", "--manifest", shared / "manifest.json", "--plan", folder / "plan.json"]
        self.run = folder / "run"
        self.command += ["--run", self.run, "--deliver-within", SECONDS]

    def start(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("a") as log:
            log.write(STARTED)
            log.flush()
            return subprocess.Popen(list(map(str, self.command)), stdout=log, stderr=log, cwd=self.folder)

    def finish(self) -> None:
        assert self.start().wait(timeout=SECONDS) == 0, self.log()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def outcome(self) -> tuple[list[list[str]], list[np.ndarray]]:
        """Return the history without its seconds, and the weights."""
        import keras

        with (self.run / "history.csv").open(newline="") as file:
            rows = [row[:-1] for row in csv.reader(file)]
        return rows, keras.models.load_model(self.run / "model.keras").get_weights()

    def status(self) -> str:
        """Return the state of the tracked run, empty if there is none yet."""
        client = mlflow.MlflowClient(self.store.uri)
        runs = client.search_runs([client.get_experiment_by_name("tests").experiment_id])
        assert len(runs) < 2
        return str(runs[0].info.status) if runs else ""

    def assert_tracked_once(self) -> None:
        """Check that there is one run, FINISHED, with each point of the history once."""
        client = mlflow.MlflowClient(self.store.uri)
        view = mlflow.entities.ViewType.ALL
        (run,) = client.search_runs([client.get_experiment_by_name("tests").experiment_id], run_view_type=view)
        assert run.info.status == "FINISHED"
        with (self.run / "history.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert json.loads((self.run / "metrics.json").read_text())["mlflow_run_id"] == run.info.run_id
        for name in ("val_loss", "seconds"):
            points = client.get_metric_history(run.info.run_id, name)
            assert sorted((point.step, point.value) for point in points) == [
                (int(row["iteration"]), float(row[name])) for row in rows
            ]
        assert len(client.get_metric_history(run.info.run_id, "test_loss")) == 1
        assert len(run.outputs.model_outputs) == 1


def assert_same(one: Training, other: Training) -> None:
    (rows, weights), (other_rows, other_weights) = one.outcome(), other.outcome()
    assert rows == other_rows
    for first, second in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Path:
    """The data set and a fresh tracking store."""
    folder = tmp_path_factory.mktemp("shared")
    settings = dataset.DatasetSettings(0.1, 1, (256, 64, 64))
    prepared = dataset.prepare(real_batches, settings)
    dataset.save(prepared, folder / "data.npz")
    files.write_json(folder / "manifest.json", dataset.manifest(prepared, "here", settings))
    tracking.create_store(Store(f"sqlite:///{folder}/mlflow.db", "tests"), folder / "artifacts")
    return folder


@pytest.fixture(scope="module")
def undisturbed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Training]:
    """Trainings that nothing disturbs, each made once."""
    made: dict[str, Training] = {}

    def make(variant: str) -> Training:
        if variant not in made:
            made[variant] = Training(shared, tmp_path_factory.mktemp(variant), variant)
            made[variant].finish()
        return made[variant]

    return make


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", pause: float = 0.01) -> None:
    """Wait until a condition holds or the process has ended."""
    wait_until(lambda: condition() or process.poll() is not None, pause=pause)


def epochs_done(training: Training) -> int:
    """Return the epoch of the last checkpoint; one that a kill cut off has another name."""
    return max((int(path.stem[-6:]) for path in training.unfinished.glob("checkpoint-*.npz")), default=0)


def assert_went_on(training: Training, done: int) -> None:
    """Check that the last start of a training, if it came so far, went on after the last checkpoint before it."""
    *_, last = (training.folder / "log").read_text().split(STARTED)
    if resumed := re.search(r"going on after epoch (\d+)", last):
        assert int(resumed[1]) == done
    else:
        assert done == 0 or "iteration" not in last


def has_trained(training: Training, epochs: int) -> bool:
    return any(int(path.stem[-6:]) >= epochs for path in training.unfinished.glob("checkpoint-*.npz"))


def stands_still_while_writing(training: Training, process: "subprocess.Popen[bytes]") -> bool:
    """Stop a training that is writing a checkpoint, and return whether it was not done with that before it stood still."""
    if not any(training.unfinished.glob(".checkpoint*")):
        return False
    stand_still(process.pid)
    if any(training.unfinished.glob(".checkpoint*")):
        return True
    process.send_signal(signal.SIGCONT)
    return False


KINDS = ("start", "start", "epoch", "checkpoint", "epoch", "end")


@pytest.fixture(scope="module")
def kills() -> Iterator[Counter[str]]:
    """Count the kills of each kind over all variants, and see in the end that there were enough."""
    counted: Counter[str] = Counter()
    yield counted
    if counted.pop("variants", 0) == len(VARIANTS):  # else only some of the tests were asked for
        assert sum(counted.values()) >= 20, counted
        assert all(counted[kind] >= 2 for kind in KINDS), counted


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_at_any_moment(
    variant: str, shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training], kills: Counter[str]
) -> None:
    """Six kills: at two random moments after the start, in two random epochs, while a checkpoint is written, and at the end.

    The last one comes at a random moment after the last checkpoint, when files are written and the run is delivered. Then the run
    folder is emptied, as Snakemake empties it after a job that was killed.
    """
    moments = random.Random(variant)
    training = Training(shared, tmp_path, variant)
    started, seconds = time.monotonic(), 0.0
    undisturbed(variant)
    seconds = time.monotonic() - started  # 0 where it was made before, which is as good
    for kind in KINDS:
        done = epochs_done(training)
        process = training.start()
        if kind == "start":
            time.sleep(moments.uniform(0.1, max(1.0, min(0.6 * seconds, 7.0))))
        elif kind == "epoch":
            reached = moments.randint(min(done + 2, EPOCHS - 2), min(done + 40, EPOCHS - 2))
            wait_for(lambda reached=reached: has_trained(training, reached), process, 0.002)
            time.sleep(moments.uniform(0, 0.02))
        elif kind == "end":
            wait_for(lambda: has_trained(training, EPOCHS), process, 0.002)
            time.sleep(moments.uniform(0, 2.5))
        else:
            wait_for(lambda process=process: stands_still_while_writing(training, process), process, 0)
        process.kill()
        if process.wait() != -signal.SIGKILL or (kind != "start" and not training.unfinished.exists()):
            break  # it came too late: the training has ended, and is not to be started again
        kills[kind] += 1
        assert_went_on(training, done)
        shutil.rmtree(training.run, ignore_errors=True)
    else:
        done = epochs_done(training)
        training.finish()
        assert_went_on(training, done)
    assert_same(training, undisturbed(variant))
    training.assert_tracked_once()
    assert not training.unfinished.exists()
    kills["variants"] += 1
    names = ["history.csv", "metrics.json", "model.keras", "record.json", "stamp.json", "tracked.json"]
    assert sorted(path.name for path in training.run.iterdir()) == names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(number: signal.Signals, shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    """Asked three times, each time twice, a training keeps what it has done of its epoch and goes on from there."""
    training = Training(shared, tmp_path, "mlp")
    last = ""
    for epochs in (0, 10, 20):
        process = training.start()
        wait_for(lambda epochs=epochs: has_trained(training, epochs) if epochs else training.status() == "RUNNING", process)
        for _ in range(2):
            process.send_signal(number)
        assert process.wait(timeout=SECONDS) == 128 + number, training.log()
        assert not list(training.run.iterdir())
        assert training.status() == "KILLED"
        log = training.log().split(STARTED)[-1]
        assert not last or f"going on after {last}, of {EPOCHS}" in log
        (last,) = re.findall(r"asked to stop, after (epoch \d+ and (?:50|64) iterations of the next)", log)
    training.finish()
    assert f"going on after {last}, of {EPOCHS}" in training.log()
    assert_same(training, undisturbed("mlp"))
    training.assert_tracked_once()


def test_a_damaged_checkpoint_costs_an_epoch(shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    training = Training(shared, tmp_path, "dropout")
    process = training.start()
    wait_for(lambda: has_trained(training, 5), process)
    process.kill()
    process.wait()
    newest = max(training.unfinished.glob("checkpoint-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-50])
    training.finish()
    assert f"{newest.name} cannot be read" in training.log()
    assert_same(training, undisturbed("dropout"))
    training.assert_tracked_once()


def test_a_changed_setting_does_not_go_on_from_the_old_one(shared: Path, tmp_path: Path) -> None:
    process = (first := Training(shared, tmp_path, "mlp")).start()
    wait_for(lambda: has_trained(first, 3), process)
    process.kill()
    process.wait()
    changed = Training(shared, tmp_path, "mlp", epochs=2)
    changed.finish()
    assert "going on after" not in changed.log()
    assert len(changed.outcome()[0]) == 3  # a header and two epochs


def test_a_full_disk(shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    """Checkpoints and results on a disk that is full for a while: no file is cut, and an epoch is lost."""
    with mounted(tmp_path / "disk", "size=4m") as disk:
        training = Training(shared, tmp_path / "mlp", "mlp")
        training.unfinished, training.run = disk / "unfinished", disk / "run"
        for option, path in {"--unfinished": training.unfinished, "--run": training.run}.items():
            training.command[training.command.index(option) + 1] = path
        (disk / "ballast").write_bytes(bytes(2_200_000))  # which leaves room for two checkpoints
        assert training.start().wait(timeout=SECONDS) == 1
        error = [line for line in training.log().splitlines() if "error: " in line][-1]
        found = re.search(r"no checkpoint of epoch (\d+) can be written to .*: No space left on device; once there is room", error)
        assert found, error
        assert "Traceback" not in training.log()
        assert not list(training.run.iterdir())
        assert training.status() == "FAILED"
        (disk / "ballast").unlink()
        training.finish()
        assert f"going on after epoch {int(found[1]) - 1}, of" in training.log()
        assert_same(training, undisturbed("mlp"))
        training.assert_tracked_once()


def test_a_read_only_folder(shared: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        training = Training(shared, tmp_path / "mlp", "mlp")
        training.command[training.command.index("--unfinished") + 1] = disk / "unfinished"
        assert training.start().wait(timeout=SECONDS) == 1
        assert "error: " in training.log()
        assert "cannot be written: Read-only file system" in training.log()
        assert "Traceback" not in training.log()
