"""Processes that are killed, refused or kept waiting while a small workflow runs: what is stale then, and what is made.

Each test starts from what the one before it left, finished. Slow: minutes.
"""

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from staleness import SMALL, TABLES, active_runs, audited, finished, put, settle, trainings
from standstill import alone_with, stand_still
from waiting import wait_until
from workflow import Workflow

from convnets.runs import unfinished


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    return finished(tmp_path_factory, real_batches, SMALL)


def test_a_training_that_was_killed_when_it_had_just_ended(workflow: Workflow) -> None:
    folder = workflow.results("unfinished", "mlp-seed1")
    stamp = json.loads(workflow.results("runs", "mlp", "seed1", "stamp.json").read_text())
    unfinished.begin(folder, stamp["fingerprint"], "sqlite:///elsewhere.db", "tests")
    settle(workflow, {"create_store", "publish_comparisons"})
    assert not folder.exists()


def says(log: Path, text: str) -> bool:
    with suppress(FileNotFoundError):  # Snakemake removes a log before it tries again
        return text in log.read_text()
    return False


def wait_for(log: Path, text: str, process: "subprocess.Popen[bytes]") -> None:
    wait_until(lambda: says(log, text), text, process=process)


def start(workflow: Workflow, epochs: int) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start the workflow with another number of epochs of one variant; return the process and that training's log."""
    put(workflow.config, "variants.mlp.epochs", epochs)
    log = workflow.folder / "logs" / "train_variant" / "mlp" / "seed1.log"
    log.unlink()
    output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(workflow.command(), cwd=workflow.folder, env=workflow.environment, **output), log


def test_another_call_is_refused_and_harms_nothing(workflow: Workflow) -> None:
    process, log = start(workflow, 60)
    wait_for(log, "epoch 2/", process)
    stand_still(process.pid)
    second = workflow.snakemake()
    process.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert "cannot be locked" in second.stdout + second.stderr
    assert process.wait() == 0
    settle(workflow, set())


def training_process(folder: Path) -> int:
    """Return the id of the process that trains in this project."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
            if len(command) > 2 and command[1].endswith(b"train_variant.py") and (path / "cwd").resolve() == folder.resolve():
                return int(path.name)
        except OSError:
            continue
    raise AssertionError("no process is training")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="NOT TESTED: killing a training by its process id needs /proc")
def test_a_training_is_killed(workflow: Workflow) -> None:
    process, log = start(workflow, 600)
    wait_for(log, "epoch 41/", process)  # an epoch is logged before its checkpoint is written
    is_open = lambda: "RUNNING" in {run.info.status for run in active_runs(workflow)}  # noqa: E731
    wait_until(is_open, "the training has begun its tracked run", process=process)
    first = training_process(workflow.folder)
    os.kill(first, signal.SIGKILL)
    wait_for(log, "going on after epoch", process)  # the rule tries again
    second_attempt = training_process(workflow.folder)
    assert second_attempt != first
    process.kill()
    process.wait()
    os.kill(second_attempt, signal.SIGKILL)
    assert workflow.snakemake("--unlock").returncode == 0
    (left,) = [run for run in active_runs(workflow) if run.info.status == "RUNNING"]
    done = workflow.script("audit_results")
    assert done.returncode == 1
    assert "mlp-seed1: the training was killed, and its tracked run may be open" in done.stdout
    why = settle(workflow, {"create_store", *trainings(["mlp"])})
    assert why["create_store"] == ["the training mlp-seed1 was killed, and its tracked run may be open"]
    assert re.search(r"going on after epoch ([4-9]\d|\d{3}), of 600", log.read_text())
    assert {run.info.status for run in active_runs(workflow)} == {"FINISHED"}
    assert left.info.run_id in {run.info.run_id for run in active_runs(workflow)}
    assert not list(workflow.results("unfinished").iterdir())
    audited(workflow)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="NOT TESTED: killing Snakemake alone is only tried on Linux")
def test_a_training_that_outlives_a_killed_snakemake_counts(workflow: Workflow) -> None:
    process, log = start(workflow, 300)
    wait_for(log, "epoch 2/", process)
    process.kill()
    process.wait()
    wait_until(lambda: says(log, "images/s") and not any(workflow.results("unfinished").iterdir()))
    assert workflow.snakemake("--unlock").returncode == 0
    settle(workflow, {*TABLES, "publish_comparisons"})
    audited(workflow)


def test_another_process_keeps_the_store(workflow: Workflow) -> None:
    """As one that is suspended while it reads would: nothing stops, and the next call does what could not be done.

    There is an experiment to be created, a training to be followed, and everything else to be published there.
    """
    workflow.config["tracking"] = {**workflow.config["tracking"], "experiment": "later"}
    workflow.results("runs", "mlp", "seed1", "metrics.json").unlink()
    with alone_with(workflow.results("mlflow", "mlflow.db")):
        done = workflow.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"pending: 4 runs \(.*mlp/seed1.*\): the tracking store .* database is locked", done.stdout)
    assert "Traceback" not in "".join(path.read_text() for path in (workflow.folder / "logs").rglob("*.log"))
    why = settle(workflow, {"create_store", "publish_comparisons"})
    assert "could not be opened yet" in why["create_store"][0]
    audited(workflow)
