"""Measure what many runs cost: planning, running, combining and publishing, with trainings replaced by a stand-in of milliseconds.

`write_stand_in` writes the files that a training of one variant and seed would leave, with made-up numbers, a network of no use
and a true stamp. `STAND_IN` takes the place of the training's script: it moves what was written for its run to where a training
writes it. Both are known to this benchmark alone, which works in a copy of the project that is removed at the end.

For each number of runs, prints seconds and peak memory of
- a dry-run before anything is made, and of a Snakefile of as many trivial jobs;
- Snakemake running all trainings, by the stand-in, and as many trivial jobs;
- a dry-run and `make why` once every run is there;
- every step that follows the runs: seconds by its stamp, memory when it is repeated alone;
- `make sync` when there is nothing left to bring.
Up to --publish runs, they are in the tracking store before: a training brings its own there, within a second. The stand-in for
that, `track`, logs a model and pictures of a few bytes, since the real ones take most of the second.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from convnets.freshness import stamps
from convnets.runs import layout, records
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.workflow import planning
from convnets.workflow.declarations import Step
from convnets.workflow.steps import Steps

PERCEPTRONS, EPOCHS = 10, 30
STAND_IN = """\
#!/bin/sh
run=$(sed -n 's|.*"\\([^"]*\\)/stamp.json".*|\\1|p' "$1")
mkdir -p "$run" && mv "ready/$run"/* "$run" && touch "$run"/*
"""
TRIVIAL = """
rule all:
    input: expand("out/{{variant}}/seed{{seed}}.txt", variant=range({variants}), seed=range({seeds}))

rule train:
    output: "out/{{variant}}/seed{{seed}}.txt"
    shell: "touch {{output}}"
"""
LAUNCHER = """
import pathlib, resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
pathlib.Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""
COLUMNS = ["runs", "what", "seconds", "peak_mb"]


def config_of(runs: int) -> dict[str, Any]:
    """Return a configuration of eleven small variants and as many seeds as it takes."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    names = [f"mlp{units}" for units in range(10, 10 + PERCEPTRONS)]
    variants = {name: {"label": name, "filters": [], "dense_units": [int(name[3:])]} for name in names}
    claim = {
        "section": "2.3",
        "statement": "More units, a lower loss.",
        "test": "less",
        "quantities": [f"{names[-1]}.final_val_loss", f"{names[0]}.final_val_loss"],
    }
    variants["conv1x1"] = {"label": "conv1x1", "filters": [4], "head": "conv1x1"}
    return {
        **config,
        "dataset": {**config["dataset"], "subset": {"train": 640, "validation": 64, "test": 64}},
        "training": {**config["training"], "epochs": EPOCHS},
        "seeds": list(range(1, runs // len(variants) + 2)),
        "variants": variants,
        "comparisons": {"units": {"title": "Units", "variants": names[:4], "rows": [["validation"]]}},
        "claims": {"units": claim},
        "memory": {"dense": names[0], "conv1x1": "conv1x1"},
    }


def write_stand_in(step: Step, variant: str, seed: int, model: Path) -> None:
    """Write what a training of this variant and seed would leave, without a training, for `STAND_IN` to find."""
    folder = "ready" / step.stamp.parent
    folder.mkdir(parents=True)
    chance = random.Random(f"{variant} {seed}")  # noqa: S311
    began = time.time()
    numbers = range(1, EPOCHS + 1)
    history = [Epoch(n, 10 * n, 2 / n, 0.5, (2 + chance.random()) / n, 0.5 + chance.random() / 10, 0.01) for n in numbers]
    usage = [Usage(began + n, 100.0, 2**30) for n in numbers]
    best = max(history, key=lambda epoch: epoch.val_accuracy)
    last = history[-1]
    metrics = Metrics(
        *(variant, seed, 1000, EPOCHS, last.iteration, best.epoch, best.val_accuracy, min(epoch.val_loss for epoch in history)),
        *(last.val_loss, last.val_accuracy, last.train_loss, last.train_accuracy, best.val_accuracy, last.val_loss),
        *(EPOCHS * 0.01, 64_000.0, step.fingerprint, None),
    )
    confusion = [[6 * (row == column) for column in range(10)] for row in range(10)]
    data = dict.fromkeys(("train", "validation", "test"), "0" * 64)
    record = Record(uuid.uuid4().hex, began, "none: a stand-in", "CPU", 1, True, 2**30, data, usage, confusion)
    outputs = [folder / name for name in layout.RUN_FILES]
    with stamps.stamping(folder / step.stamp.name, step.components, [], outputs):
        records.write_history(folder / layout.HISTORY, history)
        shutil.copy(model, folder / layout.MODEL)
        records.write_record(folder / layout.RECORD, record)
        records.write_metrics(folder / layout.METRICS, metrics)


def track(steps: Steps, folders: list[Path]) -> None:
    """Bring runs to the store as their trainings would, but with a few bytes for the content of models, cards and pictures."""
    from mlflow.entities import Run
    from mlflow.models.model import MLMODEL_FILE_NAME

    from convnets.tracking import delivery, logged_models, presentation
    from convnets.tracking.connection import connect
    from convnets.tracking.finished_run import Finished

    connection = connect(steps.study.store)

    def log_model(_: object, run: Run, *__: object) -> None:
        model = connection.client.create_logged_model(connection.experiment, "model", run.info.run_id)
        with tempfile.TemporaryDirectory() as scratch:
            fill(Path(scratch), MLMODEL_FILE_NAME, "data/model.keras")
            connection.client.log_model_artifacts(model.model_id, scratch)
        connection.client.finalize_logged_model(model.model_id, "READY")

    def present(_run: object, _label: str, folder: Path) -> None:
        fill(folder, presentation.CARD, presentation.LEARNING_CURVES, presentation.CONFUSION_MATRIX)

    def fill(folder: Path, *names: str) -> None:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("a stand-in")

    with mock.patch.object(logged_models, "log", log_model), mock.patch.object(presentation, "present", present):
        for folder in folders:
            run = Finished.read(folder)
            member = steps.study.plan.members[run.metrics.variant]
            run_id = delivery.deliver(connection, run, member)
    if lacking := delivery.missing(connection, run_id, run.folder):
        sys.exit(f"the stand-in for tracking brings no {', '.join(lacking)}, which `make sync` would bring again")


def measured(command: list[str | Path], folder: Path, log: Path) -> tuple[float, float]:
    """Run a command and return its seconds and the peak memory in MB of the largest of its processes.

    A small process starts it, since a child's peak begins with the memory of the process that forks.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        launch = [sys.executable, "-c", LAUNCHER, log.with_suffix(".peak"), *command]
        status = subprocess.run(list(map(str, launch)), cwd=folder, stdout=output, stderr=output, check=False).returncode
        seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{log.read_text()[-3000:]}")
    return seconds, int(log.with_suffix(".peak").read_text()) / 1024


def measure(runs: int, folder: Path, batches: Path, publish: int) -> list[Mapping[str, object]]:
    """Measure a study of about so many runs in a fresh copy of the project."""
    from finished_runs import write_model
    from workflow import copy_project

    found: list[Mapping[str, object]] = []
    project, log = folder / "project", folder / "log"
    copy_project(project, batches)
    (project / "config.yaml").write_text(yaml.safe_dump(config_of(runs), sort_keys=False))
    os.chdir(project)
    steps = planning.load([Path("config.yaml")])
    trainings = [step.key for step in steps.trainings()]

    def note(what: str, seconds: float, peak: float | None = None) -> None:
        row = {"runs": len(trainings), "what": what, "seconds": round(seconds, 2), "peak_mb": peak and round(peak)}
        print(*(f"{value!s:>12}" for value in (row["runs"], row["seconds"], row["peak_mb"] or "")), f" {what}", flush=True)
        found.append(row)

    snakemake: list[str | Path] = [sys.executable, "-m", "snakemake", "--cores", "2"]
    (folder / "trivial").mkdir()
    variants = len(steps.study.variants)
    (folder / "trivial" / "Snakefile").write_text(TRIVIAL.format(variants=variants, seeds=len(trainings) // variants))
    quiet: list[str | Path] = [*snakemake, "--quiet", "all", "--scheduler", "greedy", "--scheduler-subsample", "500"]
    dry = [*quiet, "--dry-run"]
    note("dry-run of a trivial workflow", *measured(dry, folder / "trivial", log))
    note("dry-run, nothing made", *measured(dry, project, log))
    note("make why, nothing made", *measured([sys.executable, "scripts/explain_steps.py", "config.yaml"], project, log))
    until = [file for key in ("prepare_dataset", "create_store") for file in steps[key].files]
    measured([*snakemake, *until], project, log)
    write_model(folder / "model.keras")
    started = time.perf_counter()
    for key in trainings:
        _, variant, seed = key.split("/")
        write_stand_in(steps.all[key], variant, int(seed.removeprefix("seed")), folder / "model.keras")
    note("stand-ins for all trainings written", time.perf_counter() - started)
    (project / "scripts" / "train_variant.py").write_text(STAND_IN)
    note("as many trivial jobs run", *measured(quiet, folder / "trivial", log))
    note("all trainings run, by the stand-in", *measured([*quiet, "--until", "train_variant"], project, log))
    if runs <= publish:
        started = time.perf_counter()
        track(steps, [steps.all[key].stamp.parent for key in trainings])
        note("all runs brought to the store, models of a few bytes", time.perf_counter() - started)
    note("dry-run, all runs made", *measured(dry, project, log))
    note("make why, all runs made", *measured([sys.executable, "scripts/explain_steps.py", "config.yaml"], project, log))
    rules = ["publish_comparisons"] if runs > publish else []
    following = [*snakemake, "--printshellcmds", *(["--omit-from", *rules] if rules else [])]
    note("all that follows the runs", *measured(following, project, log))
    commands = re.findall(r"(?m)^Shell command: (\w+\.py (\S+\.json) .*)$", log.read_text())
    os.environ["PATH"] = os.pathsep.join([str(project / "scripts"), str(Path(sys.executable).parent), os.environ["PATH"]])
    for command, job in commands:
        (stamp,) = json.loads(Path(job).read_text())["outputs"]["stamp"]
        seconds = json.loads(Path(stamp).read_text())["seconds"]
        name = Path(stamp).relative_to("results/stamps").with_suffix("").as_posix()
        note(name, seconds, measured(["bash", "-c", command], project, log)[1])
    if not rules:
        note("dry-run, nothing to do", *measured(dry, project, log))
        note("make sync, nothing to bring", *measured([sys.executable, "scripts/sync_runs.py", "config.yaml"], project, log))
    return found


def draw(rows: list[Mapping[str, object]], path: Path) -> None:
    """Draw seconds against runs."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 5.5), layout="constrained")
    curves: dict[object, list[tuple[Any, Any]]] = {row["what"]: [] for row in rows}
    for row in rows:
        curves[row["what"]].append((row["runs"], row["seconds"]))
    shown = {what: points for what, points in curves.items() if len(points) > 1 and points[-1][1] >= 0.5}
    for number, (what, points) in enumerate(sorted(shown.items(), key=lambda item: -item[1][-1][1])):  # as they end, so the legend
        axes.plot(
            *zip(*points, strict=True), color=f"C{number % 10}", linestyle="-" if number < 10 else "--", marker="o", label=what
        )
    axes.set(xscale="log", yscale="log", xlabel="runs", ylabel="seconds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path)


def main() -> None:
    """Measure each size, print, write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000, 10_000], help="default: 100 1000 10000")
    parser.add_argument("--publish", type=int, default=10_000, help="publish up to so many runs (default: %(default)s)")
    parser.add_argument("--batches", type=Path, default=ROOT / "resources" / "cifar10", help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "scale", help="without suffix; default: %(default)s")
    arguments = parser.parse_args()
    batches, output = arguments.batches.resolve(), arguments.output.resolve()
    rows: list[Mapping[str, object]] = []
    for runs in arguments.runs:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(runs, Path(folder), batches, arguments.publish)
            os.chdir(ROOT)
        with output.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        if len(rows) > len({row["what"] for row in rows}):  # more than one size
            draw(rows, output.with_suffix(".svg"))


if __name__ == "__main__":
    main()
