"""A whole small workflow on own data of each kind, from the plan to figures, tables, page and MLflow. Slow: minutes."""

import json
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import own_data
from staleness import active_runs, audited
from workflow import Workflow

TRAININGS = {f"train_variant/{variant}/seed{seed}" for variant in ("conv2", "conv2_1x1") for seed in (1, 2)}
NAMES = ("$x$ & <b>", "dog", "eel")  # in the order of their code points


def project(folder: Path, kind: str, **dataset: Any) -> Workflow:
    (folder / "no batches").mkdir()
    workflow = Workflow(folder / "project", folder / "no batches", own_data.study(kind, "data", **dataset))
    workflow.config["seeds"] = [1, 2]
    return workflow


def check(workflow: Workflow, channels: int) -> None:
    """Check that all was made from these images, and that nothing is left to be made."""
    manifest = json.loads(workflow.results("data", "manifest.json").read_text())
    assert (manifest["shape"], manifest["classes"]) == ([12, 10, channels], list(NAMES))
    blocks = (3 * 3 * channels * 4 + 4) + (3 * 3 * 4 * 4 + 4)
    parameters = {"conv2": blocks + (3 * 2 * 4 * 50 + 50) + (50 * 3 + 3), "conv2_1x1": blocks + 4 * 3 + 3}
    for variant, count in parameters.items():
        for seed in (1, 2):
            run = workflow.results("runs", variant, f"seed{seed}")
            assert json.loads((run / "metrics.json").read_text())["parameters"] == count
            record = json.loads((run / "record.json").read_text())
            assert record["classes"] == list(NAMES)
            assert sum(map(sum, record["confusion"])) == 12
    for file in ("figures/head.svg", "tables/variants.csv", "tables/claims.csv", "tables/convergence.csv"):
        assert workflow.results(file).is_file()
    page = workflow.results("report", "overview.html").read_text()
    assert "Networks compared" in page
    assert "CIFAR-10 · an overview" not in page
    client = mlflow.MlflowClient(f"sqlite:///{workflow.results('mlflow', 'mlflow.db').resolve()}")
    runs = active_runs(workflow)
    assert len(runs) == len(TRAININGS)
    for run in runs:
        assert {entry.dataset.name.split("-")[0] for entry in run.inputs.dataset_inputs} == {manifest["identity"]["kind"]}
        assert "figures/confusion_matrix.png" in {file.path for file in client.list_artifacts(run.info.run_id, "figures")}
        card = Path(client.download_artifacts(run.info.run_id, "model_card.md")).read_text()
        assert "probabilities of 3 classes: " in card
    assert workflow.planned() == set()
    audited(workflow)


def test_arrays(tmp_path: Path) -> None:
    workflow = project(tmp_path, "arrays", standardise="pixel")
    source = workflow.folder / "data"
    own_data.write_arrays(workflow.folder / "written.npz", class_names=np.array(NAMES)).rename(source)
    made = workflow.made()
    assert made >= TRAININGS
    assert "get_cifar10" not in made
    check(workflow, 1)
    source.touch()
    workflow.config["dataset"]["source"] = str(source.rename(tmp_path / "elsewhere.npz"))
    assert workflow.planned() == set()
    changed = own_data.arrays()["x_train"].copy()
    changed[0, 0, 0] ^= 1
    own_data.write_arrays(tmp_path / "elsewhere.npz", x_train=changed, class_names=np.array(NAMES))
    why = workflow.why()
    assert {key for key in why if key.startswith("train_")} == TRAININGS
    assert all(why[key][0].startswith("data sha256: ") for key in TRAININGS)
    (tmp_path / "elsewhere.npz").write_bytes(b"damaged")
    refused = workflow.snakemake()
    assert refused.returncode == 1
    assert "elsewhere.npz cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_pictures_split_by_seed(tmp_path: Path) -> None:
    """With four channels, standardised per channel; a run is verified on the split of its own seed."""
    workflow = project(tmp_path, "images", standardise="channel", split_seed="seed")
    source = own_data.write_pictures(workflow.folder / "data", channels=4)
    for part in ("train", "test"):
        (source / part / "cat").rename(source / part / NAMES[0])
    made = workflow.made()
    assert made >= TRAININGS
    assert "get_cifar10" not in made
    check(workflow, 4)
    page = workflow.results("report", "overview.html").read_text()
    assert "chosen by the seed of each run" in page
    records = [json.loads(workflow.results("runs", "conv2", f"seed{seed}", "record.json").read_text()) for seed in (1, 2)]
    assert records[0]["data"]["train"] != records[1]["data"]["train"]
    assert records[0]["data"]["test"] == records[1]["data"]["test"]
    workflow.edit("scripts/convnets/networks/builders.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.0500")
    workflow.edit("scripts/convnets/networks/builders.py", "CONVOLUTION_BIAS = 0.0500", "UNUSED = 1\nCONVOLUTION_BIAS = 0.05")
    assert set(workflow.why()) >= TRAININGS
    done = workflow.script("verify_runs")
    assert done.stdout.count("equal bit for bit\n") == len(TRAININGS), done.stdout + done.stderr
    workflow.run()
    shutil.copytree(source, tmp_path / "elsewhere")
    workflow.config["dataset"]["source"] = str(tmp_path / "elsewhere")
    assert workflow.planned() == set()
    picture = next((tmp_path / "elsewhere" / "train" / "dog").iterdir())
    added = Path(shutil.copy(picture, picture.with_name("added.png")))
    why = workflow.why()
    assert {key for key in why if key.startswith("train_")} == TRAININGS
    assert all(why[key][0].startswith("data content: ") for key in TRAININGS)
    added.write_bytes(added.read_bytes()[:-20])
    refused = workflow.snakemake()
    assert refused.returncode == 1
    said = refused.stdout + refused.stderr + (workflow.folder / "logs" / "prepare_dataset.log").read_text()
    assert "added.png cannot be read as a PNG or JPEG picture" in said
    assert "Traceback" not in said
    added.unlink()
    assert {key for key in workflow.planned() if key.startswith("train_")} == set()
    assert workflow.planned() <= {"prepare_dataset"}
