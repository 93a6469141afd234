"""The script that trains: what it writes and tracks, and one clear line when something is at fault. Slow: minutes."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
from commands import assert_one_line, run
from conftest import ROOT
from finished_runs import MEMBER, write_run
from test_hardware import MIB, VERSION_2, write_group, write_processes
from waiting import SECONDS, wait_until

from convnets.data import dataset
from convnets.freshness import fingerprint
from convnets import hardware
from convnets.runs import unfinished
from convnets.data.dataset import DatasetSettings
from convnets.errors import InputError
from convnets.files import write_json
from convnets.runs.records import read_record
from convnets.settings import from_dict
from convnets.study.stores import Plan, Store

SPLIT = {"validation_fraction": 0.1, "split_seed": 1, "subset": [640, 64, 64]}


def save_dataset(folder: Path, batches: Path, settings: DatasetSettings) -> None:
    prepared = dataset.prepare(batches, settings)
    dataset.save(prepared, folder / "data.npz")
    write_json(folder / "manifest.json", dataset.manifest(prepared, "here", settings))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    save_dataset(folder, real_batches, DatasetSettings(0.1, 1, (640, 64, 64)))
    return folder


@pytest.fixture
def planned(store: Store, tmp_path: Path) -> Path:
    """A folder with a fresh store, and with what is to be tracked there."""
    Plan(store, False, {"mlp100": MEMBER}).write(tmp_path / "plan.json")
    return tmp_path


@pytest.fixture
def project(planned: Path, prepared: Path) -> Path:
    """The same with a prepared data set."""
    return Path(shutil.copytree(prepared, planned, dirs_exist_ok=True))


def train_arguments(
    tmp_path: Path, learning_rate: float, epochs: int = 1, folder: str = "run", split: Mapping[str, Any] = SPLIT
) -> list[object]:
    settings = {
        "network": {"filters": [4], "kernel_size": 3, "head": "dense", "dense_units": [8], "dropout": 0.5},
        "training": {
            "epochs": epochs,
            "batch_size": 32,
            "optimizer": {"name": "sgd", "learning_rate": learning_rate, "momentum": 0.0},
            "precision": "float32",
            "augmentation": {"horizontal_flip": True, "channel_offset": 0.05},
        },
    }
    digest = fingerprint.digest(fingerprint.run_components(from_dict(settings), 1, split))
    inputs = ["--dataset", tmp_path / "data.npz", "--manifest", tmp_path / "manifest.json", "--plan", tmp_path / "plan.json"]
    outputs = ["--run", folder, "--unfinished", "unfinished/mlp100-seed1", "--deliver-within", SECONDS]
    return ["--variant", "mlp100", "--seed", 1, "--settings", json.dumps(settings), "--fingerprint", digest, *inputs, *outputs]


def outputs(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "run").iterdir()]


def tracked(tmp_path: Path) -> list[Any]:
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    return list(client.search_runs([client.get_experiment_by_name("tests").experiment_id]))


def test_train_variant_without_its_data_set(planned: Path) -> None:
    done = run("train_variant", *train_arguments(planned, 0.1), cwd=planned)
    assert_one_line(done, "data.npz is not a readable data set", "run the workflow again")


def test_train_variant_twice_gives_the_same_files(project: Path) -> None:
    histories = []
    for folder in ("one", "two"):
        done = run("train_variant", *train_arguments(project, 0.1, 2, folder), cwd=project)
        assert done.returncode == 0, done.stderr
        rows = (project / folder / "history.csv").read_text().splitlines()
        histories.append([row.rsplit(",", 1)[0] for row in rows])  # without the seconds
    assert histories[0] == histories[1]
    assert len(histories[0]) == 3
    (run_of_two,) = tracked(project)  # the first one is superseded
    assert run_of_two.info.status == "FINISHED"
    assert run_of_two.info.run_id == json.loads((project / "two" / "metrics.json").read_text())["mlflow_run_id"]


def test_train_variant_on_another_split_than_planned(project: Path) -> None:
    manifest = json.loads((project / "manifest.json").read_text())
    (project / "manifest.json").write_text(json.dumps(manifest | {"split_seed": 2}))
    done = run("train_variant", *train_arguments(project, 0.1), cwd=project)
    assert_one_line(done, "no longer what this run was planned with", "run the workflow again")
    assert tracked(project) == []


def test_train_variant_whose_loss_is_not_finite(project: Path) -> None:
    done = run("train_variant", *train_arguments(project, 1e30), cwd=project)
    assert_one_line(done, "mlp100, seed 1: the loss is", "at iteration", "lower optimizer.learning_rate")
    assert outputs(project) == []
    (failed,) = tracked(project)
    assert failed.info.status == "FAILED"


def test_train_variant_that_is_asked_to_stop(project: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", *map(str, train_arguments(project, 0.1, 100_000))]
    with (project / "stopped.log").open("w") as log:
        process = subprocess.Popen(command, cwd=project, stderr=log)
    wait_until(lambda: "epoch 3/" in (project / "stopped.log").read_text(), process=process)
    wait_until(lambda: bool(tracked(project)), "the run is in the store", process=process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 128 + signal.SIGTERM
    assert outputs(project) == []
    (killed,) = tracked(project)
    assert killed.info.status == "KILLED"


STOPPED_TWICE = """
import os, signal, sys
sys.path[:0] = [{scripts!r}, {tests!r}]
import train_variant
from convnets import command, unfinished

