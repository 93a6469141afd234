"""The whole workflow for real, on a tiny part of the data set: what it makes. Slow: minutes."""

import copy
import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import documented
import mlflow
import numpy as np
import pytest
from snakemake.utils import update_config
from workflow import CONFIG, ROOT, Workflow, jobs_of

RUN_FILES = ("history.csv", "metrics.json", "model.keras", "record.json")
VARIANTS = {
    *("conv1_dropout05", "conv2_dropout00", "conv2_dropout05", "conv3_dropout05", "mlp100", "conv3_1x1"),
    *("conv3_augment", "conv3_textbook"),
}
TINY = {
    "dataset": {"subset": {"train": 640, "validation": 128, "test": 128}},
    "training": {"epochs": 2},
    "variants": {"mlp100": {"epochs": 3}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    """A workflow that has run to its end, by the command of the README."""
    config = copy.deepcopy(CONFIG)
    update_config(config, TINY)
    workflow = Workflow(tmp_path_factory.mktemp("workflow"), real_batches, config)
    workflow.configfiles()
    for name in (".venv", "benchmarks", "tests"):
        (workflow.folder / name).symlink_to(Path(sys.prefix) if name == ".venv" else ROOT / name)
    for name in ("config.reference.yaml", "config.frozen.json"):
        shutil.copy(ROOT / name, workflow.folder)
    (workflow.folder / "docs").mkdir()
    for name in ("README.md", "docs/report2021.md"):  # which `make reference` fills in
        shutil.copy(ROOT / name, workflow.folder / name)
    workflow.edit("config.reference.yaml", "seeds: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]", "seeds: [1]")
    call("make run", workflow)
    return workflow


def call(command: str, workflow: Workflow) -> str:
    """Run a command in a shell, as a reader would, and return what it prints."""
    outer = {name: value for name, value in workflow.environment.items() if not name.startswith("MAKE")}  # tests may be run by make
    outer["CORES"] = "2"
    shell = ["bash", "-c", command]
    done = subprocess.run(
        shell, cwd=workflow.folder, env=outer, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_of_the_contract_is_there(finished: Workflow) -> None:
    found = {str(path.relative_to(finished.results())) for path in finished.results().rglob("*") if path.is_file()}
    expected = {"data/manifest.json", "figures/vgg16.svg", "tables/variants.csv", "tables/vgg16.csv", "tables/memory.csv"}
    expected |= {f"tables/{name}.{kind}" for name in ("claims", "errata", "convergence") for kind in ("csv", "md")}
    figures = ("dropout", "depth", "mlp", "augmentation", "conv1x1")
    expected |= {f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")}
    expected |= {f"runs/{name}/seed1/{file}" for name in VARIANTS for file in RUN_FILES}
    assert expected <= found
    assert "mlflow/mlflow.db" in found
    assert not [name for name in found if "partial" in name]
    assert not (finished.folder / "mlruns").exists()
    assert not (finished.folder / "mlflow.db").exists()


def test_histories_and_summaries_agree(finished: Workflow) -> None:
    for variant in VARIANTS:
        history = rows(finished.results("runs", variant, "seed1", "history.csv"))
        metrics = json.loads(finished.results("runs", variant, "seed1", "metrics.json").read_text())
        epochs = 3 if variant == "mlp100" else 2
        assert [(row["epoch"], row["iteration"]) for row in history] == [(str(n), str(10 * n)) for n in range(1, epochs + 1)]
        accuracies = [float(row["val_accuracy"]) for row in history]
        assert metrics["best_val_accuracy"] == max(accuracies)
        assert metrics["best_epoch"] == accuracies.index(max(accuracies)) + 1
        assert metrics["min_val_loss"] == min(float(row["val_loss"]) for row in history)
        assert metrics["final_train_loss"] == float(history[-1]["train_loss"])
        assert (metrics["variant"], metrics["seed"], metrics["iterations"]) == (variant, 1, 10 * epochs)
        assert metrics["train_seconds"] == pytest.approx(sum(float(row["seconds"]) for row in history))
        assert re.fullmatch(r"[0-9a-f]{64}", metrics["fingerprint"])


def test_the_longest_trainings_began_first(finished: Workflow) -> None:
    """On two cores."""
    logs = [path.read_text() for path in sorted((finished.folder / ".snakemake" / "log").glob("*.snakemake.log"))]
    order = [job.split("/")[1] for log in logs for job in jobs_of(log) if job.startswith("train_variant/")]
    assert len(order) == len(VARIANTS)
    assert set(order[:3]) == {"conv3_dropout05", "conv3_augment", "conv3_textbook"}  # of equal cost
    assert set(order[-2:]) == {"conv1_dropout05", "mlp100"}


def test_a_figure_is_drawn_before_trainings_that_it_does_not_need(finished: Workflow) -> None:
    """On two cores."""
    (log,) = (path.read_text() for path in sorted((finished.folder / ".snakemake" / "log").glob("*.snakemake.log"))[:1])
    order = jobs_of(log)
    last = max(place for place, job in enumerate(order) if job.startswith("train_variant/"))
    assert order.index("plot_comparison/augmentation") < last


def test_models_load_and_score_as_their_summaries_say(finished: Workflow) -> None:
    """From the files, and the best of a comparison from MLflow's registry."""
    import keras

    with np.load(finished.results("data", "dataset.npz")) as data:
        images, labels = data["test_images"].astype(np.float32), data["test_labels"]

    def summary(variant: str) -> dict[str, Any]:
        return json.loads(finished.results("runs", variant, "seed1", "metrics.json").read_text())

    def assert_scores(model: Any, metrics: dict[str, Any]) -> None:
        expected = [metrics["test_loss"], metrics["test_accuracy"]]
        assert model.evaluate(images, labels, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert model.count_params() == metrics["parameters"]

    for variant in ("conv3_1x1", "mlp100"):
        model = keras.models.load_model(finished.results("runs", variant, "seed1", "model.keras"))
        assert_scores(model, summary(variant))
    store = f"sqlite:///{finished.results('mlflow', 'mlflow.db')}"
    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    for comparison in ("dropout", "depth", "mlp", "augmentation", "conv1x1"):
        uri = f"models:/cifar10-convnets-{comparison}@best"
        version = mlflow.MlflowClient().get_model_version_by_alias(f"cifar10-convnets-{comparison}", "best")
        metrics = summary(mlflow.get_run(version.run_id).data.tags["variant"])
        assert_scores(mlflow.keras.load_model(uri), metrics)
        chances = mlflow.pyfunc.load_model(uri).predict(images)
        assert (chances.argmax(axis=1) == labels).mean() == pytest.approx(metrics["test_accuracy"])
        assert -np.log(chances[np.arange(len(labels)), labels]).mean() == pytest.approx(metrics["test_loss"], rel=1e-4)


def test_tables_hold_what_was_trained(finished: Workflow) -> None:
    table = rows(finished.results("tables", "variants.csv"))
    assert [row["variant"] for row in table] == sorted(VARIANTS)
    for row in table:
        metrics = json.loads(finished.results("runs", row["variant"], "seed1", "metrics.json").read_text())
        assert row["runs"] == "1"
        assert float(row["test_accuracy_mean"]) == metrics["test_accuracy"]
        assert row["test_accuracy_std"] == ""
    memory = {row["network"]: row for row in rows(finished.results("tables", "memory.csv"))}
    assert memory["3 conv layers (trained)"]["parameters"] == "117072"
    assert memory["3 conv layers, 1x1 head (trained)"]["bytes"] == str(65_962 * 4)
    assert rows(finished.results("tables", "vgg16.csv"))[-1]["parameters"] == "138357544"
    manifest = json.loads(finished.results("data", "manifest.json").read_text())
    assert {name: split["images"] for name, split in manifest["splits"].items()} == {"train": 640, "validation": 128, "test": 128}


def test_figures_hold_their_lines(finished: Workflow) -> None:
    for name, labels in {"dropout": ["dropout 0.0", "dropout 0.5"], "mlp": ["1 layer", "2 layers", "3 layers", "MLP"]}.items():
        text = finished.results("figures", f"{name}.svg").read_text()
        for label in labels:
            assert text.count(f">{label}<") == 2  # one in each panel


def test_the_tracking_store_holds_one_run_for_each_summary(finished: Workflow) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{finished.results('mlflow', 'mlflow.db')}")
    experiment = client.get_experiment_by_name("cifar10-convnets").experiment_id
    runs = {run.info.run_id: run for run in client.search_runs([experiment])}
    assert len(runs) == len(VARIANTS)
    for variant in VARIANTS:
        metrics = json.loads(finished.results("runs", variant, "seed1", "metrics.json").read_text())
        run = runs[metrics["mlflow_run_id"]]
        assert (run.info.run_name, run.info.status) == (f"{variant}-seed1", "FINISHED")
        assert run.data.tags["fingerprint"] == metrics["fingerprint"]
        numbers = {key: value for key, value in metrics.items() if key not in ("variant", "seed", "fingerprint", "mlflow_run_id")}
        assert numbers.items() <= run.data.metrics.items()
        assert len(run.data.params) == 14 + (variant == "conv3_augment")  # it accumulates
        assert run.data.params["epochs"] == str(metrics["epochs"])
        figures = {Path(item.path).stem for item in client.list_artifacts(run.info.run_id, "figures")}
        comparisons = {key.removeprefix("comparison.") for key in run.data.tags if key.startswith("comparison.")}
        assert figures == {"learning_curves", "confusion_matrix", *comparisons}
        history = rows(finished.results("runs", variant, "seed1", "history.csv"))
        logged = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "val_loss")]
        assert logged == [(int(row["iteration"]), float(row["val_loss"])) for row in history]
        assert len(run.inputs.dataset_inputs) == 3
        assert run.outputs.model_outputs
    (shared,) = (run for run in runs.values() if run.data.tags["variant"] == "conv3_dropout05")
    assert {key for key in shared.data.tags if key.startswith("comparison.")} == {
        f"comparison.{name}" for name in ("depth", "mlp", "augmentation", "conv1x1")
    }
    published = json.loads(finished.results("tracking", "published.json").read_text())
    assert published["compare"]["dropout"].count("%22") == 6  # two runs and the experiment, each quoted
    assert set(published["curves"]) == {"dropout", "depth", "mlp", "augmentation", "conv1x1"}
    (zero,) = (run for run in runs.values() if run.data.tags["variant"] == "conv2_dropout00")
    assert "- Dropout, two convolutional layers (dropout = 0.0): [curves](#/" in zero.data.tags["mlflow.note.content"]


def test_logs_show_each_epoch(finished: Workflow) -> None:
    log = (finished.folder / "logs" / "train_variant" / "mlp100" / "seed1.log").read_text()
    assert re.findall(r"epoch (\d)/3, iteration (\d+): loss", log) == [("1", "10"), ("2", "20"), ("3", "30")]


def test_forced_trainings_wait_for_what_they_need(finished: Workflow) -> None:
    target = "results/runs/mlp100/seed1/metrics.json"
    data = finished.results("data", "dataset.npz")
    kept = data.rename(finished.folder / "kept.npz")
    for force in (["--forcerun", "train_variant"], ["--forcerun", target], ["--force", target], ["--forceall"]):
        done = finished.snakemake("--dry-run", *force)
        assert done.returncode == 0, done.stdout + done.stderr
        planned = set(re.findall(r"^(?:local)?rule (\w+):", done.stdout + done.stderr, re.MULTILINE))
        assert {"train_variant", "prepare_dataset"} <= planned, force
    assert "train_variant" not in finished.snakemake("--dry-run", "--forcerun", "create_store").stdout
    kept.rename(data)


@pytest.mark.parametrize("command", documented.HERE[1:])
def test_a_command_of_the_docs_ends_well(command: str, finished: Workflow) -> None:
    """In their order. The last adds the variant that the docs add."""
    before = finished.results("runs", "mlp100", "seed1", "metrics.json").read_text()
    if "mine.yaml" in command:
        (finished.folder / "mine.yaml").write_text(
            documented.block_after(ROOT / "docs" / "configuration.md", "A variant more", "yaml")
        )
    printed = call(command + documented.SHORTER.get(command, ""), finished)
    expected = {
        "make why": "steps are fresh",
        "make watch": "every step is fresh",
        "make report": "report.html",
        ".venv/bin/snakemake --cores 8": "Nothing to be done",
        "make why CONFIGFILE=mine.yaml": "stale  train_variant/conv4_wide/seed1",
        "make run CONFIGFILE=mine.yaml": "all is made",
    }
    assert expected.get(command, "") in printed
    if command == "make why":  # by default, seed 1 is trained, and claims are frozen for others
        assert "other seeds: 1 (frozen: 11 to 20)" in printed
    if command == "make reference":
        quoted = [line for line in (finished.folder / "README.md").read_text().splitlines() if line.startswith("> ")]
        tally = finished.results("reference", "tables", "claims.md").read_text().splitlines()[0]
        assert " ".join(line.removeprefix("> ") for line in quoted) == tally
        assert tally.startswith("59 claims. Of 18 exact, ")
    if command == "make run CONFIGFILE=mine.yaml":
        assert "conv4_wide" in {row["variant"] for row in rows(finished.results("tables", "variants.csv"))}
        text = finished.results("figures", "depth.svg").read_text()
        assert (text.count(">4 conv layers, wide<"), text.count(">3 layers<")) == (2, 2)
        assert finished.results("runs", "mlp100", "seed1", "metrics.json").read_text() == before


def test_a_bad_configuration_starts_no_job(finished: Workflow) -> None:
    finished.config["variants"]["mlp100"]["droput"] = 0.5
    done = finished.snakemake()
    assert done.returncode == 1
    assert "variants.mlp100.droput is not a key here; did you mean dropout?" in done.stdout + done.stderr
    assert "rule " not in done.stdout + done.stderr
