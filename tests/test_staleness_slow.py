"""What is stale: every edit made for real on a finished small workflow, with the exact set of steps that Snakemake then plans.

Each test starts from what the one before it left, finished. After its own run, nothing may be planned and the audit must pass. That
`make why` names the same steps as Snakemake is checked each time. Slow: minutes.
"""

import copy
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from workflow import CONFIG, Workflow, copy_project

VARIANTS = ["conv1", "conv2", "conv2_1x1", "mlp"]
SMALL: dict[str, Any] = {
    **CONFIG,
    "dataset": {**CONFIG["dataset"], "subset": {"train": 128, "validation": 64, "test": 64}},
    "training": {**CONFIG["training"], "epochs": 2, "batch_size": 32},
    "variants": {
        "conv1": {"label": "one layer", "filters": [4], "batch_size": 64, "kernel_size": 3, "epochs": 1},
        "conv2": {"label": "two layers", "filters": [4, 4], "kernel_size": 3},
        "conv2_1x1": {"label": "two layers, 1x1 head", "filters": [4, 4], "kernel_size": 3, "head": "conv1x1"},
        "mlp": {"label": "an MLP", "filters": [], "dense_units": [8], "batch_size": 64},
    },
    "comparisons": {
        "depth": {"title": "Depth", "variants": ["conv1", "conv2"], "rows": [["validation"]], "colors": {"conv1": "red"}},
        "head": {"title": "Head", "variants": ["conv2", "conv2_1x1"], "rows": [["validation", "train"]]},
    },
    "memory": {"dense": "conv2", "conv1x1": "conv2_1x1"},
}
# What follows from a new run of a variant.
FOLLOWS = {
    "conv1": {"plot_comparison/depth"},
    "conv2": {"plot_comparison/depth", "plot_comparison/head", "tabulate_memory"},
    "conv2_1x1": {"plot_comparison/head", "tabulate_memory"},
    "mlp": set(),
}
FIGURES = {"plot_comparison/depth", "plot_comparison/head"}


def trainings(variants: Iterable[str], seed: int = 1) -> set[str]:
    """Return what is planned when the runs of these variants are stale."""
    found = {"tabulate_variants", "publish_comparisons"}
    for variant in variants:
        found |= {f"train_variant/{variant}/seed{seed}", *FOLLOWS.get(variant, set())}
    return found


ALL_RUNS = trainings(VARIANTS)
NO_AUDIT = "the store is another one"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    workflow = Workflow(tmp_path_factory.mktemp("staleness") / "project", real_batches, copy.deepcopy(SMALL))
    workflow.run()
    return workflow


def settle(workflow: Workflow, expected: set[str], *, audit: bool = True) -> dict[str, list[str]]:
    """Check what is planned, make it, and check that nothing is planned then; return what `make why` said."""
    why = workflow.why()
    assert workflow.planned() == expected
    assert set(why) == expected - {"get_cifar10"}
    if expected:
        workflow.run()
        assert workflow.planned() == set()
        assert workflow.why() == {}
    if audit:
        audited(workflow)
    return why


def audited(workflow: Workflow) -> None:
    done = workflow.script("audit_results")
    assert done.returncode == 0, done.stdout + done.stderr


def put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value


def test_nothing_changed(workflow: Workflow) -> None:
    settle(workflow, set())
    assert workflow.planned("--cores", "1") == set()


