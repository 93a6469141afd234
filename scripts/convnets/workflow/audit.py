"""The audit: compares the results with the tracking store in both directions."""

import os
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from convnets.errors import InputError
from convnets.freshness import fingerprint, stamps
from convnets.runs import layout, unfinished
from convnets.runs.layout import name_of
from convnets.study.stores import COMPARISON_TAG, Plan, Store
from convnets.tracking import delivery, logged_models
from convnets.tracking.connection import FINGERPRINT_FILE, TRAINING_TAG, Connection, components_of, connect, reached
from convnets.tracking.finished_run import Finished
from convnets.workflow import pending
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps


def differences(steps: Steps) -> tuple[int, list[str]]:
    """Return how many runs the results hold, and every difference between them and the tracking store, in words.

    For each summary there must be exactly one active run in state FINISHED that bears its fingerprint, with the same settings,
    points, summary, comparisons, data and files, and a model; and no other active run of its variant and seed. For each active
    FINISHED run there must be a summary. Every file of the results must be as it was written.
    """
    plan, places = steps.study.plan, steps.study.layout
    connection = connect(plan.store, create=False)
    figures = {name: places.figure(name) for name in steps.study.comparisons if not steps.is_stale(f"plot_comparison/{name}")}
    tracked: dict[str, list[Run]] = defaultdict(list)
    found: list[str] = []
    with reached(plan.store):
        for run in connection.runs():
            tracked[f"{run.data.tags.get('variant')}/seed{run.data.tags.get('seed')}"].append(run)
        folders = {name_of(folder): folder for folder in places.runs() if (folder / layout.METRICS).exists()}
        for name, folder in folders.items():
            found += [f"{name}: {text}" for text in _of_run(connection, folder, tracked.pop(name, []), plan, figures)]
    begun = {training.training for path in unfinished.folders(places.trainings).values() if (training := unfinished.begun(path))}
    for name, runs in tracked.items():
        for run in runs:
            text = f"{name}: the store has the run {run.info.run_id} in state {run.info.status}"
            if run.info.status == "FINISHED":
                is_wanted = f"{TRAINING}/{name}" in steps.all
                hint = "the next run of the workflow makes them" if is_wanted else _how_to_bin(plan.store, run)
                found.append(f"{text}, and the results do not; {hint}")
            elif run.info.status == "RUNNING" and run.data.tags.get(TRAINING_TAG) not in begun:
                found.append(f"{text}, which no training here goes on with; {_how_to_bin(plan.store, run)}")
    text = "the training was killed, and its tracked run may be open; the next `snakemake` closes it"
    found += [f"{name}: {text}" for name in pending.open_runs(steps)]
    return len(folders), [*found, *_of_other_files(steps)]


def _how_to_bin(store: Store, run: Run) -> str:
    """Return the advice on a surplus run. Only the user knows whether it is a colleague's."""
    command = f"MLFLOW_TRACKING_URI={shlex.quote(store.uri)} .venv/bin/mlflow runs delete --run-id {run.info.run_id}"
    return f"unless it is somebody else's, `{command}` moves it to MLflow's bin"


def _of_other_files(steps: Steps) -> Iterator[str]:
    """Yield the files of the results, other than those of runs, that are missing or changed."""
    dataset = steps.study.layout.dataset
    for key, step in steps.all.items():
        stamp = stamps.read(step.stamp)
        if stamp and step.rule != TRAINING:
            expected = f"{os.path.relpath(dataset, step.stamp.parent)} is missing"  # fresh runs do not need the data set
            yield from (f"{key}: {text}" for text in stamps.damage(step.stamp, stamp) if text != expected)


