"""What is stale after a change of the configuration, made for real on a finished small workflow.

The exact set of steps that Snakemake plans is checked each time, and that `make why` names the same, and that nothing is planned
once it ran. Each test starts from what the one before it left, finished. Slow: minutes.
"""

import copy
import json
import shutil
from pathlib import Path

import mlflow
import pytest
from staleness import (
    ALL_RUNS,
    CLAIMS,
    FIGURES,
    SMALL,
    TABLES,
    VARIANTS,
    active_runs,
    audited,
    finished,
    foreseen,
    put,
    retire,
    settle,
    trainings,
    with_overview,
)
from workflow import Workflow


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    return finished(tmp_path_factory, real_batches, SMALL)


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
    "a colour of one figure": (
        {"comparisons.depth.colors.conv1": "green"},
        {"plot_comparison/depth", "publish_comparisons"},
        'setting comparison.members[conv1].colors.train: "#D55E00" -> "#009E73"',
    ),
    "a caption": (
        {"comparisons.head.title": "The head"},
        {"plot_comparison/head", "create_store", "publish_comparisons"},
        'setting comparison.title: "Head" -> "The head"',
    ),
    "a label of a variant": (
        {"variants.conv1.label": "1 layer"},
        {"plot_comparison/depth", *TABLES, "create_store", "publish_comparisons"},
        'setting labels.conv1: "one layer" -> "1 layer"',
    ),
    "what a claim says": (
        {"claims.head.statement": "It ends lower."},
        CLAIMS,
        'setting claims[head].statement: "The 1x1 head ends with a lower loss." -> "It ends lower."',
    ),
    "the accuracies of the table of convergence": (
        {"convergence.accuracies": [0.1]},
        {"tabulate_convergence"},
        "setting accuracies",
    ),
    "a comparison's variants": (
        {"comparisons.depth.variants": ["conv1", "conv2", "mlp"]},
        {"plot_comparison/depth", "create_store", "publish_comparisons"},
        "setting comparison.members",
    ),
    "the size of the subset": (
        {"dataset.subset.validation": 32},
        {"prepare_dataset", *ALL_RUNS},
        "data subset[1]: 64 -> 32",
    ),
    "how the data set is split": ({"dataset.split_seed": 2}, {"prepare_dataset", *ALL_RUNS}, "data split_seed: 1 -> 2"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case: str, workflow: Workflow) -> None:
    changes, expected, reason = SETTINGS[case]
    for path, value in changes.items():
        put(workflow.config, path, value)
    why = settle(workflow, expected)
    assert any(text.startswith(reason) for reasons in why.values() for text in reasons), why


def test_what_changes_nothing(workflow: Workflow) -> None:
    """All at once, since each would be among the reasons: numbers, the source of the data, a precision, the order of keys."""
    for path, value in {
        "training.epochs": 2.0,
        "dataset.split_seed": 2.0,
        "variants.mlp.dropout": 0.40,
        "dataset.source": "npm",
        "variants.mlp.precision": "float32",
    }.items():
        put(workflow.config, path, value)
    for section in ("variants", "comparisons", "training", "network", "dataset"):
        workflow.config[section] = dict(reversed(workflow.config[section].items()))
    workflow.config["variants"]["conv2"] = dict(reversed(workflow.config["variants"]["conv2"].items()))
    workflow.config = dict(reversed(workflow.config.items()))
    settle(workflow, set())


