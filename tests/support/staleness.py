"""What tests of staleness share: a small workflow, and the check of what is planned after an edit, and after making it."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from workflow import CONFIG, Workflow

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
    "claims": {
        "head": {
            "section": "3",
            "statement": "The 1x1 head ends with a lower loss.",
            "test": "less",
            "quantities": ["conv2_1x1.final_val_loss", "conv2.final_val_loss"],
        },
    },
    "memory": {"dense": "conv2", "conv1x1": "conv2_1x1"},
}
TABLES = {"tabulate_variants", "tabulate_convergence"}  # of all variants
# What follows from a new run of a variant.
CLAIMS = {"tabulate_claims", "tabulate_errata"}
FOLLOWS = {
    "conv1": {"plot_comparison/depth"},
    "conv2": {"plot_comparison/depth", "plot_comparison/head", "tabulate_memory", *CLAIMS},
    "conv2_1x1": {"plot_comparison/head", "tabulate_memory", *CLAIMS},
    "mlp": set(),
}
FIGURES = {"plot_comparison/depth", "plot_comparison/head"}


def with_overview(expected: set[str]) -> set[str]:
    """Add the overview to what is planned, which shows whatever is made of the runs."""
    return expected | ({"write_overview"} if expected - {"get_cifar10", "prepare_dataset", "create_store"} else set())


def trainings(variants: Iterable[str], seed: int = 1) -> set[str]:
    """Return what is planned when the runs of these variants are stale."""
    found = {*TABLES, "publish_comparisons"}
    for variant in variants:
        found |= {f"train_variant/{variant}/seed{seed}", *FOLLOWS.get(variant, set())}
    return found


ALL_RUNS = trainings(VARIANTS)


def finished(folders: pytest.TempPathFactory, batches: Path, config: dict[str, Any]) -> Workflow:
    """Return a workflow of this configuration, in a folder of its own, that has run to its end."""
    workflow = Workflow(folders.mktemp("staleness") / "project", batches, copy.deepcopy(config))
    workflow.run()
    return workflow


def foreseen(workflow: Workflow, expected: set[str]) -> dict[str, list[str]]:
    """Check what is stale and what is planned, and make nothing; return the reasons."""
    why = workflow.why()
    assert set(why) == with_overview(expected) - {"get_cifar10"}
    assert workflow.planned() == with_overview(expected)
    return why


def settle(workflow: Workflow, expected: set[str]) -> dict[str, list[str]]:
    """Check what is stale, make it, check that this and no more was made, and that nothing is planned then; return the reasons."""
    why = workflow.why()
    assert set(why) == with_overview(expected) - {"get_cifar10"}
    if expected:
        assert workflow.made() == with_overview(expected)
    assert workflow.planned() == set()
    return why


def audited(workflow: Workflow) -> None:
    done = workflow.script("audit_results")
    assert done.returncode == 0, done.stdout + done.stderr


def put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value


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
