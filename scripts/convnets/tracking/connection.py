"""The connection to an MLflow store, and changes of its runs.

Each variant and seed has one active run. A run that finishes supersedes the former ones, which stay in MLflow's bin.
"""

import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Short time-outs and no retries: what a server misses is delivered later. MLflow's own limits add up to many minutes. A retry of a
# call whose reply was lost would create a second run, model or version, and would wait as long as a server's Retry-After says.
# Delivery looks at what is there before it tries again.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("PGCONNECT_TIMEOUT", "10")  # of PostgreSQL's client

import mlflow
from mlflow.entities import Run

from convnets.errors import InputError
from convnets.freshness import fingerprint
from convnets.runs import unfinished
from convnets.study import credentials
from convnets.study.stores import Store, own_database
from convnets.workarounds import for_mlflow

TRAINING_TAG = "training"  # the unique token of a training
NOTE_TAG = "mlflow.note.content"  # shown as the description
# Without this tag, the user interface opens an experiment in its view for generative models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
FINGERPRINT_FILE = "fingerprint.json"  # the artifact with the components of a run's fingerprint

logger = logging.getLogger(__name__)
# MLflow logs each error of a database with a stack trace, and raises it too. One line is enough.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
for_mlflow.connect_once()


class StoreError(InputError):
    """The store cannot be used, or refused something. The message is one line without secrets."""


class AbsentError(StoreError):
    """The store's file is missing, or the store has no such experiment."""


class BusyError(StoreError):
    """Another process, perhaps a suspended one, has locked the database for longer than MLflow waits."""


