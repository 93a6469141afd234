"""Trainings that are killed, for real, and go on: the same history, weights and tracked points, bit for bit. Slow: minutes."""

import random
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disks import mounted
from finished_runs import new_store
from images import split_of
from killing import FILES, epochs_done, has_trained, kill, wait_for
from trainings import STARTED, Training, assert_same, outcome, settings_with, write_data
from waiting import SECONDS

from convnets.data.dataset import DatasetSettings
from convnets.study.stores import Store

SPLIT = split_of(256, 64, 64)
AUGMENTED = {"horizontal_flip": "batch", "channel_offset": 0.05, "accumulate": True}
VARIANTS: dict[str, dict[str, Any]] = {
    "dropout": {"filters": [8, 8]},
    "augmentation": {"filters": [8], "augmentation": AUGMENTED},
    "conv1x1": {"filters": [8, 8], "head": "conv1x1", "dense_units": [], "dropout": 0.0},
    # Of 64 iterations an epoch, after 50 of which the graph is left.
    "mlp": {
        "filters": [],
        "kernel_size": 0,
        "batch_size": 4,
        "optimizer": {"name": "adam", "learning_rate": 0.001, "momentum": 0.0},
    },
    "bfloat16": {"filters": [8], "precision": "mixed_bfloat16"},
    "craft": {  # of 64 iterations an epoch, too
        "filters": [4],
        "batch_size": 4,
        "optimizer": {
            "name": "nadam",
            "learning_rate": {"CosineDecay": {"initial_learning_rate": 0.001, "decay_steps": 9000}},
            "momentum": 0.0,
            "gradient_accumulation_steps": 3,
        },
        "augmentation": {
            "horizontal_flip": "batch",
            "channel_offset": 0.0,
            "layers": [{"RandomRotation": {"factor": 0.1}}, {"GaussianNoise": {"stddev": 0.1}}],
        },
    },
}
OPTIMIZER = {"name": "rmsprop", "learning_rate": 0.0005, "momentum": 0.0}


def epochs_of(variant: str) -> int:
    """Return as many epochs as make a training last for some seconds: those of 64 iterations, and bfloat16, are slower."""
    return 80 if {"batch_size", "precision"} & set(VARIANTS[variant]) else 150


def training_of(shared: Path, folder: Path, variant: str, epochs: int | None = None, results: Path | None = None) -> Training:
    """Return a training in a folder, with a store of its own."""
    common = {"kernel_size": 3, "dense_units": [16], "optimizer": OPTIMIZER}
    settings = settings_with(**{**common, **VARIANTS[variant], "epochs": epochs or epochs_of(variant)})
    folder.mkdir(exist_ok=True)
    shutil.copy(shared / "mlflow.db", folder)
    store = Store(f"sqlite:///{folder}/mlflow.db", "tests")
    return Training(folder, settings, shared, SPLIT, store, variant=variant, results=results)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Path:
    """The data set and a fresh tracking store."""
    folder = tmp_path_factory.mktemp("shared")
    write_data(folder, real_batches, DatasetSettings(0.1, 1, (256, 64, 64)))
    new_store(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Training]:
    """Trainings that nothing disturbs, each made once."""
    made: dict[str, Training] = {}

    def make(variant: str) -> Training:
        if variant not in made:
            made[variant] = training_of(shared, tmp_path_factory.mktemp(variant), variant)
            made[variant].finish()
        return made[variant]

    return make


KINDS = ("start", "epoch", "checkpoint", "epoch", "end")


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
    """Five kills: at a random moment after the start, in two random epochs, while a checkpoint is written, and at the end."""
    training, epochs = training_of(shared, tmp_path, variant), epochs_of(variant)
    kills.update(kill(training, KINDS, epochs, random.Random(variant), most=epochs // 4))
    assert_same(training.run, undisturbed(variant).run)
    training.assert_tracked_once()
    assert not training.unfinished.exists()
    kills["variants"] += 1
    assert training.files() == FILES


def test_asked_to_stop(shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    """Asked three times, each time twice, a training keeps what it has done of its epoch and goes on from there."""
    training = training_of(shared, tmp_path, "mlp")
    last = ""
    for further, number in ((0, signal.SIGTERM), (5, signal.SIGINT), (5, signal.SIGTERM)):
        reached = epochs_done(training) + further
        process = training.start()
        wait_for(lambda epochs=reached: has_trained(training, epochs) if epochs else training.status() == "RUNNING", process)
        for _ in range(2):
            process.send_signal(number)
        assert process.wait(timeout=SECONDS) == 128 + number, training.log()
        assert training.files() == []
        assert training.status() == "KILLED"
        log = training.log().split(STARTED)[-1]
        assert not last or f"going on after {last}, of {epochs_of('mlp')}" in log
        (last,) = re.findall(r"asked to stop, after (epoch \d+ and (?:50|64) iterations of the next)", log)
    training.finish()
    assert f"going on after {last}, of {epochs_of('mlp')}" in training.log()
    assert_same(training.run, undisturbed("mlp").run)
    training.assert_tracked_once()


def test_a_damaged_checkpoint_costs_an_epoch(shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    training = training_of(shared, tmp_path, "dropout")
    process = training.start()
    wait_for(lambda: has_trained(training, 5), process)
    process.kill()
    process.wait()
    newest = max(training.unfinished.glob("checkpoint-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-50])
    training.finish()
    assert f"{newest.name} cannot be read" in training.log()
    assert_same(training.run, undisturbed("dropout").run)
    training.assert_tracked_once()


def test_a_changed_setting_does_not_go_on_from_the_old_one(shared: Path, tmp_path: Path) -> None:
    process = (first := training_of(shared, tmp_path, "mlp")).start()
    wait_for(lambda: has_trained(first, 3), process)
    process.kill()
    process.wait()
    changed = training_of(shared, tmp_path, "mlp", epochs=2)
    changed.finish()
    assert "going on after" not in changed.log()
    assert len(outcome(changed.run)[0]) == 3  # a header and two epochs


def test_a_full_disk(shared: Path, tmp_path: Path, undisturbed: Callable[[str], Training]) -> None:
    """Checkpoints and results on a disk that is full for a while: no file is cut, and an epoch is lost."""
    with mounted(tmp_path / "disk", "size=4m") as disk:
        training = training_of(shared, tmp_path / "mlp", "mlp", results=disk)
        (disk / "ballast").write_bytes(bytes(2_200_000))  # which leaves room for two checkpoints
        assert training.start().wait(timeout=SECONDS) == 1
        error = [line for line in training.log().splitlines() if "error: " in line][-1]
        found = re.search(r"no checkpoint of epoch (\d+) can be written to .*: No space left on device; once there is room", error)
        assert found, error
        assert "Traceback" not in training.log()
        assert training.files() == []
        assert training.status() == "FAILED"
        (disk / "ballast").unlink()
        training.finish()
        assert f"going on after epoch {int(found[1]) - 1}, of" in training.log()
        assert_same(training.run, undisturbed("mlp").run)
        training.assert_tracked_once()


def test_a_read_only_folder(shared: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        training = training_of(shared, tmp_path / "mlp", "mlp", results=disk)
        assert training.start().wait(timeout=SECONDS) == 1
        assert "error: " in training.log()
        assert "cannot be written: Read-only file system" in training.log()
        assert "Traceback" not in training.log()
