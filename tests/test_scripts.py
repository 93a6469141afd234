"""Every script: usable without the workflow, and one clear line when its input is at fault."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def run(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_says_how_it_is_used(script: Path, tmp_path: Path) -> None:
    done = run(script.stem, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage:")
    assert list(tmp_path.iterdir()) == []


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


def plan(tmp_path: Path) -> Path:
    arguments = ["--uri", f"sqlite:///{tmp_path}/mlflow.db", "--experiment", "tests", "--artifacts", tmp_path / "artifacts"]
    members = json.dumps({"mlp100": {"label": "MLP", "comparisons": {}}})
    done = run("create_store", *arguments, "--members", members, "--plan", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "plan.json"


def train_arguments(tmp_path: Path) -> list[object]:
    settings = {
        "network": {"filters": [], "kernel_size": 0, "head": "dense", "dense_units": [8], "dropout": 0.0},
        "training": {
            "epochs": 1,
            "batch_size": 32,
            "optimizer": {"name": "sgd", "learning_rate": 1e30, "momentum": 0.0},
            "precision": "float32",
            "augmentation": {"horizontal_flip": False, "channel_offset": 0.0},
        },
    }
    inputs = ["--dataset", tmp_path / "data.npz", "--manifest", tmp_path / "manifest.json", "--plan", tmp_path / "plan.json"]
    outputs = ["--history", "history.csv", "--metrics", "metrics.json", "--model", "model.keras"]
    return ["--variant", "mlp100", "--seed", 1, "--settings", json.dumps(settings), "--fingerprint", "f", *inputs, *outputs]


def test_train_variant_without_its_data_set(tmp_path: Path) -> None:
    plan(tmp_path)
    done = run("train_variant", *train_arguments(tmp_path), cwd=tmp_path)
    assert_one_line(done, "data.npz is not a readable data set", "run the workflow again")


def test_train_variant_whose_loss_is_not_finite(tmp_path: Path, real_batches: Path) -> None:
    import mlflow

    plan(tmp_path)
    settings = json.dumps({"validation_fraction": 0.1, "split_seed": 1, "subset": [640, 64, 64]})
    (tmp_path / "source.json").write_text('{"source": "here"}')
    arguments = ["--folder", real_batches, "--provenance", "source.json", "--settings", settings]
    prepared = run("prepare_dataset", *arguments, "--dataset", "data.npz", "--manifest", "manifest.json", cwd=tmp_path)
    assert prepared.returncode == 0, prepared.stderr
    done = run("train_variant", *train_arguments(tmp_path), cwd=tmp_path)
    assert_one_line(done, "mlp100, seed 1: the loss is", "at iteration", "lower optimizer.learning_rate")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("history", "metrics", "model", "."))]
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (tracked,) = client.search_runs([client.get_experiment_by_name("tests").experiment_id])
    assert tracked.info.status == "FAILED"


def test_create_store_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    arguments = ["--uri", f"sqlite:///{tmp_path}/mlflow.db", "--experiment", "x", "--members", "{}", "--plan", "plan.json"]
    done = run("create_store", *arguments, cwd=tmp_path)
    assert_one_line(done, "the tracking store sqlite://", "cannot be used")
    assert not (tmp_path / "plan.json").exists()


def test_serve_ui_before_there_are_runs(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("pathvars: {results: out}\n")
    assert_one_line(run("serve_ui", "config.yaml", cwd=tmp_path), "no runs under out yet", "make run")
