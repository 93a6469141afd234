"""The best model of each comparison in MLflow's model registry, under an alias."""

import re
from collections.abc import Collection
from pathlib import Path

from mlflow.exceptions import MlflowException

from convnets.tracking import logged_models, presentation
from convnets.tracking.connection import Connection
from convnets.tracking.finished_run import Finished

BEST = "best"  # the alias
EXPERIMENT, COMPARISON = "experiment", "comparison"  # tags


def register(connection: Connection, comparison: str, run_id: str, folder: Path, label: str) -> None:
    """Register a run's model as the best of a comparison, with its model card as description.

    Parameters
    ----------
    connection
        The store. If it has no model of the run, nothing is changed.
    comparison
        The comparison's name.
    run_id, folder
        The run in the store, and the folder of its files.
    label
        Its variant's label.
    """
    client, name = connection.client, _name_of(connection, comparison)
    (model,) = logged_models.of_run(connection, run_id)[:1] or [None]
    if model is None:
        return
    tags = {EXPERIMENT: connection.experiment, COMPARISON: comparison}
    try:
        client.create_registered_model(name, tags, f"The best model of the comparison {comparison}, as the alias `{BEST}`.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        there = client.get_registered_model(name).tags
        for key, value in tags.items():
            if there.get(key) != value:  # set by a former version, or for an experiment that was lost
                client.set_registered_model_tag(name, key, value)
    versions = client.search_model_versions(f"name = '{name}'")
    found = next((version for version in versions if model.model_id in version.source), None)
    if found is None:
        card = presentation.model_card(Finished.read(folder), label)
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
