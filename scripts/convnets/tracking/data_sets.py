"""The splits of a run's data set as data sets of MLflow, with the shape and the type of their arrays."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from mlflow.data.schema import TensorDatasetSchema
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.types.schema import Schema, TensorSpec

from convnets.data import dataset
from convnets.errors import InputError
from convnets.files import read_json
from convnets.runs.layout import Layout
from convnets.tracking.finished_run import Finished

SOURCE = json.dumps({"uri": "data/dataset.npz"})


def inputs(finished: Finished) -> list[DatasetInput]:
    """Return the splits that a run has used, each with its role as MLflow's context."""
    manifest = _manifest(finished)
    return [
        DatasetInput(
            Dataset(name, digest, "local", SOURCE, **(_described(manifest, finished.metrics.seed, split) if manifest else {})),
            [InputTag("mlflow.data.context", split)],
        )
        for split, (name, digest) in finished.data_sets.items()
    ]


def _manifest(finished: Finished) -> Mapping[str, Any] | None:
    """Return the manifest beside a run if it describes the data that the run has used."""
    with suppress(OSError, ValueError, KeyError, TypeError, InputError):
        manifest: Mapping[str, Any] = read_json(Layout(finished.folder.parents[2]).manifest)
        if dataset.digests(manifest, finished.metrics.seed) == finished.record.data:
            return manifest
    return None


def _described(manifest: Mapping[str, Any], seed: int, split: str) -> dict[str, str]:
    """Return the schema and the profile of a split: images as uint8 of shape (n, height, width, channels), labels as uint8 (n,)."""
    shape, count = tuple(manifest["shape"]), dataset.counts(manifest, seed)[split]
    tensors = [Schema([TensorSpec(np.dtype("uint8"), (-1, *sizes))]) for sizes in (shape, ())]
    profile = {"features_shape": [count, *shape], "targets_shape": [count], "classes": len(manifest["classes"])}
    return {"schema": json.dumps(TensorDatasetSchema(*tensors).to_dict()), "profile": json.dumps(profile)}