SETTINGS = {
    "one variant's dropout": ({"variants.mlp.dropout": 0.4}, trainings(["mlp"]), "setting network.dropout: 0.5 -> 0.4"),
    "a default that two variants override": (
        {"training.batch_size": 16},
        trainings(["conv2", "conv2_1x1"]),
        "setting training.batch_size: 32 -> 16",
    ),
    "a default of the training": (
        {"training.optimizer.learning_rate": 0.001},
        ALL_RUNS,
        "setting training.optimizer.learning_rate: 0.0005 -> 0.001",
    ),
    "two settings that swap values": (
        {"variants.conv1.kernel_size": 1, "variants.conv1.epochs": 3},
        trainings(["conv1"]),
        "setting network.kernel_size: 3 -> 1",
    ),
    "numbers that mean the same": ({"training.epochs": 2.0, "dataset.split_seed": 1.0, "variants.mlp.dropout": 0.40}, set(), ""),
    "a colour of one figure": (
        {"comparisons.depth.colors.conv1": "green"},
        {"plot_comparison/depth", "publish_comparisons"},
        'setting comparison.members: [{"colors": ',
    ),
    "a caption": (
        {"comparisons.head.title": "The head"},
        {"plot_comparison/head", "create_store", "publish_comparisons"},
        'setting comparison.title: "Head" -> "The head"',
    ),
    "a label of a variant": (
        {"variants.conv1.label": "1 layer"},
        {"plot_comparison/depth", "tabulate_variants", "create_store", "publish_comparisons"},
        'setting labels.conv1: "one layer" -> "1 layer"',
    ),
    "a comparison's variants": (
        {"comparisons.depth.variants": ["conv1", "conv2", "mlp"]},
        {"plot_comparison/depth", "create_store", "publish_comparisons"},
        "setting comparison.members",
    ),
    "where the data set comes from": ({"dataset.source": "npm"}, set(), ""),
    "size of the subset": (
        {"dataset.subset.validation": 32},
        {"prepare_dataset", *ALL_RUNS},
        "data subset: [128, 64, 64] -> [128, 32, 64]",
    ),
    "how the data set is split": ({"dataset.split_seed": 2}, {"prepare_dataset", *ALL_RUNS}, "data split_seed: 1 -> 2"),
    "precision that resolves to the same": ({"training.precision": "float32"}, set(), ""),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case: str, workflow: Workflow) -> None:
    changes, expected, reason = SETTINGS[case]
    for path, value in changes.items():
        put(workflow.config, path, value)
    why = settle(workflow, expected)
    assert not reason or any(text.startswith(reason) for reasons in why.values() for text in reasons), why


def test_the_order_of_keys(workflow: Workflow) -> None:
    for section in ("variants", "comparisons", "training", "network", "dataset"):
        workflow.config[section] = dict(reversed(workflow.config[section].items()))
    workflow.config["variants"]["conv2"] = dict(reversed(workflow.config["variants"]["conv2"].items()))
    workflow.config = dict(reversed(workflow.config.items()))
    settle(workflow, set())


def test_a_seed_is_added_and_removed(workflow: Workflow) -> None:
    """The memory table needs one seed; what a removed seed left is shown, and removed when the user says so."""
    workflow.config["seeds"] = [2, 1]
    second = {f"train_variant/{variant}/seed2" for variant in VARIANTS}
    settle(workflow, {*second, *FIGURES, "tabulate_variants", "publish_comparisons"})
    workflow.config["seeds"] = [1]
    settle(workflow, {*FIGURES, "tabulate_variants", "publish_comparisons"})
    shown = workflow.script("explain_steps").stdout
    for variant in VARIANTS:
        assert f"results/runs/{variant}/seed2" in shown
    retire(workflow)
    assert not list(workflow.results("runs").glob("*/seed2"))
    assert len(active_runs(workflow)) == len(VARIANTS)


