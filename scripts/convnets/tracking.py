"""MLflow: the store with its experiment, one tracked run per training, and what comparisons add to runs.

The store is created by one process before any training, since processes that first touch a fresh SQLite store at once break
each other's schema migration. For each variant and seed there is one active run: a run that ends well retires the former ones.
"""

import json
import logging
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import Run, RunStatus
from mlflow.exceptions import MlflowException

from convnets import fingerprint, unfinished
from convnets.errors import InputError
from convnets.files import read_json, write_json
from convnets.records import Epoch
from convnets.signals import shielded

COMPARISON_TAG = "comparison."
SUPERSEDED_TAG, REASON_TAG = "superseded_by", "superseded_because"
RETIRED_TAG = "retired_because"
BEGUN_TAG = "training"  # one value for each training that is begun, kept when it goes on
FINGERPRINT_FILE = "fingerprint.json"  # what a run's fingerprint was made from, among its artifacts
# The user interface opens in its view for generative models unless an address says otherwise.
TRAINING_VIEW = "workflowType=machine_learning"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """Where runs are tracked: an MLflow tracking URI and an experiment."""

    uri: str
    experiment: str

    def connect(self) -> str:
        """Direct MLflow to this store and return the experiment's id.

        Raises
        ------
        InputError
            The store cannot be reached or has no such experiment.
        """
        database = self.uri.removeprefix("sqlite:///")
        if database != self.uri and not Path(database).is_file():
            # Not to be made here: processes that do so at once break each other's migration.
            raise InputError(f"the tracking store {self.uri} is gone; make it anew with `snakemake --forcerun create_store`")
        mlflow.set_tracking_uri(self.uri)
        with self.reached():
            experiment = mlflow.get_experiment_by_name(self.experiment)
        if experiment is None or experiment.lifecycle_stage != "active":
            raise InputError(
                f"the tracking store {self.uri} has no active experiment {self.experiment!r}; restore it with `mlflow experiments "
                "restore`, or make it anew with `snakemake --forcerun create_store`"
            )
        return str(experiment.experiment_id)

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Turn whatever goes wrong on the way to the store into an `InputError` that names it."""
        try:
            yield
        except Exception as error:  # MLflow lets the errors of its database and HTTP libraries through
            reason = str(error).splitlines()[0]
            raise InputError(f"the tracking store {self.uri} cannot be used: {reason}") from error


@dataclass(frozen=True)
class Membership:
    """What tracking is told of a variant: its label, and the titles of the comparisons it belongs to, by id."""

    label: str
    comparisons: Mapping[str, str]

    def tags(self) -> dict[str, str]:
        """Return one tag per comparison."""
        return {f"{COMPARISON_TAG}{name}": title for name, title in self.comparisons.items()}


@dataclass(frozen=True)
class Plan:
    """The store, and every variant's membership: what one file tells each step that tracks."""

    store: Store
    members: Mapping[str, Membership]

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def read(path: Path) -> "Plan":
        """Read a plan."""
        value = read_json(path)
        return Plan(Store(**value["store"]), {name: Membership(**member) for name, member in value["members"].items()})


def create_store(store: Store, artifacts: Path | None, description: str) -> str:
    """Create the experiment if it is not there yet, and return its id.

    Parameters
    ----------
    store
        The store, which an SQLite URI creates too.
    artifacts
        The folder of the artifacts, or None to leave it to the server.
    description
        Shown above the experiment's runs, as Markdown.
    """
    path = store.uri.removeprefix("sqlite:///")
    if path != store.uri:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(store.uri)
    location = artifacts.resolve().as_uri() if artifacts else None
    with store.reached():
        experiment = mlflow.get_experiment_by_name(store.experiment)
        if experiment is None:
            mlflow.create_experiment(store.experiment, location)
        elif location and experiment.artifact_location != location:
            _move_artifacts(Path(path), experiment.artifact_location, location)
    experiment_id = store.connect()
    tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": description}
    for key, value in tags.items():
        mlflow.MlflowClient().set_experiment_tag(experiment_id, key, value)
    return experiment_id


def _move_artifacts(database: Path, old: str, new: str) -> None:
    """Let an SQLite store that was moved find its artifacts again: it holds absolute addresses, and MLflow has no call for it."""
    columns = (
        ("experiments", "artifact_location"),
        ("runs", "artifact_uri"),
        ("logged_models", "artifact_location"),
        ("model_versions", "source"),
        ("model_versions", "storage_location"),
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in columns:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?",  # noqa: S608
                (new, len(old) + 1, len(old) + 1, f"{old}/"),
            )