def test_a_seed_is_added_and_removed(workflow: Workflow) -> None:
    """The memory table needs one seed; what a removed seed left is shown, and removed when the user says so."""
    workflow.config["seeds"] = [2, 1]
    second = {f"train_variant/{variant}/seed2" for variant in VARIANTS}
    settle(workflow, {*second, *FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    workflow.config["seeds"] = [1]
    settle(workflow, {*FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    shown = workflow.script("explain_steps").stdout
    for variant in VARIANTS:
        assert f"results/runs/{variant}/seed2" in shown
    retire(workflow)
    assert not list(workflow.results("runs").glob("*/seed2"))
    assert len(active_runs(workflow)) == len(VARIANTS)


def test_a_variant_is_added_renamed_and_removed(workflow: Workflow) -> None:
    tables = {*TABLES, "create_store", "publish_comparisons"}
    workflow.config["variants"]["extra"] = {"label": "another", "filters": [2], "kernel_size": 3}
    settle(workflow, {"train_variant/extra/seed1", *tables})
    workflow.config["variants"]["renamed"] = workflow.config["variants"].pop("extra")
    settle(workflow, {"train_variant/renamed/seed1", *tables})
    del workflow.config["variants"]["renamed"]
    settle(workflow, tables)
    # What has left, and is not retired, is tracked in any store.
    before = dict(workflow.config["tracking"])
    workflow.config["tracking"]["experiment"] = "a new store"
    left = workflow.results("runs", "extra", "seed1")
    shutil.copytree(left, copy := left.with_name("seed1.bak"))
    done = workflow.script("sync_runs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(VARIANTS) + 2} of {len(VARIANTS) + 2} finished runs are in ")
    audited(workflow)
    shutil.rmtree(copy)
    workflow.config["tracking"] = before
    assert workflow.script("sync_runs").returncode == 0
    begun = workflow.results("unfinished", "renamed-seed2")  # as a training that was killed leaves it
    begun.mkdir(parents=True)
    assert "results/unfinished/renamed-seed2" in workflow.script("explain_steps").stdout
    retire(workflow)
    retired = [run for run in active_runs(workflow, mlflow.entities.ViewType.DELETED_ONLY) if "retired_because" in run.data.tags]
    assert {run.data.tags["variant"] for run in retired} >= {"extra", "renamed"}
    assert not begun.exists()


def test_a_comparison_leaves(workflow: Workflow) -> None:
    left = workflow.config["comparisons"].pop("head")
    settle(workflow, {"create_store", "publish_comparisons"})
    assert "results/figures/head.svg" in workflow.script("explain_steps").stdout
    retire(workflow)
    assert not list(workflow.results().glob("*/head*"))
    workflow.config["comparisons"]["head"] = left
    settle(workflow, {"plot_comparison/head", "create_store", "publish_comparisons"})


def test_where_runs_are_tracked(workflow: Workflow) -> None:
    """Any store gets all that the files hold, without any training."""
    before = dict(workflow.config["tracking"])
    workflow.config["tracking"] = {**before, "experiment": "another"}
    why = foreseen(workflow, {"create_store", "publish_comparisons"})
    assert any("is not in the tracking store" in text for text in why["publish_comparisons"])
    for tracking in ({**workflow.config["tracking"], "uri": f"sqlite:///{workflow.folder}/other.db"}, before):
        workflow.config["tracking"] = tracking
        why = settle(workflow, {"create_store", "publish_comparisons"})
        assert any("is not in the tracking store" in text for text in why["publish_comparisons"])
        audited(workflow)
    assert not (workflow.folder / "mlruns").exists()
    assert (workflow.folder / "artifacts").is_dir()  # beside other.db


def test_a_store_is_lost(workflow: Workflow) -> None:
    shutil.rmtree(workflow.results("mlflow"))
    why = settle(workflow, {"create_store", "publish_comparisons"})
    assert any("is missing" in text for text in why["create_store"])
    audited(workflow)


def test_a_server_is_away(workflow: Workflow) -> None:
    """Everything is made all the same; what is pending is said, and delivered when a store is there."""
    put(workflow.config, "tracking.uri", "http://127.0.0.1:9")
    put(workflow.config, "variants.mlp.dropout", 0.35)
    # mlp has joined the figure above
    assert workflow.planned() == with_overview({"create_store", "plot_comparison/depth", *trainings(["mlp"])})
    done = workflow.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    pending = ", ".join(f"{variant}/seed1" for variant in VARIANTS)
    assert f"Not all is tracked yet; pending: 4 runs ({pending}): the tracking store http://127.0.0.1:9 cannot" in done.stdout
    log = (workflow.folder / "logs" / "train_variant" / "mlp" / "seed1.log").read_text()
    assert "not tracked for now: the tracking store http://127.0.0.1:9 cannot be used" in log
    assert "Traceback" not in log
    assert json.loads(workflow.results("runs", "mlp", "seed1", "metrics.json").read_text())["mlflow_run_id"] is None
    assert workflow.planned() == {"publish_comparisons", "write_overview"}
    done = workflow.script("sync_runs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"pending: 4 runs ({pending}): the tracking store" in done.stderr
    put(workflow.config, "tracking.uri", None)
    done = workflow.script("sync_runs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(VARIANTS)} of {len(VARIANTS)} finished runs are in sqlite:///")
    audited(workflow)
    settle(workflow, {"create_store", "publish_comparisons"})
    workflow.results("tracking", "published.json").unlink()
    assert workflow.planned() == {"publish_comparisons", "write_overview"}
    assert workflow.script("sync_runs").returncode == 0
    assert workflow.planned() == set()


def test_a_clean_clone_reuses_what_the_store_has(workflow: Workflow, real_batches: Path, tmp_path: Path) -> None:
    clone = Workflow(tmp_path / "clone", real_batches, copy.deepcopy(workflow.config))
    clone.config["tracking"] |= {"uri": f"sqlite:///{workflow.results('mlflow', 'mlflow.db')}", "reuse": True}
    said = clone.script("explain_steps").stdout
    assert said.count("it will be fetched, not trained") == len(VARIANTS)
    assert f", {len(VARIANTS)} of which will be fetched" in said
    clone.run()
    for variant in VARIANTS:
        log = (clone.folder / "logs" / "train_variant" / variant / "seed1.log").read_text()
        assert "nothing was trained" in log
        assert "epoch 1/" not in log
        for name in ("history.csv", "model.keras"):
            files = [project.results("runs", variant, "seed1", name).read_bytes() for project in (clone, workflow)]
            assert files[0] == files[1]
    assert clone.planned() == set()
    audited(clone)
    audited(workflow)