@contextmanager
def reached(store: Store) -> Iterator[None]:
    """Turn any error of the block into a `StoreError` that names the store."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # MLflow lets the errors of its database and HTTP libraries through
        reason = reason_of(error)
        # Libraries raise errors of their own. A built-in error may be a bug of this project, so the message says where it was
        # raised.
        if type(error).__module__ == "builtins" and not isinstance(error, OSError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {reason}"
        kind = BusyError if store.database and "database is locked" in reason else StoreError
        raise kind(f"the tracking store {store.uri} cannot be used: {reason}") from error


def reason_of(error: Exception) -> str:
    """Return the line of an error's message that gives the reason, without secrets. SQLAlchemy's first may only introduce it."""
    lines = (line.strip() for line in str(error).splitlines())
    text = next((line for line in lines if line and not line.startswith("(raised as a result of")), type(error).__name__)
    return credentials.masked(text)


@dataclass(frozen=True)
class Connection:
    """A store that has answered: its MLflow client, and the id of the experiment."""

    store: Store
    client: mlflow.MlflowClient
    experiment: str

    def runs(self, **tags: object) -> Iterator[Run]:
        """Yield the active runs that bear these tags."""
        terms = [f"tags.`{name}` = '{value}'" for name, value in tags.items()]
        token = None
        while True:
            page = self.client.search_runs([self.experiment], " and ".join(terms), max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def run_of(self, training: str) -> Run | None:
        """Return the active run of one training, or None if the store has none."""
        return next(self.runs(**{TRAINING_TAG: training}), None)


def connect(store: Store, *, create: bool = True) -> Connection:
    """Connect to a store and make it MLflow's default; a StoreError if it cannot be reached or has no such experiment.

    A database must exist already (`create_store`). With `create`, a server gets the experiment if it does not have it yet.
    """
    if store.database and not store.database.is_file():
        # Not created here: processes that do so at the same time break each other's schema migration.
        raise AbsentError(f"the tracking store {store.uri} is gone; the next run of the workflow makes it anew")
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(store.uri)
    with reached(store):
        client = mlflow.MlflowClient(store.uri)
        experiment = client.get_experiment_by_name(store.experiment)
        if experiment is None and store.is_server and create:
            create_once(client.create_experiment, store.experiment, None, KIND)
            experiment = client.get_experiment_by_name(store.experiment)
    if experiment is None:
        raise AbsentError(f"the tracking store {store.uri} has no experiment {store.experiment!r}; `make sync` creates it")
    if experiment.lifecycle_stage != "active":
        raise StoreError(
            f"the experiment {store.experiment!r} was deleted in {store.uri}; restore it with `MLFLOW_TRACKING_URI={store.uri} "
            f"mlflow experiments restore --experiment-id {experiment.experiment_id}`, or name another in tracking.experiment"
        )
    return Connection(store, client, str(experiment.experiment_id))


def create_once(create: Callable[..., Any], *arguments: object) -> None:
    """Create an experiment or a registered model, unless there is one of its name: another process may have just created it."""
    try:
        create(*arguments)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def create_store(store: Store, artifacts: Path | None, results: Path | None = None) -> Connection:
    """Create the store's experiment if it is not there yet. A database gets its tables, and SQLite its file.

    One process must do this, since several at the same time break each other's schema migration. `artifacts` is the folder of the
    artifacts, or None to leave it to the server. The store under the folder of the results moves with it, so the addresses of its
    artifacts are brought up to date; those in other stores are never changed.
    """
    location = artifacts.resolve().as_uri() if artifacts else None
    with reached(store):
        if store.database:
            store.database.parent.mkdir(parents=True, exist_ok=True)
        client = mlflow.MlflowClient(store.uri)
        experiment = client.get_experiment_by_name(store.experiment)
        if experiment is None:
            create_once(client.create_experiment, store.experiment, location, KIND)
        elif location and results and store.database == own_database(results):
            former = experiment.artifact_location
            if former.startswith("file:") and former != location:  # artifacts behind a server have no folder
                for_mlflow.move_artifacts(store.database, former, location)
        connection = connect(store)
        for key, value in KIND.items():  # an experiment that somebody else created may lack it
            client.set_experiment_tag(connection.experiment, key, value)
    return connection


def close_abandoned(store: Store, trainings: Path) -> None:
    """Close the runs that killed trainings left open in a store, as KILLED.

    `trainings` holds one folder per unfinished training. If the store does not answer, the next call tries again.
    """
    for folder, training in unfinished.abandoned(trainings).items():
        if (training.uri, training.experiment) != (store.uri, store.experiment):
            continue
        try:
            connection = connect(store, create=False)
            with reached(store):
                run = connection.run_of(training.training)
                if run and run.info.status == "RUNNING":
                    connection.client.set_terminated(run.info.run_id, "KILLED")
        except AbsentError as error:
            logger.warning("the run of %s, which was killed, is gone: %s", folder.name, error)
        except StoreError as error:
            logger.warning("runs of killed trainings cannot be closed yet: %s", error)
            return
        unfinished.settle(folder)


def supersede(connection: Connection, run_id: str, variant: str, seed: int, components: Mapping[str, Any]) -> None:
    """Move every other active run of a variant and seed to MLflow's bin, tagged with what superseded it and why."""
    for former in list(connection.runs(variant=variant, seed=seed)):
        if former.info.run_id == run_id:
            continue
        if former.info.status != "FINISHED":
            reason = f"it did not finish: {former.info.status}"
        elif not (old := components_of(former)):
            reason = f"{FINGERPRINT_FILE} is not among its artifacts"
        else:
            reason = "; ".join(fingerprint.changes(old, components)) or "trained again from the same fingerprint"
        bin_run(connection, former, superseded_by=run_id, superseded_because=reason)


def components_of(run: Run) -> Mapping[str, Any]:
    """Return the components of a run's fingerprint; empty if its artifacts lack them."""
    try:
        return dict(mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/{FINGERPRINT_FILE}"))
    except Exception:  # MLflow raises different errors for each kind of artifact store
        return {}


def bin_run(connection: Connection, run: Run, **tags: str) -> None:
    """Tag a run and move it to MLflow's bin, from which it can be restored. An open run is closed first."""
    for key, value in tags.items():
        connection.client.set_tag(run.info.run_id, key, value[:5000])  # what a tag may hold
    if run.info.status == "RUNNING":
        connection.client.set_terminated(run.info.run_id, "KILLED")
    connection.client.delete_run(run.info.run_id)