@contextmanager
def training_run(
    store: Store,
    variant: str,
    seed: int,
    components: Mapping[str, Any],
    membership: Membership,
    params: Mapping[str, Any],
    folder: Path,
) -> Iterator[Run]:
    """Track one training: a run that ends FINISHED, FAILED or, after a signal, KILLED.

    A training that goes on where it was interrupted continues its run. A run that finishes supersedes the former ones of its
    variant and seed.

    Parameters
    ----------
    store
        Where to track.
    variant, seed
        Which training.
    components
        What its fingerprint is made from.
    membership
        The variant's label and comparisons.
    params
        Its settings.
    folder
        Keeps the run's id while the training is not finished.
    """
    experiment = store.connect()
    mark = fingerprint.digest(components)
    close_abandoned(folder)
    left = unfinished.tracked_run(folder)
    former = _find(left) if left and (left.uri, left.experiment, left.fingerprint) == (store.uri, store.experiment, mark) else None
    token = left.token if left and former else uuid.uuid4().hex
    tracked = unfinished.TrackedRun(store.uri, store.experiment, token, mark, is_open=True)
    tracked.write(folder)
    tags = {"variant": variant, "seed": str(seed), "fingerprint": mark, BEGUN_TAG: token, **membership.tags()}
    begin = {"run_id": former.info.run_id} if former else {"experiment_id": experiment, "run_name": f"{variant}-seed{seed}"}
    run = mlflow.start_run(**begin, tags=tags, description=membership.label)
    status = RunStatus.FAILED
    try:
        with shielded():
            mlflow.log_params({**params, "seed": seed})
            mlflow.log_dict(dict(components), FINGERPRINT_FILE)
        yield run
        status = RunStatus.FINISHED
    except (KeyboardInterrupt, SystemExit):
        status = RunStatus.KILLED
        raise
    finally:
        mlflow.end_run(RunStatus.to_string(status))
        with suppress(OSError):  # a full disk; then it is the next training that finds the run closed
            replace(tracked, is_open=False).write(folder)
    for former in active_runs(experiment, variant, seed):
        if former.info.run_id != run.info.run_id:
            tags = {SUPERSEDED_TAG: run.info.run_id, REASON_TAG: _why_superseded(former, components)}
            bin_run(former.info.run_id, tags)


def _find(left: unfinished.TrackedRun) -> Run | None:
    """Return the active run that a training has begun, or None if the store has none such."""
    client = mlflow.MlflowClient(left.uri)
    experiment = client.get_experiment_by_name(left.experiment)
    runs = client.search_runs([experiment.experiment_id], f"tags.`{BEGUN_TAG}` = '{left.token}'") if experiment else []
    return runs[0] if runs else None


def _why_superseded(former: Run, components: Mapping[str, Any]) -> str:
    """Say what changed since a former run was trained."""
    if former.info.status != "FINISHED":
        return f"it did not finish: {former.info.status}"
    old = components_of(former)
    if old is None:
        return f"{FINGERPRINT_FILE} is not among its artifacts"
    return "; ".join(fingerprint.changes(old, components)) or "trained again from the same fingerprint"


def components_of(run: Run) -> Mapping[str, Any] | None:
    """Return what a run's fingerprint was made from, or None if its artifacts do not hold it."""
    try:
        components: Mapping[str, Any] = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/{FINGERPRINT_FILE}")
    except Exception:  # MLflow raises different errors for each kind of artifact store
        return None
    return components


def retire(store: Store, variant: str, seed: int | str, reason: str) -> None:
    """Move every active run of a variant and seed to MLflow's bin, tagged with the reason."""
    for run in active_runs(store.connect(), variant, seed):
        bin_run(run.info.run_id, {RETIRED_TAG: reason})


def bin_run(run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run and move it to MLflow's bin, where it is kept and can be restored."""
    client = mlflow.MlflowClient()
    for key, value in tags.items():
        client.set_tag(run_id, key, value[:5000])  # what a tag may hold
    client.delete_run(run_id)


def close_abandoned(folder: Path) -> None:
    """Close the run that a training left open when it was killed, if it did; its process must be gone."""
    left = unfinished.tracked_run(folder)
    if left is None or not left.is_open:
        return
    run = _find(left)
    if run and run.info.status == "RUNNING":
        mlflow.MlflowClient(left.uri).set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))
    replace(left, is_open=False).write(folder)


