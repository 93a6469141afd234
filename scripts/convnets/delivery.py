"""Delivery: what a training's files say of it, brought to an MLflow store; as often as it takes, without doubling anything.

Files are the truth. A run in the store bears the token of its training, every point the time at which it was measured; so whoever
delivers again finds the run, and a store ignores a point that it has. A run is FINISHED once everything else is there.
"""

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, LoggedModelOutput, Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from convnets import records, settings, stamps, tracking
from convnets.cifar10 import IMAGE_SHAPE
from convnets.errors import InputError
from convnets.files import write_json
from convnets.records import Epoch, Metrics, Record, Usage
from convnets.stamps import Stamp
from convnets.stores import Membership, Tracked
from convnets.tracking import Connection
from convnets.unfinished import name_of

FILES = "files"  # the artifact folder that holds a run's files as they are
# What `presentation` adds to a run's artifacts.
CARD, LEARNING_CURVES, CONFUSION_MATRIX = "model_card.md", "figures/learning_curves.png", "figures/confusion_matrix.png"
POINTS_PER_CALL = 1000  # what MLflow takes at once
HISTORY_COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
# Names that begin so are shown in the user interface's own tab.
SYSTEM_METRICS = ("system/cpu_utilization_percentage", "system/process_memory_usage_megabytes")


@dataclass(frozen=True)
class Identity:
    """What tells a training from any other. `began` is in seconds since 1970."""

    variant: str
    seed: int
    fingerprint: str
    training: str
    began: float

    def tags(self) -> dict[str, str]:
        """Return the tags that its run bears."""
        seed = str(self.seed)
        return {"variant": self.variant, "seed": seed, "fingerprint": self.fingerprint, tracking.TRAINING_TAG: self.training}


@dataclass(frozen=True)
class Finished:
    """A finished run as its files hold it."""

    folder: Path
    stamp: Stamp
    metrics: Metrics
    history: Sequence[Epoch]
    record: Record

    @staticmethod
    def read(folder: Path) -> "Finished":
        """Read a run's files.

        Raises
        ------
        InputError
            One of them is missing or damaged.
        """
        stamp = stamps.read(folder / stamps.STAMP)
        if stamp is None:
            raise InputError(f"{folder / stamps.STAMP} is missing or damaged; run the workflow again")
        path = folder / stamps.STAMP
        try:
            settings.from_dict(stamp.components["settings"])
            metrics = records.read_metrics(path := folder / records.METRICS)
            history = records.read_history(path := folder / records.HISTORY)
            record = records.read_record(path := folder / records.RECORD)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path} is missing or damaged ({error}); run the workflow again") from error
        return Finished(folder, stamp, metrics, history, record)

    @property
    def identity(self) -> Identity:
        """What tells this training from any other."""
        metrics = self.metrics
        return Identity(metrics.variant, metrics.seed, metrics.fingerprint, self.record.training, self.record.began)

    @property
    def params(self) -> dict[str, Any]:
        """Every training setting."""
        return settings.from_dict(self.stamp.components["settings"]).flat()

    @property
    def ended(self) -> float:
        """The end of the last epoch, in seconds since 1970."""
        return self.record.usage[-1].ended

    def summary(self) -> list[tuple[str, float, float, int]]:
        """Return each number of the summary as a point: name, value, time in seconds, step."""
        return [(name, value, self.ended, 0) for name, value in self.metrics.numbers().items()]

    def points(self) -> list[Metric]:
        """Return every point of the run's curves, and its summary."""
        return [*points(self.history, self.record.usage), *(_point(*point) for point in self.summary())]


def points(history: Sequence[Epoch], usage: Sequence[Usage]) -> Iterator[Metric]:
    """Yield the points of some epochs: at their iteration, with the time at which they were measured."""
    for epoch, used in zip(history, usage, strict=True):
        values = {name: getattr(epoch, name) for name in HISTORY_COLUMNS}
        values |= dict(zip(SYSTEM_METRICS, (used.cpu_percent, used.memory_bytes / 1e6), strict=True))
        for name, value in values.items():
            yield _point(name, value, used.ended, epoch.iteration)


def _point(name: str, value: float, seconds: float, step: int, model: str | None = None) -> Metric:
    return Metric(name, float(value), round(seconds * 1000), step, model_id=model)


def log_points(connection: Connection, run_id: str, batch: Sequence[Metric]) -> None:
    """Log points; the store ignores those that it has."""
    for start in range(0, len(batch), POINTS_PER_CALL):
        connection.client.log_batch(run_id, metrics=batch[start : start + POINTS_PER_CALL])


def open_run(connection: Connection, identity: Identity, membership: Membership, params: Mapping[str, Any]) -> Run:
    """Return the run of a training, which is begun if the store has none, and opened again if it was closed."""
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
    """Bring a finished run to a store, whole, and return its id there; the former runs of its variant and seed are superseded.

    Parameters
    ----------
    connection
        The store.
    finished, membership
        The run, and its variant's label and comparisons.
    present
        Writes into a folder what the run's artifacts hold beside its files.
    load_model
        Returns the run's Keras model; called if the store does not have it yet.
    again
        Bring everything that a run needs which was brought whole and has lost something since.

    Raises
    ------
    StoreError
        The store did not take all of it.
    """
    with tracking.reached(connection.store):
        run = open_run(connection, finished.identity, membership, finished.params)
        run_id = run.info.run_id
        if again:
            for model in models_of(connection, run_id):
                if not _has_files(connection, model):
                    connection.client.delete_logged_model(model.model_id)
        if again or run.info.status != "FINISHED":
            _fill(connection, run, finished, present, load_model)
            connection.client.set_terminated(run_id, "FINISHED", round(finished.ended * 1000))
        tracking.supersede(connection, run_id, finished.metrics.variant, finished.metrics.seed, finished.stamp.components)
    _record_id(finished, run_id)
    store = connection.store
    Tracked(store.uri, store.experiment, finished.metrics.fingerprint, run_id).write(finished.folder)
    return str(run_id)


