"""One run that cannot be made: one clear line says what is at fault, and it is not tried in vain."""

import json
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from commands import assert_one_line, run
from conftest import ROOT
from one_training import SPLIT, data, training
from test_hardware import MIB, VERSION_2, write_group, write_processes
from trainings import Training, settings_with

from convnets import hardware
from convnets.errors import InputError
from convnets.training import loop

__all__ = ["data", "training"]


def diverging(training: Training, data: Path) -> Training:
    settings = settings_with(optimizer={"name": "sgd", "learning_rate": 1e30, "momentum": 0.0})
    return Training(training.folder, settings, data, SPLIT, training.store)


def test_without_its_data_set(training: Training) -> None:
    """As a command, which says so in one line."""
    job = json.loads(training.job.read_text())
    job["inputs"]["dataset"] = [str(training.folder / "data.npz")]
    training.job.write_text(json.dumps(job))
    done = run("train_variant", training.job, cwd=training.folder)
    assert_one_line(done, "data.npz is not a readable data set", "run the workflow again")


def test_on_another_split_than_planned(training: Training, data: Path) -> None:
    copy = Path(shutil.copytree(data, training.folder / "data"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"split_seed": 2}))
    other = Training(training.folder, settings_with(), copy, SPLIT, training.store)
    with pytest.raises(InputError, match="no longer what this run was planned with; run the workflow again"):
        other.make()
    assert training.tracked() == []


def test_on_a_data_set_that_is_not_its_manifests(training: Training, data: Path) -> None:
    copy = Path(shutil.copytree(data, training.folder / "data"))
    with np.load(copy / "data.npz") as archive:
        arrays = dict(archive)
    arrays["validation_images"][0, 0, 0, 0] ^= 1
    np.savez(copy / "data.npz", **arrays)
    other = Training(training.folder, settings_with(), copy, SPLIT, training.store)
    with pytest.raises(InputError, match=r"data\.npz: its validation images are not those of its manifest.*run the workflow again"):
        other.make()
    assert training.tracked() == []


def test_a_loss_that_is_not_finite_is_not_tried_again(training: Training, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = diverging(training, data)
    for number in (1, 2):
        caplog.clear()
        with pytest.raises(InputError, match=r"mlp100, seed 1: the loss is .* at iteration .*; lower optimizer\.learning_rate"):
            other.make(number=number)
        assert other.files() == []
    assert "epoch" not in caplog.text
    (failed,) = other.tracked()  # the second attempt did not begin
    assert failed.info.status == "FAILED"
    Training(training.folder, settings_with(), data, SPLIT, training.store).make(number=2)  # with another fingerprint


def test_a_network_that_is_refused_is_not_built_again(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def refuse(*_: object) -> None:
        built.append(1)
        raise InputError("mine.py:good returns (None, 9)")

    monkeypatch.setattr(loop, "train", refuse)
    for number in (1, 2, 3):
        with pytest.raises(InputError, match=r"mlp100, seed 1: mine\.py:good returns"):
            training.make(number=number)
    assert len(built) == 1


def test_a_value_that_keras_refuses_ends_it_before_its_first_epoch(
    training: Training, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = {"name": "lion", "learning_rate": 0.1, "momentum": 0.0, "beta_1": 2}
    refused = Training(training.folder, settings_with(optimizer=optimizer), data, SPLIT, training.store)
    for number in (1, 2):
        with pytest.raises(InputError, match=r"^mlp100, seed 1: optimizer\.beta_1: Keras cannot use what is given: "):
            refused.make(number=number)
    assert refused.files() == []
    assert "epoch" not in caplog.text
    (failed,) = refused.tracked()
    assert (failed.info.status, failed.data.params["optimizer.beta_1"]) == ("FAILED", "2")


def test_without_enough_memory(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading of the memory is put on: taking the real one away would end the tests too."""
    monkeypatch.setattr(hardware, "available_memory", lambda: 200 * 2**20)
    monkeypatch.setattr(hardware, "resident_memory", lambda: 300 * 2**20)
    with pytest.raises(InputError, match=r"mlp100, seed 1: needs about [\d,]+ MiB of memory, and 500 are available"):
        training.make()


def test_memory_suffices_in_a_job_of_the_size_that_its_rule_asks_for(
    tmp_path: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full data set, and beside what has started it: two Snakemakes of 180 MiB in the job's control group."""
    (asked,) = re.findall(r"(?m)^TRAINING_MB = (\d+)", (ROOT / "rules" / "common.smk").read_text())
    full = tmp_path / "full" / "data.npz"
    full.parent.mkdir()
    with full.open("wb") as file:
        file.truncate(60_000 * 3072)
    attempt = Training(tmp_path, settings_with(), full.parent, SPLIT, training.store).attempt()
    resident = 650 * MIB  # after the imports
    monkeypatch.setattr(hardware, "resident_memory", lambda: resident)
    processes, groups = write_processes(tmp_path / "proc", "0::/job_7/step_0"), tmp_path / "cgroup"
    available = partial(hardware.available_memory, processes, groups)
    monkeypatch.setattr(hardware, "available_memory", available)
    write_group(groups / "job_7", VERSION_2, str(int(asked) * MIB), 2 * 180 * MIB + resident, 0)
    with pytest.raises(InputError, match="is not a readable data set"):  # it is not refused before
        attempt.make()
    write_group(groups / "job_7", VERSION_2, str(1400 * MIB), 2 * 180 * MIB + resident, 0)
    with pytest.raises(InputError, match="MiB of memory, and 1,040 are available"):
        attempt.make()
