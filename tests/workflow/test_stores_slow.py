"""Stores that are changed, lost or away, what leaves the configuration, and the audit, on a finished small workflow.

Each test starts from what the one before it left, finished. Slow: minutes.
"""

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from staleness import (
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
    assert workflow.planned() == with_overview({"create_store", *trainings(["mlp"])})
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


def test_an_audit_finds_what_differs(workflow: Workflow) -> None:
    folder = workflow.results("mlflow").resolve()
    client = mlflow.MlflowClient(f"sqlite:///{folder}/./mlflow.db")  # MLflow keeps the store that was lost under its plain address
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
