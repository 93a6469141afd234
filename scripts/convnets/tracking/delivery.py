"""Delivery of finished runs from their files to an MLflow store. It can be repeated without duplicating anything.

The files are authoritative. A run in the store bears the token of its training, so a repeated delivery finds it. A point bears the
time of its measurement, so the store ignores points that it has. A run becomes FINISHED last.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.data.schema import TensorDatasetSchema
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, Metric, Param, Run
from mlflow.types.schema import Schema, TensorSpec

from convnets.data import dataset
from convnets.errors import InputError
from convnets.files import read_json, write_json
from convnets.freshness import stamps
from convnets.runs import layout, records
from convnets.runs.unfinished import name_of
from convnets.study.stores import Membership, Tracked
from convnets.tracking import logged_models, presentation
from convnets.tracking.connection import FINGERPRINT_FILE, NOTE_TAG, Connection, reached, supersede
from convnets.tracking.finished_run import Finished, Identity
from convnets.workarounds import for_mlflow

FILES = "files"  # the artifact folder with a copy of each of a run's files
COPIED = (*layout.RUN_FILES, stamps.STAMP)
POINTS_PER_CALL = 1000  # what MLflow takes at once


def log_points(connection: Connection, run_id: str, batch: Sequence[Metric]) -> None:
    """Log points; the store ignores those that it has."""
    for start in range(0, len(batch), POINTS_PER_CALL):
        connection.client.log_batch(run_id, metrics=batch[start : start + POINTS_PER_CALL])


def open_run(connection: Connection, identity: Identity, membership: Membership, params: Mapping[str, Any]) -> Run:
    """Return the run of a training. Create it if the store has none, and reopen it if it was closed."""
    run = connection.run_of(identity.training)
    if run is None:
        tags = {**identity.origin(), **identity.tags(), **membership.tags(), NOTE_TAG: membership.label}
        name = name_of(identity.variant, identity.seed)
        run = connection.client.create_run(connection.experiment, round(identity.began * 1000), tags, name)
    elif run.info.status not in ("RUNNING", "FINISHED"):
        connection.client.update_run(run.info.run_id, status="RUNNING")
    logged = {**params, "seed": identity.seed}
    connection.client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in logged.items()])
    return run


def deliver(connection: Connection, finished: Finished, member: Membership, model: object = None, *, again: bool = False) -> str:
    """Deliver a finished run to a store and return its id there. It supersedes former runs of its variant and seed.

    `member` is the membership of its variant, `model` its Keras model, which is loaded if it is needed and not given. With `again`,
    everything is delivered again, since the run has lost something after its delivery.
    """
    store = connection.store
    with reached(store):
        run = open_run(connection, finished.identity, member, finished.params)
        run_id = str(run.info.run_id)
        is_whole = run.info.status == "FINISHED"
        if finished.metrics.mlflow_run_id != run_id:
            if is_whole:  # with files that a kill at the very end has removed; open again, it is filled even if this is cut off
                is_whole = False
                connection.client.update_run(run_id, status="RUNNING")
            records.write_metrics(finished.folder / layout.METRICS, replace(finished.metrics, mlflow_run_id=run_id))
        if again:
            for logged in logged_models.of_run(connection, run_id):
                if not logged_models.has_files(connection, logged):
                    connection.client.delete_logged_model(logged.model_id)
        renewed = dict(finished.identity.tags().items() - run.data.tags.items())  # after a verification
        if again or renewed or not is_whole:
            _fill(connection, run, finished, member.label, model)
            for key, value in renewed.items():
                connection.client.set_tag(run_id, key, value)
            connection.client.set_terminated(run_id, "FINISHED", round(finished.ended * 1000))
        supersede(connection, run_id, finished.metrics.variant, finished.metrics.seed, finished.stamp.components)
    Tracked(store.uri, store.experiment, finished.metrics.fingerprint, run_id).write(finished.folder)
    return run_id


def _fill(connection: Connection, run: Run, finished: Finished, label: str, model: object) -> None:
    """Deliver the content of a run."""
    client, run_id = connection.client, run.info.run_id
    log_points(connection, run_id, finished.points())
    if not run.inputs or not run.inputs.dataset_inputs:
        for_mlflow.log_inputs(client, run_id, data_sets(finished))
    with tempfile.TemporaryDirectory() as scratch:
        presentation.present(finished, label, Path(scratch))
        write_json(Path(scratch) / FINGERPRINT_FILE, finished.stamp.components)
        client.log_artifacts(run_id, scratch)
    for name in COPIED:
        client.log_artifact(run_id, str(finished.folder / name), FILES)
    logged_models.log(connection, run, finished, model)


def data_sets(finished: Finished) -> list[DatasetInput]:
    """Return the splits that a run has used as data sets of MLflow, each with its role.

    They have the shape and the type of their arrays if the manifest beside the run describes the data that the run has used.
    """
    seed, described = finished.metrics.seed, dict[str, dict[str, str]]()
    with suppress(OSError, ValueError, KeyError, TypeError, InputError):
        manifest = read_json(layout.Layout(finished.folder.parents[2]).manifest)
        if dataset.digests(manifest, seed) == finished.record.data:
            counts = dataset.counts(manifest, seed)
            described = {split: _described(manifest, counts[split]) for split in finished.data_sets}
    source = json.dumps({"uri": "data/dataset.npz"})
    return [
        DatasetInput(Dataset(name, digest, "local", source, **described.get(split, {})), [InputTag("mlflow.data.context", split)])
        for split, (name, digest) in finished.data_sets.items()
    ]


def _described(manifest: Mapping[str, Any], count: int) -> dict[str, str]:
    """Return the schema and the profile of a split: images as uint8 of shape (n, height, width, channels), labels as uint8 (n,)."""
    shape = tuple(manifest["shape"])
    tensors = [Schema([TensorSpec(np.dtype("uint8"), (-1, *sizes))]) for sizes in (shape, ())]
    profile = {"features_shape": [count, *shape], "targets_shape": [count], "classes": len(manifest["classes"])}
    return {"schema": json.dumps(TensorDatasetSchema(*tensors).to_dict()), "profile": json.dumps(profile)}


def missing(connection: Connection, run_id: str, folder: Path, models: Sequence[LoggedModel] | None = None) -> list[str]:
    """Return the artifacts that a delivered run has lost, and "model" if it has lost its model. `models` are its complete models.

    Truncated files count as missing: a copy must have the size of the run's file, and no artifact may be empty.
    """
    if models is None:
        models = logged_models.of_run(connection, run_id)
    folders = (None, FILES, "figures")
    there = {entry.path: entry.file_size for name in folders for entry in connection.client.list_artifacts(run_id, name)}
    added = (FINGERPRINT_FILE, presentation.CARD, presentation.LEARNING_CURVES, presentation.CONFUSION_MATRIX)
    found = [name for name in added if not there.get(name)]
    found += [path for name in COPIED if there.get(path := f"{FILES}/{name}") != (folder / name).stat().st_size]
    if not any(logged_models.has_files(connection, model) for model in models):
        found.append("model")
    return found