def active_runs(experiment: str, variant: str | None = None, seed: int | str | None = None) -> list[Run]:
    """Return the experiment's active runs, of one variant and seed if given."""
    terms = [f"tags.variant = '{variant}'"] if variant else []
    terms += [f"tags.seed = '{seed}'"] if seed is not None else []
    runs: list[Run] = []
    token = None
    while True:
        page = mlflow.MlflowClient().search_runs([experiment], " and ".join(terms), page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def log_dataset(manifest: Mapping[str, Any], path: Path) -> None:
    """Record the prepared data set as the run's input, each split by the digest in the manifest."""
    for split, entry in manifest["splits"].items():
        # MLflow takes digests of up to 36 characters.
        data = MetaDataset(LocalArtifactDatasetSource(str(path)), name=f"cifar10-{split}", digest=entry["sha256"][:36])
        try:
            mlflow.log_input(data, context=split)
        except MlflowException:
            # Runs that are the first to name a data set race to insert it; the loser finds it there at its second try.
            mlflow.log_input(data, context=split)


def log_history_row(row: Epoch) -> None:
    """Log one row of the history at its iteration."""
    values = asdict(row)
    step = values.pop("iteration")
    del values["epoch"]
    mlflow.log_metrics(values, step=step)


def logged_iterations(run: Run) -> set[int]:
    """Return the iterations at which a run has a row of the history."""
    return {point.step for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, "seconds")}


def log_summary(metrics: Mapping[str, float]) -> None:
    """Log the run's summary metrics, unless it has them."""
    logged = _active_run().data.metrics
    mlflow.log_metrics({name: value for name, value in metrics.items() if name not in logged})


def _active_run() -> Run:
    """Return the run that is being tracked, with all that it holds now."""
    run = mlflow.active_run()
    assert run is not None
    return mlflow.get_run(run.info.run_id)


def log_figure(figure: Any, name: str) -> None:  # noqa: ANN401  (Matplotlib comes from the caller)
    """Log a Matplotlib figure among the run's artifacts."""
    mlflow.log_figure(figure, f"figures/{name}.png")


def log_model(model: Any, example: Any, probabilities: Any) -> None:  # noqa: ANN401  (Keras and NumPy come from the caller)
    """Log a Keras model, unless its run has one, with its signature, inferred from images and the probabilities it gives them."""
    if _active_run().outputs.model_outputs:
        return
    mlflow.keras.log_model(
        model,
        name="model",
        signature=mlflow.models.infer_signature(example, probabilities),
        # Given, since MLflow would otherwise load the model in a new process to find out.
        pip_requirements=[f"{name}=={version(name)}" for name in ("tensorflow", "keras")],
    )


def publish(plan: Plan, run_ids: Mapping[str, str], figures: Mapping[str, Path]) -> dict[str, str]:
    """Bring labels and the comparisons' tags and figures to the runs that belong to them.

    Runs that the store does not have, since they were tracked elsewhere, are left out with a warning.

    Parameters
    ----------
    plan
        The store, and the comparisons of each variant.
    run_ids
        The variant of each run id that the results hold.
    figures
        The file of each comparison's figure.

    Returns
    -------
    dict
        For each comparison, the address in MLflow's user interface, relative to its root, of the page that compares its runs.
    """
    experiment = plan.store.connect()
    client = mlflow.MlflowClient()
    tags = {run.info.run_id: run.data.tags for run in active_runs(experiment)}
    tracked = {run_id: variant for run_id, variant in run_ids.items() if run_id in tags}
    if len(tracked) < len(run_ids):
        missing = sorted({variant for run_id, variant in run_ids.items() if run_id not in tracked})
        logger.warning("not in the tracking store %s, so not published: runs of %s", plan.store.uri, ", ".join(missing))
    for run_id, variant in tracked.items():
        client.set_tag(run_id, "mlflow.note.content", plan.members[variant].label)
        wanted = plan.members[variant].tags()
        for key in tags[run_id]:
            if key.startswith(COMPARISON_TAG) and key not in wanted:
                client.delete_tag(run_id, key)
        for key, value in wanted.items():
            if tags[run_id].get(key) != value:
                client.set_tag(run_id, key, value)
        for comparison in plan.members[variant].comparisons:
            client.log_artifact(run_id, str(figures[comparison]), "figures")
    pages = {}
    for comparison in figures:
        members = [run_id for run_id, variant in tracked.items() if comparison in plan.members[variant].comparisons]
        pages[comparison] = compare_page(members, experiment)
    return pages


def runs_page(experiment: str) -> str:
    """Return the address of MLflow's list of the experiment's runs, relative to the user interface's root."""
    return f"#/experiments/{experiment}/runs?{TRAINING_VIEW}"


def compare_page(run_ids: list[str], experiment: str) -> str:
    """Return the address of MLflow's page that compares these runs, relative to the user interface's root."""
    runs, experiments = (quote(json.dumps(ids)) for ids in (run_ids, [experiment]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{TRAINING_VIEW}"