def retire(workflow: Workflow) -> None:
    refused = workflow.script("retire_runs")
    assert refused.returncode == 1
    assert "nothing was removed" in refused.stderr
    done = workflow.script("retire_runs", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no longer in the configuration" not in workflow.script("explain_steps").stdout
    assert workflow.planned() == set()
    audited(workflow)


def active_runs(workflow: Workflow, view: int = mlflow.entities.ViewType.ACTIVE_ONLY) -> list[Any]:
    client = mlflow.MlflowClient(f"sqlite:///{workflow.results('mlflow', 'mlflow.db').resolve()}")
    experiment = client.get_experiment_by_name(workflow.config["tracking"]["experiment"]).experiment_id
    return list(client.search_runs([experiment], run_view_type=view))


def test_a_variant_is_added_renamed_and_removed(workflow: Workflow) -> None:
    tables = {"tabulate_variants", "create_store", "publish_comparisons"}
    workflow.config["variants"]["extra"] = {"label": "another", "filters": [2], "kernel_size": 3}
    settle(workflow, {"train_variant/extra/seed1", *tables})
    workflow.config["variants"]["renamed"] = workflow.config["variants"].pop("extra")
    settle(workflow, {"train_variant/renamed/seed1", *tables})
    del workflow.config["variants"]["renamed"]
    settle(workflow, tables)
    retire(workflow)
    retired = [run for run in active_runs(workflow, mlflow.entities.ViewType.DELETED_ONLY) if "retired_because" in run.data.tags]
    assert {run.data.tags["variant"] for run in retired} >= {"extra", "renamed"}


def test_a_comparison_leaves(workflow: Workflow) -> None:
    left = workflow.config["comparisons"].pop("head")
    settle(workflow, {"create_store", "publish_comparisons"})
    assert "results/figures/head.svg" in workflow.script("explain_steps").stdout
    retire(workflow)
    assert not list(workflow.results().glob("*/head*"))
    workflow.config["comparisons"]["head"] = left
    settle(workflow, {"plot_comparison/head", "create_store", "publish_comparisons"})


def test_where_runs_are_tracked(workflow: Workflow) -> None:
    """Runs stay in the store that they were tracked in, so the audit of another one fails."""
    before = dict(workflow.config["tracking"])
    workflow.config["tracking"] = {**before, "experiment": "another"}
    settle(workflow, {"create_store", "publish_comparisons"}, audit=False)
    done = workflow.script("audit_results")
    assert done.returncode == 1
    assert "mlp/seed1: the store has no active run" in done.stdout
    workflow.config["tracking"] = {**before, "uri": f"sqlite:///{workflow.folder}/other.db"}
    settle(workflow, {"create_store", "publish_comparisons"}, audit=False)
    workflow.config["tracking"] = before
    settle(workflow, {"create_store", "publish_comparisons"})


def test_touched_files(workflow: Workflow) -> None:
    for path in workflow.folder.rglob("*.*"):
        if "results" not in path.parts and "resources" not in path.parts:
            path.touch()
    settle(workflow, set())
    for path in workflow.results("data").iterdir():
        path.touch()
    for path in workflow.results("runs").rglob("history.csv"):
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


def test_results_are_moved(workflow: Workflow) -> None:
    (workflow.folder / "results").rename(workflow.folder / "elsewhere")
    workflow.config["pathvars"] = {**workflow.config["pathvars"], "results": "elsewhere"}
    settle(workflow, {"create_store", "publish_comparisons"})
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
    "runs/conv1/seed1/history.csv": trainings(["conv1"]),
    "runs/conv1/seed1/metrics.json": trainings(["conv1"]),
    "runs/conv1/seed1/model.keras": trainings(["conv1"]),
    "runs/conv1/seed1/stamp.json": trainings(["conv1"]),
    "figures/head.png": {"plot_comparison/head", "publish_comparisons"},
    "figures/vgg16.svg": {"draw_vgg16"},
    "tables/variants.csv": {"tabulate_variants"},
    "tables/memory.md": {"tabulate_memory"},
    "stamps/tabulate_vgg16.json": {"tabulate_vgg16"},
    "data/manifest.json": {"prepare_dataset"},
    "data/cifar10.npz": set(),  # nothing needs it while all runs are fresh
}


@pytest.mark.parametrize("name", DELETED)
def test_a_file_is_deleted(name: str, workflow: Workflow) -> None:
    # FOLLOWS, but "a comparison's variants" put the MLP into the figure of depth.
    workflow.results(name).unlink()
    why = settle(workflow, DELETED[name])
    assert not DELETED[name] or any(f"{Path(name).name} is missing" in reasons for reasons in why.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("runs/mlp/seed1/history.csv", trainings(["mlp"]) | {"plot_comparison/depth"}),
        ("runs/mlp/seed1/metrics.json", trainings(["mlp"]) | {"plot_comparison/depth"}),
        ("figures/depth.svg", {"plot_comparison/depth", "publish_comparisons"}),
        ("tables/memory.csv", {"tabulate_memory"}),
    ],
)
def test_a_file_is_edited_by_hand(name: str, expected: set[str], workflow: Workflow) -> None:
    """What is no longer as it was written is not a result, and is made again."""
    path = workflow.results(name)
    path.write_text(path.read_text().replace("0", "1", 1))
    why = settle(workflow, expected)
    assert any(f"{path.name} is not as it was written" in reasons for reasons in why.values())