def _of_run(connection: Connection, folder: Path, runs: list[Run], plan: Plan, figures: Mapping[str, Path]) -> Iterator[str]:
    """Yield what differs between a run's files and the active runs of its variant and seed."""
    try:
        finished = Finished.read(folder)
    except InputError as error:
        yield str(error)
        return
    metrics, stamp = finished.metrics, finished.stamp
    yield from stamps.damage(folder / stamps.STAMP, stamp)
    if metrics.fingerprint != stamp.fingerprint:
        yield f"metrics.json bears the fingerprint {metrics.fingerprint}, {stamps.STAMP} {stamp.fingerprint}"
    for run in runs:
        if run.info.run_id != metrics.mlflow_run_id:
            yield f"the store has another active run of it, {run.info.run_id}, in state {run.info.status}"
    (run,) = [run for run in runs if run.info.run_id == metrics.mlflow_run_id] or [None]
    if run is None:
        hint = "" if runs else "; `make sync` brings it there"
        yield f"the store has no active run {metrics.mlflow_run_id}{hint}"
        return
    yield from _of_record(connection, run, finished, plan)
    shown = [path for name, path in figures.items() if name in plan.member(metrics.variant).comparisons]
    yield from _of_files(connection, run, finished, shown)


def _of_record(connection: Connection, run: Run, finished: Finished, plan: Plan) -> Iterator[str]:
    """Yield what differs between a run's files and its record in the store."""
    metrics, run_id = finished.metrics, run.info.run_id
    times = {"start_time": round(finished.record.began * 1000), "end_time": round(finished.ended * 1000)}
    info = {"status": "FINISHED", "run_name": unfinished.name_of(metrics.variant, metrics.seed), **times}
    yield from _compare("its tracked run's", info, dict(run.info))
    yield from _compare("tag", finished.identity.tags(), run.data.tags)
    if metrics.variant in plan.members:
        logged = {key: value for key, value in run.data.tags.items() if key.startswith(COMPARISON_TAG)}
        yield from _compare("tag", plan.members[metrics.variant].tags(), logged, both=True)
    params = finished.params | {"seed": metrics.seed}
    yield from _compare("param", {key: str(value) for key, value in params.items()}, run.data.params, both=True)
    points: dict[str, list[tuple[int, float, int]]] = defaultdict(list)
    for point in finished.points():
        points[point.key].append((point.step, point.value, point.timestamp))
    for name in sorted(points.keys() | run.data.metrics.keys()):
        there = [(point.step, point.value, point.timestamp) for point in connection.client.get_metric_history(run_id, name)]
        if sorted(points[name]) != sorted(there):
            yield f"the store's points of {name} are not those of the files ({len(there)} and {len(points[name])} points)"
    if fingerprint.digest(components_of(run)) != metrics.fingerprint:
        yield f"the artifact {FINGERPRINT_FILE} is missing or is not what its fingerprint was made from"
    models = logged_models.of_run(connection, run_id)
    for name in delivery.missing(connection, run_id, finished.folder, models):
        if name != FINGERPRINT_FILE and not name.startswith(f"{delivery.FILES}/"):  # those are checked elsewhere
            yield f"its tracked run has lost {name}; `make sync` brings it there"
    if len(models) > 1:
        yield f"its tracked run has {len(models)} complete models, not one"
    inputs = run.inputs.dataset_inputs if run.inputs else []
    yield from _compare(
        "data set", dict(finished.data_sets.values()), {entry.dataset.name: entry.dataset.digest for entry in inputs}, both=True
    )


def _of_files(connection: Connection, run: Run, finished: Finished, figures: Iterable[Path]) -> Iterator[str]:
    """Yield the files of a run, and the figures of its comparisons, that the store lacks or holds with other content."""
    wanted = {f"{delivery.FILES}/{name}": finished.folder / name for name in delivery.COPIED}
    wanted |= {f"figures/{path.name}": path for path in figures}
    with tempfile.TemporaryDirectory() as scratch:
        for name, file in wanted.items():
            try:
                path = connection.client.download_artifacts(run.info.run_id, name, scratch)
            except Exception:  # MLflow raises different errors for each kind of artifact store
                yield f"the artifact {name} is missing; `make sync` brings it there"
                continue
            if stamps.content_digest(Path(path)) != stamps.content_digest(file):
                yield f"the artifact {name} is not the file of the results"


def _compare(kind: str, wanted: Mapping[str, Any], found: Mapping[str, Any], *, both: bool = False) -> Iterator[str]:
    """Yield each entry that is missing or different in the store; with `both`, also each that only the store has."""
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{kind} {key} is {value} in the results, and {found.get(key, 'missing')} in the store"
    if both:
        yield from (f"{kind} {key} is in the store only" for key in found if key not in wanted)
