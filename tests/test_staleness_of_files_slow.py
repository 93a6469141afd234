"""What is stale after something happened to files, libraries or processes, made for real on a finished small workflow.

The exact set of steps that Snakemake plans is checked each time, and that `make why` names the same, and that nothing is planned
once it ran. Each test starts from what the one before it left, finished. Slow: minutes.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import mlflow
import pytest
from staleness import ALL_RUNS, FIGURES, SMALL, TABLES, active_runs, audited, finished, foreseen, put, settle, trainings
from standstill import alone_with
from waiting import wait_until
from workflow import Workflow, copy_project

from convnets.data import batches
from convnets.runs import unfinished


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    return finished(tmp_path_factory, real_batches, SMALL)


def test_the_audit_passes(workflow: Workflow) -> None:
    audited(workflow)


def test_touched_files(workflow: Workflow) -> None:
    sources = [path for path in workflow.folder.rglob("*") if path.is_file() and not {"results", "resources"} & set(path.parts)]
    assert {"Snakefile", "Makefile", "networks.py", "theory.smk"} <= {path.name for path in sources}
    for path in [*sources, *workflow.results("data").iterdir(), *workflow.results("runs").rglob("history.csv")]:
        path.touch()
    settle(workflow, set())


def test_a_fresh_checkout_beside_copied_results(workflow: Workflow, real_batches: Path) -> None:
    """The default store's address is absolute, so it is opened again where it is now; nothing else is made."""
    other = workflow.folder.parent / "checkout"
    copy_project(other, real_batches, workflow.folder)
    shutil.copytree(workflow.folder / "results", other / "results", copy_function=shutil.copyfile)  # with new time stamps
    shutil.rmtree(workflow.folder)
    workflow.folder = other
    settle(workflow, {"create_store", "publish_comparisons"})


def test_everything_is_moved(workflow: Workflow) -> None:
    """The project with its .snakemake to another folder, and the results to another in it."""
    workflow.folder = workflow.folder.rename(workflow.folder.with_name("moved"))
    (workflow.folder / "results").rename(workflow.folder / "elsewhere")
    workflow.config["pathvars"] = {**workflow.config["pathvars"], "results": "elsewhere"}
    settle(workflow, {"create_store", "publish_comparisons"})
    audited(workflow)
    for run in active_runs(workflow):
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        assert artifacts.is_relative_to(workflow.results().resolve())
        assert (artifacts / "figures" / "learning_curves.png").is_file()


def test_snakemakes_memory_is_lost(workflow: Workflow) -> None:
    shutil.rmtree(workflow.folder / ".snakemake")
    settle(workflow, set())
    shutil.rmtree(workflow.folder / ".snakemake")
    put(workflow.config, "variants.mlp.dropout", 0.3)
    put(workflow.config, "comparisons.depth.colors.conv1", "black")
    settle(workflow, trainings(["mlp"]) | {"plot_comparison/depth"})


DELETED = {
    ("runs/conv1/seed1/history.csv", *(f"runs/conv1/seed1/{name}" for name in ("metrics.json", "model.keras", "stamp.json"))): (
        trainings(["conv1"])
    ),
    ("figures/head.png",): {"plot_comparison/head", "publish_comparisons"},
    ("figures/vgg16.svg",): {"draw_vgg16"},
    ("tables/variants.csv",): {"tabulate_variants"},
    ("tables/memory.md",): {"tabulate_memory"},
    ("tables/claims.csv",): {"tabulate_claims", "tabulate_errata"},
    ("tables/errata.md",): {"tabulate_errata"},
    ("stamps/tabulate_vgg16.json",): {"tabulate_vgg16"},
    ("data/manifest.json",): {"prepare_dataset"},
    ("data/cifar10.npz",): set(),  # nothing needs it while all runs are fresh
}


@pytest.mark.parametrize("names", DELETED, ids=", ".join)
def test_a_file_is_deleted(names: tuple[str, ...], workflow: Workflow) -> None:
    """Of files that the same steps make, each alone, and what was planned is made after the last."""
    expected = DELETED[names]
    for name in names:
        path = workflow.results(name)
        content = path.read_bytes()
        path.unlink()
        why = settle(workflow, expected) if name == names[-1] else foreseen(workflow, expected)
        assert not expected or any(f"{path.name} is missing" in reasons for reasons in why.values())
        if name != names[-1]:
            path.write_bytes(content)


EDITED = {
    # The data set was deleted above, and is needed now.
    ("runs/mlp/seed1/metrics.json", "runs/mlp/seed1/history.csv"): {"prepare_dataset", *trainings(["mlp"])},
    ("figures/depth.svg",): {"plot_comparison/depth", "publish_comparisons"},
    ("tables/memory.csv",): {"tabulate_memory"},
}


@pytest.mark.parametrize("names", EDITED, ids=", ".join)
def test_a_file_is_edited_by_hand(names: tuple[str, ...], workflow: Workflow) -> None:
    """What is no longer as it was written is not a result, and is made again."""
    for name in names:
        path = workflow.results(name)
        content = path.read_text()
        path.write_text(content.replace("0", "1", 1))
        why = settle(workflow, EDITED[names]) if name == names[-1] else foreseen(workflow, EDITED[names])
        assert any(f"{path.name} is not as it was written" in reasons for reasons in why.values())
        if name != names[-1]:
            path.write_text(content)


def test_outputs_dated_in_the_future(workflow: Workflow) -> None:
    """As copied from a machine whose clock is ahead: what is stale is made again all the same."""
    ahead = time.time() + 3600
    for path in workflow.results().rglob("*"):
        if path.is_file():
            os.utime(path, (ahead, ahead))
    put(workflow.config, "variants.mlp.dropout", 0.25)
    put(workflow.config, "comparisons.head.title", "Another title")
    settle(workflow, trainings(["mlp"]) | {"plot_comparison/head", "create_store"})


