"""The Keras models of runs in an MLflow store: one per run, with signature and input example; the best ones in the registry."""

import re
import tempfile
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModel, LoggedModelOutput, Run
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from convnets.runs.layout import MODEL
from convnets.tracking.connection import Connection, create_once
from convnets.tracking.finished_run import Finished
from convnets.tracking.presentation import model_card
from convnets.workarounds import for_mlflow

BEST = "best"  # the alias in the registry
EXPERIMENT, COMPARISON = "experiment", "comparison"  # tags there


def of_run(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the complete models of a run."""
    return [model for model in _begun(connection, run_id) if model.status == "READY"]


def has_files(connection: Connection, model: LoggedModel) -> bool:
    """Return whether a logged model has its description and its weights."""
    list_files = connection.client.list_logged_model_artifacts
    found = {entry.path: entry.file_size for folder in (None, "data") for entry in list_files(model.model_id, folder)}
    return all(found.get(name) for name in (MLMODEL_FILE_NAME, "data/model.keras"))


def _begun(connection: Connection, run_id: str) -> list[LoggedModel]:
    """Return the models of a run, incomplete ones included. Its outputs also name deleted models, and may lack one."""
    return list(connection.client.search_logged_models([connection.experiment], f"source_run_id = '{run_id}'"))


def log(connection: Connection, run: Run, finished: Finished, model: Any = None) -> None:  # noqa: ANN401
    """Log the Keras model with its signature and an input example, unless the run has it. An incomplete model is completed.

    The model is loaded from the run's files if it is not given.
    """
    client, run_id = connection.client, run.info.run_id
    former = _begun(connection, run_id)
    if any(logged.status == "READY" for logged in former):
        return
    if model is None:
        from convnets.networks import builders  # TensorFlow takes seconds to import, and is rarely needed here

        model = builders.load(finished.folder / MODEL)
    params = {key: str(value) for key, value in finished.params.items()}
    logged = former[0] if former else client.create_logged_model(connection.experiment, "model", run_id, params=params)
    for cut_off in former[1:]:  # when the reply to its creation was lost
        client.delete_logged_model(cut_off.model_id)
    linked = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in {output.model_id for output in linked}:  # the store refuses a link that exists
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.log_batch(run_id, finished.summary(logged.model_id))

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
        client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")


def register(connection: Connection, comparison: str, run_id: str, folder: Path, label: str) -> None:
    """Register a run's model as the best of a comparison, with its model card as description; do nothing if the run has none.

    `folder` holds the run's files, `label` is that of its variant.
    """
    client, name = connection.client, _name_of(connection, comparison)
    model = next(iter(of_run(connection, run_id)), None)
    if model is None:
        return
    text = f"The best model of the comparison {comparison}, as the alias `{BEST}`."
    create_once(client.create_registered_model, name, None, text)
    wanted = {EXPERIMENT: connection.experiment, COMPARISON: comparison}
    for key, value in wanted.items() - client.get_registered_model(name).tags.items():
        client.set_registered_model_tag(name, key, value)  # it is new, or of a former version or of an experiment that was lost
    versions = client.search_model_versions(f"name = '{name}'")
    found = next((one for one in versions if model.model_id in one.source), None)
    if found is None:
        card = model_card(Finished.read(folder), label)
        found = client.create_model_version(name, f"models:/{model.model_id}", run_id, description=card, model_id=model.model_id)
    client.set_registered_model_alias(name, BEST, found.version)


def withdraw(connection: Connection, comparisons: Collection[str]) -> None:
    """Delete the alias `best` of every comparison of the experiment other than these."""
    client = connection.client
    for model in client.search_registered_models(f"tags.`{EXPERIMENT}` = '{connection.experiment}'"):
        name = model.tags.get(COMPARISON)
        if name and name not in comparisons and model.name == _name_of(connection, name) and BEST in model.aliases:
            client.delete_registered_model_alias(model.name, BEST)


def _name_of(connection: Connection, comparison: str) -> str:
    """Return the name of a comparison's best model in the registry, made of characters that MLflow allows."""
    return re.sub(r"[^\w. -]", "_", f"{connection.store.experiment}-{comparison}")