def _fill(
    connection: Connection, run: Run, finished: Finished, present: Callable[[Path], None], load_model: Callable[[], Any]
) -> None:
    """Bring everything that a run holds."""
    client, run_id = connection.client, run.info.run_id
    log_points(connection, run_id, finished.points())
    if not run.inputs or not run.inputs.dataset_inputs:
        try:
            client.log_inputs(run_id, _data_inputs(finished.record.data))
        except MlflowException:  # runs that are the first to name a data set race to insert it; the loser finds it there now
            client.log_inputs(run_id, _data_inputs(finished.record.data))
    finished = _record_id(finished, run_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        present(folder)
        write_json(folder / tracking.FINGERPRINT_FILE, finished.stamp.components)
        client.log_artifacts(run_id, str(folder))
    for name in (*records.RUN_FILES, stamps.STAMP):
        client.log_artifact(run_id, str(finished.folder / name), FILES)
    _log_model(connection, run, finished, load_model)


def _record_id(finished: Finished, run_id: str) -> Finished:
    """Write the run's id into its summary."""
    if finished.metrics.mlflow_run_id == run_id:
        return finished
    metrics = replace(finished.metrics, mlflow_run_id=run_id)
    records.write_metrics(finished.folder / records.METRICS, metrics)
    return replace(finished, metrics=metrics)


def _data_inputs(digests: Mapping[str, str]) -> list[DatasetInput]:
    """Return the splits of the prepared data as MLflow's data sets, each by as much of its digest as MLflow takes."""
    source = json.dumps({"uri": "data/cifar10.npz"})
    return [
        DatasetInput(Dataset(f"cifar10-{split}", digest[:36], "local", source), [InputTag("mlflow.data.context", split)])
        for split, digest in digests.items()
    ]


def models_of(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the models that a run has logged whole."""
    return [model for model in _logged_models(connection, run_id) if model.status == "READY"]


def missing(connection: Connection, run_id: str, folder: Path) -> list[str]:
    """Return what a run that was brought whole no longer has: which of its artifacts, and its model.

    Files that are cut off count as missing: those of the run have the sizes that they have in its folder, and none is empty.
    """
    there = {
        entry.path: entry.file_size for name in (None, FILES, "figures") for entry in connection.client.list_artifacts(run_id, name)
    }
    found = [name for name in (tracking.FINGERPRINT_FILE, CARD, LEARNING_CURVES, CONFUSION_MATRIX) if not there.get(name)]
    for name in (*records.RUN_FILES, stamps.STAMP):
        if there.get(f"{FILES}/{name}") != (folder / name).stat().st_size:
            found.append(f"{FILES}/{name}")
    if not any(_has_files(connection, model) for model in models_of(connection, run_id)):
        found.append("model")
    return found


def _has_files(connection: Connection, model: LoggedModel) -> bool:
    """Return whether a logged model has its description and its weights."""
    found = {
        entry.path: entry.file_size
        for folder in (None, "data")
        for entry in connection.client.list_logged_model_artifacts(model.model_id, folder)
    }
    return all(found.get(name) for name in (MLMODEL_FILE_NAME, "data/model.keras"))


def _logged_models(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the models that a run has begun; its outputs would name deleted ones too, and lack one whose link was cut off."""
    return list(connection.client.search_logged_models([connection.experiment], f"source_run_id = '{run_id}'"))


def _log_model(connection: Connection, run: Run, finished: Finished, load_model: Callable[[], Any]) -> None:
    """Log the Keras model with its signature and an input example, unless the run has it; one that was cut off is completed."""
    former = _logged_models(connection, run.info.run_id)
    if any(model.status == "READY" for model in former):
        return
    run_id, model = run.info.run_id, load_model()
    logged = former[0] if former else _create_model(connection, run_id, finished)
    for cut_off in former[1:]:  # when the reply to its creation was lost
        connection.client.delete_logged_model(cut_off.model_id)
    linked = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in {output.model_id for output in linked}:  # the store refuses a link that it has
        connection.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    connection.client.log_batch(run_id, [_point(*point, model=logged.model_id) for point in finished.summary()])

    def save(path: str, mlflow_model: Model, **options: Any) -> None:  # noqa: ANN401
        Path(path).mkdir()  # MLflow 3.17 writes the input example before it makes the folder
        mlflow_model.run_id = run_id
        mlflow.keras.save_model(path=path, mlflow_model=mlflow_model, **options)

    example = np.full((1, *IMAGE_SHAPE), 127.0, np.float32)  # a grey image
    with redirect_stdout(io.StringIO()):  # MLflow tries the example, and Keras draws a bar for it
        Model.log(
            None,
            SimpleNamespace(save_model=save),
            name="model",
            model_id=logged.model_id,
            model=model,
            signature=mlflow.models.infer_signature(example, model.predict(example, verbose=0)),
            input_example=example,
            # Given, since MLflow would otherwise load the model in a new process to find out.
            pip_requirements=[f"{name}=={version(name)}" for name in ("tensorflow", "keras")],
        )


def _create_model(connection: Connection, run_id: str, finished: Finished) -> LoggedModel:
    """Create a model of a run, with the run's settings."""
    params = {key: str(value) for key, value in finished.params.items()}
    model: LoggedModel = connection.client.create_logged_model(connection.experiment, "model", run_id, params=params)
    return model