def test_a_training_that_was_killed_when_it_had_just_ended(workflow: Workflow) -> None:
    folder = workflow.results("unfinished", "mlp-seed1")
    stamp = json.loads(workflow.results("runs", "mlp", "seed1", "stamp.json").read_text())
    unfinished.begin(folder, stamp["fingerprint"], "sqlite:///elsewhere.db", "tests")
    settle(workflow, {"create_store", "publish_comparisons"})
    assert not folder.exists()


def test_official_batches_survive_being_forced_offline(workflow: Workflow, real_batches: Path) -> None:
    put(workflow.config, "dataset.source", "/nowhere")
    workflow.run("--forcerun", "get_cifar10", "--until", "prepare_dataset")
    batches.check(real_batches, str(real_batches))
    assert "holds the official batches already" in (workflow.folder / "logs" / "get_cifar10.log").read_text()
    put(workflow.config, "dataset.source", "auto")
    settle(workflow, set())


def test_a_byte_of_the_data_set_changes(workflow: Workflow) -> None:
    """Fresh runs do not need the data set; before anything is trained on it, it is prepared again."""
    path = workflow.results("data", "cifar10.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    settle(workflow, set())
    put(workflow.config, "variants.mlp.dropout", 0.2)
    settle(workflow, {"prepare_dataset", *trainings(["mlp"])})


def pretend_version(workflow: Workflow, library: str, version: str) -> None:
    """Put metadata of another version before the real one: a stand-in for an upgrade, which would take another environment."""
    metadata = workflow.folder / "pretended" / f"{library}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n")
    workflow.environment["PYTHONPATH"] = str(workflow.folder / "pretended")


def test_a_librarys_version(workflow: Workflow) -> None:
    pretend_version(workflow, "matplotlib", "99.1")
    why = settle(workflow, {*FIGURES, "draw_vgg16", "publish_comparisons"})
    assert why["draw_vgg16"][0].startswith('library matplotlib: "3.')
    assert why["draw_vgg16"][0].endswith('-> "99.1"')
    pretend_version(workflow, "keras", "99.2")
    why = settle(workflow, ALL_RUNS)
    assert why["train_variant/mlp/seed1"][0].endswith('-> "99.2"')


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
    process, log = start(workflow, 1000)
    wait_for(log, "epoch 2/", process)
    second = workflow.snakemake()
    assert second.returncode == 1
    assert "cannot be locked" in second.stdout + second.stderr
    assert process.poll() is None, "the first call has ended before it was disturbed"
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
    wait_for(log, "epoch 40/", process)
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


def test_an_audit_finds_what_differs(workflow: Workflow) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{workflow.results('mlflow', 'mlflow.db').resolve()}")
    metrics = json.loads(workflow.results("runs", "mlp", "seed1", "metrics.json").read_text())
    experiment = client.get_run(metrics["mlflow_run_id"]).info.experiment_id
    client.log_metric(metrics["mlflow_run_id"], "val_loss", 7.0, step=1)
    client.set_tag(metrics["mlflow_run_id"], "fingerprint", "another")
    second = client.create_run(experiment, tags={"variant": "mlp", "seed": "1"}).info.run_id
    stranger = client.create_run(experiment, tags={"variant": "stranger", "seed": "1"}).info.run_id  # and no folder of it
    client.set_terminated(stranger)
    left_open = client.create_run(experiment, tags={"variant": "nobodys", "seed": "1"}).info.run_id
    artifacts = Path(client.get_run(metrics["mlflow_run_id"]).info.artifact_uri.removeprefix("file://"))
    (artifacts / "model_card.md").unlink()
    other = json.loads(workflow.results("runs", "conv2_1x1", "seed1", "metrics.json").read_text())["mlflow_run_id"]
    Path(client.get_run(other).info.artifact_uri.removeprefix("file://"), "figures", "head.svg").write_text("another")
    model = workflow.results("runs", "conv1", "seed1", "model.keras")
    kept = model.read_bytes()
    model.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    done = workflow.script("audit_results")
    assert done.returncode == 1
    for text in (
        "mlp/seed1: the store's points of val_loss are not those of the files",
        f"mlp/seed1: tag fingerprint is {metrics['fingerprint']} in the results, and another in the store",
        f"mlp/seed1: the store has another active run of it, {second}, in state RUNNING",
        f"stranger/seed1: the store has the run {stranger} in state FINISHED, and the results do not; unless it is somebody else's",
        "conv1/seed1: model.keras is not as it was written",
        "conv1/seed1: the artifact files/model.keras is not the file of the results",
        f"nobodys/seed1: the store has the run {left_open} in state RUNNING, which no training here goes on with",
        "mlp/seed1: its tracked run has lost model_card.md; `make sync` brings it there",
        "conv2_1x1/seed1: the artifact figures/head.svg is not the file of the results",
        "9 differences",
    ):
        assert text in done.stdout
    commands = re.findall(r"`MLFLOW_TRACKING_URI=(\S+) \.venv/bin/(mlflow runs delete --run-id \w+)` moves", done.stdout)
    assert {command.split()[-1] for _, command in commands} == {stranger, left_open}
    for uri, command in commands:
        subprocess.run(
            [sys.executable, "-m", *command.split()], env={**workflow.environment, "MLFLOW_TRACKING_URI": uri}, check=True
        )
    assert "7 differences" in workflow.script("audit_results").stdout
