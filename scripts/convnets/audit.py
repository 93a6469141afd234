"""The audit: whether results and tracking store say the same, looked at from both sides."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run

from convnets import fingerprint, records, settings, stamps, tracking, unfinished
from convnets.records import Metrics
from convnets.stamps import Stamp
from convnets.steps import STAMP, Steps
from convnets.tracking import Plan


def differences(steps: Steps, plan: Plan) -> tuple[int, list[str]]:
    """Return how many runs the results hold, and every difference between them and the tracking store, in words.

    For each summary there must be exactly one active run in state FINISHED that bears its fingerprint, with the same settings,
    history, summary, comparisons and data, and no other active run of its variant and seed; for each active FINISHED run
    there must be a summary. The files must be those that the training wrote.
    """
    experiment = plan.store.connect()
    tracked: dict[str, list[Run]] = defaultdict(list)
    for run in tracking.active_runs(experiment):
        tracked[f"{run.data.tags.get('variant')}/seed{run.data.tags.get('seed')}"].append(run)
    found: list[str] = []
    folders = {"/".join(path.parts[-3:-1]): path.parent for path in sorted(steps.results.glob("runs/*/seed*/metrics.json"))}
    for name, folder in folders.items():
        found += [f"{name}: {text}" for text in _of_run(folder, tracked.pop(name, []), plan)]
    for name, runs in tracked.items():
        for run in runs:
            if run.info.status == "FINISHED":
                found.append(f"{name}: the store has the FINISHED run {run.info.run_id}, and the results do not")
    for folder in unfinished.abandoned(steps.results / "unfinished"):
        found.append(f"{folder.name}: the training was killed, and its tracked run is open; the next `snakemake` closes it")
    return len(folders), found


def _of_run(folder: Path, runs: list[Run], plan: Plan) -> Iterator[str]:
    """Yield what differs between a run's files and the active runs of its variant and seed."""
    try:
        metrics = records.read_metrics(folder / "metrics.json")
    except (ValueError, TypeError) as error:
        yield f"metrics.json cannot be read: {error}"
        return
    stamp = stamps.read(folder / STAMP)
    if stamp is None:
        yield f"{STAMP} is missing or damaged"
        return
    yield from stamps.damage(folder / STAMP, stamp)
    if metrics.fingerprint != stamp.fingerprint:
        yield f"metrics.json bears the fingerprint {metrics.fingerprint}, {STAMP} {stamp.fingerprint}"
    for run in runs:
        if run.info.run_id != metrics.mlflow_run_id:
            yield f"the store has another active run of it, {run.info.run_id}, in state {run.info.status}"
    (run,) = [run for run in runs if run.info.run_id == metrics.mlflow_run_id] or [None]
    if run is None:
        yield f"the store has no active run {metrics.mlflow_run_id}"
        return
    yield from _of_record(run, folder, metrics, stamp, plan)


def _of_record(run: Run, folder: Path, metrics: Metrics, stamp: Stamp, plan: Plan) -> Iterator[str]:
    """Yield what differs between a run's files and its record in the store."""
    if run.info.status != "FINISHED":
        yield f"its tracked run is in state {run.info.status}, not FINISHED"
    name = f"{metrics.variant}-seed{metrics.seed}"
    if run.info.run_name != name:
        yield f"its tracked run is named {run.info.run_name}, not {name}"
    tags = {"variant": metrics.variant, "seed": str(metrics.seed), "fingerprint": metrics.fingerprint}
    yield from _compare("tag", tags, run.data.tags)
    if metrics.variant in plan.members:
        member = plan.members[metrics.variant]
        logged = {key: value for key, value in run.data.tags.items() if key.startswith(tracking.COMPARISON_TAG)}
        yield from _compare("tag", member.tags(), logged, both=True)
    params = settings.from_dict(stamp.components["settings"]).flat() | {"seed": metrics.seed}
    yield from _compare("param", {key: str(value) for key, value in params.items()}, run.data.params, both=True)
    yield from _compare("metric", metrics.numbers(), run.data.metrics)
    yield from _of_history(run.info.run_id, folder / "history.csv")
    if fingerprint.digest(tracking.components_of(run) or {}) != metrics.fingerprint:
        yield f"the artifact {tracking.FINGERPRINT_FILE} is missing or is not what its fingerprint was made from"
    if not run.outputs or not run.outputs.model_outputs:
        yield "its tracked run has no model"
    if not run.inputs or not run.inputs.dataset_inputs:
        yield "its tracked run names no data set"


def _of_history(run_id: str, path: Path) -> Iterator[str]:
    """Yield the columns of a history whose points differ from those in the store."""
    client = mlflow.MlflowClient()
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for column in (name for name in asdict(records.Epoch(*[0] * 7)) if name not in ("epoch", "iteration")):
        written = [(int(row["iteration"]), float(row[column])) for row in rows]
        logged = sorted((point.step, point.value) for point in client.get_metric_history(run_id, column))
        if written != logged:
            yield f"the store's points of {column} are not those of history.csv ({len(logged)} and {len(written)} points)"


def _compare(kind: str, wanted: Mapping[str, Any], found: Mapping[str, Any], *, both: bool = False) -> Iterator[str]:
    """Yield each entry that the store lacks or has otherwise, and with `both` each that it has besides."""
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{kind} {key} is {value} in the results, and {found.get(key, 'missing')} in the store"
    if both:
        yield from (f"{kind} {key} is in the store only" for key in found if key not in wanted)