def asked_to_stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)

def asked_again(folder, empty=unfinished._empty):
    os.kill(os.getpid(), signal.SIGTERM)
    empty(folder)

train_variant._deliver, unfinished._empty = asked_to_stop, asked_again
command.run(train_variant.main)
"""


def test_train_variant_that_is_asked_to_stop_twice_when_it_has_finished(project: Path) -> None:
    """While it delivers, and when it removes its checkpoints; to exit otherwise than well would let Snakemake remove the run."""
    program = STOPPED_TWICE.format(scripts=str(ROOT / "scripts"), tests=str(ROOT / "tests"))
    command = [sys.executable, "-c", program, *map(str, train_arguments(project, 0.1))]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "asked to stop when finished" in done.stderr
    assert outputs(project)


def test_train_variant_that_is_under_way_already(tmp_path: Path) -> None:
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    with unfinished.claimed(folder):
        done = run("train_variant", *train_arguments(tmp_path, 0.1), cwd=tmp_path)
        assert_one_line(done, f"this run is being trained by process {os.getpid()} on", "wait until it ends")
        assert folder.is_dir()
    assert not folder.exists()


def test_train_variant_waits_for_another_that_trains_the_same(project: Path) -> None:
    """The first is held still; the second waits, and finds the run finished."""
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", *map(str, train_arguments(project, 0.1, 150))]
    first = subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL)
    wait_until((project / "unfinished" / "mlp100-seed1" / "begun.json").exists, process=first)
    first.send_signal(signal.SIGSTOP)
    with (project / "second.log").open("w") as log:
        second = subprocess.Popen([*command, "--patience", "300"], cwd=project, stderr=log)
    wait_until(lambda: "waiting for that to end" in (project / "second.log").read_text(), process=second)
    first.send_signal(signal.SIGCONT)
    assert (first.wait(timeout=SECONDS), second.wait(timeout=SECONDS)) == (0, 0)
    log = (project / "second.log").read_text()
    assert f"is being trained by process {first.pid} on" in log
    assert "another process has finished this run" in log
    assert "epoch" not in log
    assert len(tracked(project)) == 1
    assert not (project / "unfinished" / "mlp100-seed1").exists()


def test_what_another_host_has_made_may_show_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import train_variant

    answers = iter([False, False, True])
    monkeypatch.setattr(train_variant, "SETTLING_S", SECONDS)
    monkeypatch.setattr(train_variant, "_is_finished", lambda _: next(answers))
    assert train_variant._appears(argparse.Namespace(run=tmp_path))


def test_train_variant_on_a_data_set_that_is_not_its_manifests(project: Path) -> None:
    with np.load(project / "data.npz") as data:
        arrays = dict(data)
    arrays["validation_images"][0, 0, 0, 0] ^= 1
    np.savez(project / "data.npz", **arrays)
    done = run("train_variant", *train_arguments(project, 0.1), cwd=project)
    assert_one_line(done, "data.npz: its validation images are not those of its manifest", "run the workflow again")
    assert tracked(project) == []


def test_train_variant_without_enough_memory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading of the memory is put on: taking the real one away would end the tests too."""
    import train_variant

    monkeypatch.setattr(train_variant.hardware, "available_memory", lambda: 200 * 2**20)
    monkeypatch.setattr(train_variant.hardware, "resident_memory", lambda: 300 * 2**20)
    monkeypatch.setattr(sys, "argv", ["train_variant.py", *map(str, train_arguments(project, 0.1))])
    monkeypatch.chdir(project)
    with pytest.raises(InputError, match=r"mlp100, seed 1: needs about [\d,]+ MiB of memory, and 500 are available"):
        train_variant.main()


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(28, "No space left on device", "metrics.json"), "[Errno 28] No space left on device: 'metrics.json'"),
        (None, "the tracking store sqlite:///nowhere has not taken all of it within 0 s"),
    ],
)
def test_a_run_that_cannot_be_delivered_is_finished_all_the_same(
    failure: OSError | None,
    said: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On a disk that is full, or to a store that never ends to answer."""
    import train_variant

    def deliver(*_: object) -> None:
        if failure:
            raise failure
        threading.Event().wait(SECONDS)

    monkeypatch.setattr(train_variant, "connect", lambda *_: None)
    monkeypatch.setattr(train_variant, "deliver", deliver)
    store = Store("sqlite:///nowhere", "tests")
    run = write_run(tmp_path, model)
    arguments = argparse.Namespace(run=run.folder, planned_on=None, deliver_within=SECONDS if failure else 0.2)
    follower = SimpleNamespace(why_not_deliver=lambda _: "")
    train_variant._deliver(arguments, Plan(store, False, {"mlp100": MEMBER}), None, follower)
    assert [record.getMessage() for record in caplog.records] == [
        f"finished, and not tracked yet: {said}. The next run of the workflow, or `make sync`, brings it there."
    ]


def test_train_variant_keeps_to_one_thread_and_to_its_memory(planned: Path, real_batches: Path) -> None:
    """With the full data set, which is what takes memory."""
    save_dataset(planned, real_batches, DatasetSettings(0.1, 1, None))
    done = run("train_variant", *train_arguments(planned, 0.1, split={**SPLIT, "subset": None}), cwd=planned)
    assert done.returncode == 0, done.stderr
    record = read_record(planned / "run" / "record.json")
    assert 2 * 150e6 < record.peak_memory_bytes < 1.5 * 2**30  # images as an array and as a tensor, and all else
    assert [usage.cpu_percent < 110 for usage in record.usage] == [True]


def test_train_variant_has_enough_memory_in_a_job_of_the_size_that_its_rule_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full data set, and beside what has started it: two Snakemakes of 180 MiB in the job's control group."""
    import train_variant

    (asked,) = re.findall(r"(?m)^TRAINING_MB = (\d+)", (ROOT / "rules" / "common.smk").read_text())
    data = tmp_path / "cifar10.npz"
    with data.open("wb") as file:
        file.truncate(60_000 * 3072)
    resident = 650 * MIB  # after the imports
    monkeypatch.setattr(train_variant.hardware, "resident_memory", lambda: resident)
    processes, groups = write_processes(tmp_path / "proc", "0::/job_7/step_0"), tmp_path / "cgroup"
    available = partial(hardware.available_memory, processes, groups)
    monkeypatch.setattr(train_variant.hardware, "available_memory", available)
    write_group(groups / "job_7", VERSION_2, str(int(asked) * MIB), 2 * 180 * MIB + resident, 0)
    train_variant._check_memory("mlp100, seed 1", data)
    write_group(groups / "job_7", VERSION_2, str(1400 * MIB), 2 * 180 * MIB + resident, 0)
    with pytest.raises(InputError, match="MiB of memory, and 1,040 are available"):
        train_variant._check_memory("mlp100, seed 1", data)


def test_train_variant_on_a_host_that_may_not_write_to_the_database(project: Path) -> None:
    """On a network file system, as a made-up list of mounts has it: refused in a line, and left to the host of the workflow."""
    (project / "mounts").write_text(f"server:/home {project} nfs4 rw,vers=4.2 0 0\n")
    launcher = (
        "import runpy, sys, pathlib; from convnets import hosts;"
        "hosts.network_file_system.__defaults__ = (pathlib.Path('mounts'),); script = sys.argv.pop(1); sys.argv[0] = script;"
        "runpy.run_path(script, run_name='__main__')"
    )
    script = str(ROOT / "scripts" / "train_variant.py")
    arguments = [*map(str, train_arguments(project, 0.1)), "--planned-on", "login1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", launcher, script, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    refused = [line for line in done.stderr.splitlines() if "SQLite database on a network file system (nfs4)" in line]
    assert refused
    assert "in use on login1" in refused[0]
    assert tracked(project) == []


def test_train_variant_does_not_repeat_what_cannot_succeed(project: Path) -> None:
    for attempt in (1, 2):
        done = run("train_variant", *train_arguments(project, 1e30), "--attempt", attempt, cwd=project)
        assert_one_line(done, "mlp100, seed 1: the loss is", "lower optimizer.learning_rate")
    assert len(tracked(project)) == 1  # the second attempt did not begin
    assert "epoch" not in done.stderr
    done = run("train_variant", *train_arguments(project, 0.1), "--attempt", 2, cwd=project)
    assert done.returncode == 0, done.stderr
