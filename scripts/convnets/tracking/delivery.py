"""Delivery of finished runs from their files to an MLflow store. It can be repeated without duplicating anything.

The files are authoritative. A run in the store bears the token of its training, so a repeated delivery finds it. A point bears the
time of its measurement, so the store ignores points that it has. A run becomes FINISHED last.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from convnets.files import write_json
from convnets.freshness import stamps
from convnets.runs import layout, records
from convnets.runs.unfinished import name_of
from convnets.study.stores import Membership, Tracked
from convnets.tracking import connection as tracking
from convnets.tracking import logged_models
from convnets.tracking.connection import Connection
from convnets.tracking.finished_run import Finished, Identity
from convnets.workarounds import for_mlflow

FILES = "files"  # the artifact folder with a copy of each of a run's files
# What `presentation` adds to a run's artifacts.
CARD, LEARNING_CURVES, CONFUSION_MATRIX = "model_card.md", "figures/learning_curves.png", "figures/confusion_matrix.png"
POINTS_PER_CALL = 1000  # what MLflow takes at once


def log_points(connection: Connection, run_id: str, batch: Sequence[Metric]) -> None:
    """Log points; the store ignores those that it has."""
    for start in range(0, len(batch), POINTS_PER_CALL):
        connection.client.log_batch(run_id, metrics=batch[start : start + POINTS_PER_CALL])


def open_run(connection: Connection, identity: Identity, membership: Membership, params: Mapping[str, Any]) -> Run:
    """Return the run of a training. Create it if the store has none, and reopen it if it was closed."""
    run = connection.run_of(identity.training)
    if run is None:
        tags = {**identity.tags(), **membership.tags(), tracking.NOTE_TAG: membership.label}
        name = name_of(identity.variant, identity.seed)
        run = connection.client.create_run(connection.experiment, round(identity.began * 1000), tags, name)
    elif run.info.status not in ("RUNNING", "FINISHED"):
        connection.client.update_run(run.info.run_id, status="RUNNING")
    logged = {**params, "seed": identity.seed}
    connection.client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in logged.items()])
    return run


def deliver(
    connection: Connection,
    finished: Finished,
    membership: Membership,
    present: Callable[[Path], None],
    load_model: Callable[[], Any],
    *,
    again: bool = False,
) -> str:
    """Deliver a finished run to a store and return its id there. It supersedes former runs of its variant and seed.

    Parameters
    ----------
    connection
        The store.
    finished, membership
        The run, and its variant's label and comparisons.
    present
        Writes the artifacts other than the run's files into a folder.
    load_model
        Returns the run's Keras model; called if the store does not have it yet.
    again
        Deliver everything again, since the run has lost something after its delivery.

    Raises
    ------
    StoreError
        The store did not take all of it.
    """
    with tracking.reached(connection.store):
        run = open_run(connection, finished.identity, membership, finished.params)
        run_id = run.info.run_id
        if again:
            for model in logged_models.of_run(connection, run_id):
                if not logged_models.has_files(connection, model):
                    connection.client.delete_logged_model(model.model_id)
        tags = finished.identity.tags()
        is_renewed = any(run.data.tags.get(name) != value for name, value in tags.items())  # after a verification
        if again or is_renewed or run.info.status != "FINISHED":
            _fill(connection, run, finished, present, load_model)
            tracking.set_tags(connection, run, {**run.data.tags, **tags}, tracking.TRAINING_TAG)
            connection.client.set_terminated(run_id, "FINISHED", round(finished.ended * 1000))
        tracking.supersede(connection, run_id, finished.metrics.variant, finished.metrics.seed, finished.stamp.components)
    _record_id(finished, run_id)
    store = connection.store
    Tracked(store.uri, store.experiment, finished.metrics.fingerprint, run_id).write(finished.folder)
    return str(run_id)


def _fill(
    connection: Connection, run: Run, finished: Finished, present: Callable[[Path], None], load_model: Callable[[], Any]
) -> None:
    """Deliver the content of a run."""
    client, run_id = connection.client, run.info.run_id
    log_points(connection, run_id, finished.points())
    if not run.inputs or not run.inputs.dataset_inputs:
        for_mlflow.log_inputs(client, run_id, _data_inputs(finished.data_sets))
    finished = _record_id(finished, run_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        present(folder)
        write_json(folder / tracking.FINGERPRINT_FILE, finished.stamp.components)
        client.log_artifacts(run_id, str(folder))
    for name in (*layout.RUN_FILES, stamps.STAMP):
        client.log_artifact(run_id, str(finished.folder / name), FILES)
    logged_models.log(connection, run, finished, load_model)


def _record_id(finished: Finished, run_id: str) -> Finished:
    """Write the run's id into its summary."""
    if finished.metrics.mlflow_run_id == run_id:
        return finished
    metrics = replace(finished.metrics, mlflow_run_id=run_id)
    records.write_metrics(finished.folder / layout.METRICS, metrics)
    return replace(finished, metrics=metrics)


def _data_inputs(data_sets: Mapping[str, str]) -> list[DatasetInput]:
    """Return the splits of the prepared data, digests by name, as MLflow's data sets."""
    source = json.dumps({"uri": "data/dataset.npz"})
    return [
        DatasetInput(Dataset(name, digest, "local", source), [InputTag("mlflow.data.context", name.rpartition("-")[2])])
        for name, digest in data_sets.items()
    ]


def missing(connection: Connection, run_id: str, folder: Path) -> list[str]:
    """Return the artifacts that a delivered run has lost, and "model" if it has lost its model.

    Truncated files count as missing: a copy must have the size of the run's file, and no artifact may be empty.
    """
    there = {
        entry.path: entry.file_size for name in (None, FILES, "figures") for entry in connection.client.list_artifacts(run_id, name)
    }
    found = [name for name in (tracking.FINGERPRINT_FILE, CARD, LEARNING_CURVES, CONFUSION_MATRIX) if not there.get(name)]
    for name in (*layout.RUN_FILES, stamps.STAMP):
        if there.get(f"{FILES}/{name}") != (folder / name).stat().st_size:
            found.append(f"{FILES}/{name}")
    if not any(logged_models.has_files(connection, model) for model in logged_models.of_run(connection, run_id)):
        found.append("model")
    return found
