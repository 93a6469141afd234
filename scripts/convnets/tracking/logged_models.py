"""The Keras models of runs in an MLflow store: one per run, with signature and input example."""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModel, LoggedModelOutput, Run
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from convnets.tracking.connection import Connection
from convnets.tracking.finished_run import Finished, point_of
from convnets.workarounds import for_mlflow


def of_run(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the complete models of a run."""
    return [model for model in _begun(connection, run_id) if model.status == "READY"]


def has_files(connection: Connection, model: LoggedModel) -> bool:
    """Return whether a logged model has its description and its weights."""
    found = {
        entry.path: entry.file_size
        for folder in (None, "data")
        for entry in connection.client.list_logged_model_artifacts(model.model_id, folder)
    }
    return all(found.get(name) for name in (MLMODEL_FILE_NAME, "data/model.keras"))


def _begun(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the models of a run, incomplete ones included. Its outputs also name deleted models, and may lack one."""
    return list(connection.client.search_logged_models([connection.experiment], f"source_run_id = '{run_id}'"))


def log(connection: Connection, run: Run, finished: Finished, load_model: Callable[[], Any]) -> None:
    """Log the Keras model with its signature and an input example, unless the run has it. An incomplete model is completed."""
    former = _begun(connection, run.info.run_id)
    if any(model.status == "READY" for model in former):
        return
    run_id, model = run.info.run_id, load_model()
    logged = former[0] if former else _create(connection, run_id, finished)
    for cut_off in former[1:]:  # when the reply to its creation was lost
        connection.client.delete_logged_model(cut_off.model_id)
    linked = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in {output.model_id for output in linked}:  # the store refuses a link that exists
        connection.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    connection.client.log_batch(run_id, [point_of(*number, model=logged.model_id) for number in finished.summary()])

    example = np.full((1, *model.input_shape[1:]), 127.0, np.float32)  # a grey image
    described = Model(artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id, model_uuid=logged.model_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        for_mlflow.make_model_folder(folder)
        mlflow.keras.save_model(
            model,
            str(folder),
            mlflow_model=described,
            signature=mlflow.models.infer_signature(example, model.predict(example, verbose=0)),
            input_example=example,
            # Without these, MLflow loads the model in a new process to infer them.
            pip_requirements=[f"{name}=={version(name)}" for name in ("tensorflow", "keras")],
        )
        connection.client.log_model_artifacts(logged.model_id, str(folder))
    connection.client.finalize_logged_model(logged.model_id, "READY")


def _create(connection: Connection, run_id: str, finished: Finished) -> LoggedModel:
    """Create a model of a run, with the run's settings."""
    params = {key: str(value) for key, value in finished.params.items()}
    model: LoggedModel = connection.client.create_logged_model(connection.experiment, "model", run_id, params=params)
    return model
