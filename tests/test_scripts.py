"""Every script: usable without the workflow, and one clear line when its input is at fault."""

import argparse
import json
import os
import re
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
from conftest import ROOT
from finished_runs import MEMBER, write_run
from test_hardware import MIB, VERSION_2, write_group, write_processes
from waiting import SECONDS, wait_until

from convnets import command, dataset, fingerprint, hardware, stamps, unfinished
from convnets.errors import InputError
from convnets.files import write_json
from convnets.records import read_record
from convnets.settings import from_dict
from convnets.stores import Plan, Store
from convnets.unfinished import Begun

SPLIT = {"validation_fraction": 0.1, "split_seed": 1, "subset": [640, 64, 64]}
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def run(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_says_how_it_is_used(script: Path, tmp_path: Path) -> None:
    done = run(script.stem, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage:")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_can_be_started_by_its_name(script: Path) -> None:
    """The rules do so, from the PATH."""
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env python\n")


def assert_one_line(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    error = done.stderr.strip().splitlines()[-1]
    assert "error: " in error
    for text in texts:
        assert text in error


def test_get_cifar10_from_nowhere(tmp_path: Path) -> None:
    arguments = ["--source", "nowhere", "--folder", "out", "--provenance", "out/source.json", "--log", "logs/get.log"]
    done = run("get_cifar10", *arguments, cwd=tmp_path)
    assert_one_line(done, "nowhere does not exist", "auto, official, npm")
    assert "nowhere does not exist" in (tmp_path / "logs" / "get.log").read_text()
    assert not (tmp_path / "out" / "source.json").exists()


def store_arguments(settings: dict[str, Any]) -> list[str]:
    return ["--settings", json.dumps(settings), "--results", ".", "--plan", "plan.json", "--stamp", "plan.stamp.json"]


def plan(tmp_path: Path) -> Path:
    members = {"mlp100": {"label": "MLP", "comparisons": {}}}
    store = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "experiment": "tests", "artifacts": f"{tmp_path}/artifacts"}
    done = run("create_store", *store_arguments({**store, "reuse": False, "members": members}), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "plan.json"


def test_create_store_closes_the_run_of_a_training_that_was_killed_when_it_had_just_ended(tmp_path: Path) -> None:
    """Whatever the configuration says by now: its folder, which goes, has the only record of that run."""
    settings = json.loads(plan(tmp_path).read_text())
    former = settings["store"]
    client = mlflow.MlflowClient(former["uri"])
    experiment = client.get_experiment_by_name("tests").experiment_id
    left = client.create_run(experiment, tags={"training": "a"}).info.run_id
    components = {"settings": {}}
    with stamps.stamping(tmp_path / "runs" / "gone" / "seed1" / "stamp.json", components, [], []):
        pass
    folder = tmp_path / "unfinished" / "gone-seed1"
    Begun("a", 1.0, fingerprint.digest(components), former["uri"], former["experiment"], is_open=True).write(folder)
    store = {"uri": former["uri"], "experiment": "another", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(store), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert client.get_run(left).info.status == "KILLED"
    assert not folder.exists()


def test_explain_steps_names_runs_that_are_open_in_former_stores(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "unfinished" / "gone-seed1"
    unfinished.begin(folder, "f", "http://former", "tests")
    unfinished.settle(folder / unfinished.BEGUN, is_closed=False)
    done = run("explain_steps", ROOT / "config.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "`make sync` tries to close them:\n         gone-seed1 in http://former (results/unfinished/open/gone-seed1/" in done.stdout
    )


def prepare(tmp_path: Path, batches: Path) -> None:
    settings = json.dumps(SPLIT)
    (tmp_path / "source.json").write_text('{"source": "here"}')
    arguments = ["--folder", batches, "--provenance", "source.json", "--settings", settings]
    done = run(
        "prepare_dataset", *arguments, "--dataset", "data.npz", "--manifest", "manifest.json", "--stamp", "stamp.json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_arguments_can_stand_in_a_file(tmp_path: Path) -> None:
    """A command line has 128 KiB, which the paths of a thousand runs exceed."""
    parser = command.parser(None)
    parser.add_argument("--runs", nargs="*")
    paths = [f"results/runs/a variant/seed{seed}/history.csv" for seed in range(5000)]
    (tmp_path / "arguments").write_text("\n".join(["--runs", *paths]))
    assert parser.parse_args([f"@{tmp_path}/arguments"]).runs == paths


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
    outputs = ["--run", folder, "--unfinished", "unfinished/mlp100-seed1"]
    return ["--variant", "mlp100", "--seed", 1, "--settings", json.dumps(settings), "--fingerprint", digest, *inputs, *outputs]


def outputs(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "run").iterdir()]


def tracked(tmp_path: Path) -> list[Any]:
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    return list(client.search_runs([client.get_experiment_by_name("tests").experiment_id]))


def test_train_variant_without_its_data_set(tmp_path: Path) -> None:
    plan(tmp_path)
    done = run("train_variant", *train_arguments(tmp_path, 0.1), cwd=tmp_path)
    assert_one_line(done, "data.npz is not a readable data set", "run the workflow again")


def test_train_variant_twice_gives_the_same_files(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    histories = []
    for folder in ("one", "two"):
        done = run("train_variant", *train_arguments(tmp_path, 0.1, 2, folder), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = (tmp_path / folder / "history.csv").read_text().splitlines()
        histories.append([row.rsplit(",", 1)[0] for row in rows])  # without the seconds
    assert histories[0] == histories[1]
    assert len(histories[0]) == 3
    (run_of_two,) = tracked(tmp_path)  # the first one is superseded
    assert run_of_two.info.status == "FINISHED"
    assert run_of_two.info.run_id == json.loads((tmp_path / "two" / "metrics.json").read_text())["mlflow_run_id"]


def test_train_variant_on_another_split_than_planned(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"split_seed": 2}))
    done = run("train_variant", *train_arguments(tmp_path, 0.1), cwd=tmp_path)
    assert_one_line(done, "no longer what this run was planned with", "run the workflow again")
    assert tracked(tmp_path) == []


def test_train_variant_whose_loss_is_not_finite(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    done = run("train_variant", *train_arguments(tmp_path, 1e30), cwd=tmp_path)
    assert_one_line(done, "mlp100, seed 1: the loss is", "at iteration", "lower optimizer.learning_rate")
    assert outputs(tmp_path) == []
    (failed,) = tracked(tmp_path)
    assert failed.info.status == "FAILED"


def test_train_variant_that_is_asked_to_stop(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", *map(str, train_arguments(tmp_path, 0.1, 100_000))]
    with (tmp_path / "stopped.log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=log)
    wait_until(lambda: "epoch 3/" in (tmp_path / "stopped.log").read_text(), process=process)
    wait_until(lambda: bool(tracked(tmp_path)), "the run is in the store", process=process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 128 + signal.SIGTERM
    assert outputs(tmp_path) == []
    (killed,) = tracked(tmp_path)
    assert killed.info.status == "KILLED"


def test_train_variant_that_is_under_way_already(tmp_path: Path) -> None:
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    with unfinished.claimed(folder):
        done = run("train_variant", *train_arguments(tmp_path, 0.1), cwd=tmp_path)
        assert_one_line(done, f"this run is being trained by process {os.getpid()} on", "wait until it ends")
        assert folder.is_dir()
    assert not folder.exists()


def test_train_variant_waits_for_another_that_trains_the_same(tmp_path: Path, real_batches: Path) -> None:
    """The first is held still; the second waits, and finds the run finished."""
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", *map(str, train_arguments(tmp_path, 0.1, 50))]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "unfinished" / "mlp100-seed1" / "begun.json").exists, process=first)
    first.send_signal(signal.SIGSTOP)
    with (tmp_path / "second.log").open("w") as log:
        second = subprocess.Popen([*command, "--patience", "300"], cwd=tmp_path, stderr=log)
    wait_until(lambda: "waiting for that to end" in (tmp_path / "second.log").read_text(), process=second)
    first.send_signal(signal.SIGCONT)
    assert (first.wait(timeout=SECONDS), second.wait(timeout=SECONDS)) == (0, 0)
    log = (tmp_path / "second.log").read_text()
    assert f"is being trained by process {first.pid} on" in log
    assert "another process has finished this run" in log
    assert "epoch" not in log
    assert len(tracked(tmp_path)) == 1
    assert not (tmp_path / "unfinished" / "mlp100-seed1").exists()


def test_what_another_host_has_made_may_show_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import train_variant

    answers = iter([False, False, True])
    monkeypatch.setattr(train_variant, "_is_finished", lambda _: next(answers))
    assert train_variant._appears(argparse.Namespace(run=tmp_path))


def test_train_variant_on_a_data_set_that_is_not_its_manifests(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    with np.load(tmp_path / "data.npz") as data:
        arrays = dict(data)
    arrays["validation_images"][0, 0, 0, 0] ^= 1
    np.savez(tmp_path / "data.npz", **arrays)
    done = run("train_variant", *train_arguments(tmp_path, 0.1), cwd=tmp_path)
    assert_one_line(done, "data.npz: its validation images are not those of its manifest", "run the workflow again")
    assert tracked(tmp_path) == []


def test_create_store_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    settings = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "experiment": "x", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(settings), cwd=tmp_path)
    assert_one_line(done, "the tracking store sqlite://", "cannot be used")
    assert not (tmp_path / "plan.json").exists()


def test_create_store_on_a_server_that_is_away(tmp_path: Path) -> None:
    """The results are made all the same, and tracked later."""
    settings = {"uri": "http://127.0.0.1:9", "experiment": "x", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(settings), cwd=tmp_path)
    assert done.returncode == 0
    assert "http://127.0.0.1:9 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "plan.json").exists()


def test_serve_ui_before_there_are_runs(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text("pathvars: {results: out}\n")
    done = run("serve_ui", ROOT / "config.yaml", "overlay.yaml", cwd=tmp_path)
    assert_one_line(done, "no runs under out yet", "make run")


@pytest.mark.parametrize("is_its_own", [True, False])
def test_serve_ui_prints_the_addresses_of_its_own_store(
    is_its_own: bool, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not those that were published in a former one."""
    import serve_ui

    place = {"uri": store.uri if is_its_own else "http://elsewhere", "experiment": store.experiment}
    published = {"store": place, "curves": {"depth": "#/1"}, "compare": {"depth": "#/2"}}
    write_json(tmp_path / "out" / "tracking" / "published.json", published)
    overlay = {"pathvars": {"results": str(tmp_path / "out")}, "tracking": {"uri": store.uri, "experiment": store.experiment}}
    (tmp_path / "overlay.yaml").write_text(json.dumps(overlay))
    monkeypatch.setattr(serve_ui.os, "execv", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["serve_ui.py", str(ROOT / "config.yaml"), str(tmp_path / "overlay.yaml")])
    serve_ui.main()
    assert ("depth, learning curves: http://127.0.0.1:5000/#/1" in capsys.readouterr().out) == is_its_own


def test_sync_runs_before_there_are_runs(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text("pathvars: {results: out}\n")
    done = run("sync_runs", ROOT / "config.yaml", "overlay.yaml", cwd=tmp_path)
    assert_one_line(done, "no finished runs under out yet", "make run")
    assert not (tmp_path / "out").exists()


def test_explain_steps_whose_reader_goes_away(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT}/scripts/explain_steps.py {ROOT}/config.yaml 2> errors | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("stale  prepare_dataset")
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.parametrize("cores", ["0", "-1", "many"])
def test_explain_steps_for_a_number_of_cores_that_is_none(cores: str, tmp_path: Path) -> None:
    done = run("explain_steps", f"--cores={cores}", ROOT / "config.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{cores!r} is not a number of cores; give one from 1, or all" in done.stderr


def test_train_variant_without_enough_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_batches: Path) -> None:
    """The reading of the memory is put on: taking the real one away would end the tests too."""
    import train_variant

    plan(tmp_path)
    prepare(tmp_path, real_batches)
    monkeypatch.setattr(train_variant.hardware, "available_memory", lambda: 200 * 2**20)
    monkeypatch.setattr(train_variant.hardware, "resident_memory", lambda: 300 * 2**20)
    monkeypatch.setattr(sys, "argv", ["train_variant.py", *map(str, train_arguments(tmp_path, 0.1))])
    monkeypatch.chdir(tmp_path)
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
    arguments = argparse.Namespace(run=run.folder, planned_on=None, deliver_within=0.2)
    follower = SimpleNamespace(why_not_deliver=lambda _: "")
    train_variant._deliver(arguments, Plan(store, False, {"mlp100": MEMBER}), None, follower)
    assert [record.getMessage() for record in caplog.records] == [
        f"finished, and not tracked yet: {said}. The next run of the workflow, or `make sync`, brings it there."
    ]


def test_train_variant_keeps_to_one_thread_and_to_its_memory(tmp_path: Path, real_batches: Path) -> None:
    """With the full data set, which is what takes memory."""
    split = {"validation_fraction": 0.1, "split_seed": 1, "subset": None}
    prepared = dataset.prepare(real_batches, dataset.DatasetSettings(0.1, 1, None))
    dataset.save(prepared, tmp_path / "data.npz")
    write_json(tmp_path / "manifest.json", dataset.manifest(prepared, "here", dataset.DatasetSettings(0.1, 1, None)))
    plan(tmp_path)
    done = run("train_variant", *train_arguments(tmp_path, 0.1, split=split), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "run" / "record.json")
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


def test_train_variant_on_a_host_that_may_not_write_to_the_database(tmp_path: Path, real_batches: Path) -> None:
    """On a network file system, as a made-up list of mounts has it: refused in a line, and left to the host of the workflow."""
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    (tmp_path / "mounts").write_text(f"server:/home {tmp_path} nfs4 rw,vers=4.2 0 0\n")
    launcher = (
        "import runpy, sys, pathlib; from convnets import hosts;"
        "hosts.network_file_system.__defaults__ = (pathlib.Path('mounts'),); script = sys.argv.pop(1); sys.argv[0] = script;"
        "runpy.run_path(script, run_name='__main__')"
    )
    script = str(ROOT / "scripts" / "train_variant.py")
    arguments = [*map(str, train_arguments(tmp_path, 0.1)), "--planned-on", "login1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", launcher, script, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    refused = [line for line in done.stderr.splitlines() if "SQLite database on a network file system (nfs4)" in line]
    assert refused
    assert "in use on login1" in refused[0]
    assert tracked(tmp_path) == []


def test_train_variant_does_not_repeat_what_cannot_succeed(tmp_path: Path, real_batches: Path) -> None:
    plan(tmp_path)
    prepare(tmp_path, real_batches)
    for attempt in (1, 2):
        done = run("train_variant", *train_arguments(tmp_path, 1e30), "--attempt", attempt, cwd=tmp_path)
        assert_one_line(done, "mlp100, seed 1: the loss is", "lower optimizer.learning_rate")
    assert len(tracked(tmp_path)) == 1  # the second attempt did not begin
    assert "epoch" not in done.stderr
    done = run("train_variant", *train_arguments(tmp_path, 0.1), "--attempt", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