def test_a_byte_of_the_data_set_changes(workflow: Workflow) -> None:
    """Fresh runs do not need the data set; before anything is trained on it, it is prepared again."""
    path = workflow.results("data", "cifar10.npz")
    if not path.is_file():
        put(workflow.config, "variants.mlp.dropout", 0.1)
        settle(workflow, {"prepare_dataset", "plot_comparison/depth", *trainings(["mlp"])})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    settle(workflow, set())
    put(workflow.config, "variants.mlp.dropout", 0.2)
    settle(workflow, {"prepare_dataset", "plot_comparison/depth", *trainings(["mlp"])})


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


def wait_for(log: Path, text: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while not log.is_file() or text not in log.read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


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
def test_a_training_is_killed_and_another_call_is_refused(workflow: Workflow) -> None:
    put(workflow.config, "variants.mlp.epochs", 100_000)
    log = workflow.folder / "logs" / "train_variant" / "mlp" / "seed1.log"
    log.unlink()
    process = subprocess.Popen(
        workflow.command(), cwd=workflow.folder, env=workflow.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(log, "epoch 2/", process)
    second = workflow.snakemake()
    assert second.returncode == 1
    assert "cannot be locked" in second.stdout + second.stderr
    wait_for(log, "epoch 20/", process)  # unharmed
    os.kill(training_process(workflow.folder), signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    (left,) = [run for run in active_runs(workflow) if run.info.status == "RUNNING"]
    done = workflow.script("audit_results")
    assert done.returncode == 1
    assert "mlp-seed1: the training was killed, and its tracked run is open" in done.stdout
    put(workflow.config, "variants.mlp.epochs", 2)
    settle(workflow, {"create_store", "plot_comparison/depth", *trainings(["mlp"])})
    (closed,) = [run for run in active_runs(workflow, mlflow.entities.ViewType.ALL) if run.info.run_id == left.info.run_id]
    assert closed.info.status == "KILLED"
    assert closed.data.tags["superseded_because"] == "it did not finish: KILLED"
    assert {run.info.status for run in active_runs(workflow)} == {"FINISHED"}


def test_an_audit_finds_what_differs(workflow: Workflow) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{workflow.results('mlflow', 'mlflow.db').resolve()}")
    metrics = json.loads(workflow.results("runs", "mlp", "seed1", "metrics.json").read_text())
    experiment = client.get_run(metrics["mlflow_run_id"]).info.experiment_id
    client.log_metric(metrics["mlflow_run_id"], "val_loss", 7.0, step=1)
    client.set_tag(metrics["mlflow_run_id"], "fingerprint", "another")
    second = client.create_run(experiment, tags={"variant": "mlp", "seed": "1"}).info.run_id
    stranger = client.create_run(experiment, tags={"variant": "stranger", "seed": "1"}).info.run_id
    client.set_terminated(stranger)
    model = workflow.results("runs", "conv1", "seed1", "model.keras")
    kept = model.read_bytes()
    model.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    done = workflow.script("audit_results")
    assert done.returncode == 1
    for text in (
        "mlp/seed1: the store's points of val_loss are not those of history.csv",
        f"mlp/seed1: tag fingerprint is {metrics['fingerprint']} in the results, and another in the store",
        f"mlp/seed1: the store has another active run of it, {second}, in state RUNNING",
        f"stranger/seed1: the store has the FINISHED run {stranger}, and the results do not",
        "conv1/seed1: model.keras is not as it was written",
        "5 differences",
    ):
        assert text in done.stdout
