"""Publishing: every finished run brought to the store, and the comparisons made there one click away.

Works through whatever the store lacks, so that it can be repeated: after a server was away, into a new store, after comparisons
have changed.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from convnets import delivery, pages, presentation, tracking
from convnets.delivery import Finished
from convnets.records import MODEL
from convnets.stores import COMPARISON_TAG, Membership, Plan, is_tracked
from convnets.tracking import Connection, StoreError

BEST = "best"  # the alias of a comparison's best model in the registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What came of it.

    Addresses are relative to the user interface's root: `runs` of the list of runs, `curves` of each comparison's learning curves,
    `compare` of the page that sets its runs side by side. They are empty if the store could not be reached. `pending` names the
    runs that are not in the store yet, and `problem` says why, in one line.
    """

    runs: str
    curves: Mapping[str, str]
    compare: Mapping[str, str]
    pending: Sequence[str]
    problem: str


def publish(plan: Plan, folders: Sequence[Path], figures: Mapping[str, Path], unfinished_trainings: Path) -> Published:
    """Bring runs to the store, close those of killed trainings, and publish the comparisons.

    Parameters
    ----------
    plan
        The store, and each variant's label and comparisons.
    folders
        The folders of the finished runs.
    figures
        The file of each comparison's figure.
    unfinished_trainings
        Holds a folder for each training that is not finished.
    """
    finished = [Finished.read(folder) for folder in folders]
    names = {run.identity.training: f"{run.metrics.variant}/seed{run.metrics.seed}" for run in finished}
    try:
        connection = tracking.connect(plan.store)
    except StoreError as error:
        return Published("", {}, {}, list(names.values()), str(error))
    try:
        tracking.close_abandoned(unfinished_trainings, plan.store)
        with tracking.reached(plan.store):
            tracked = {run.data.tags.get(tracking.TRAINING_TAG): run for run in connection.runs()}
        for run in finished:
            there = tracked.get(run.identity.training)
            is_whole = there is not None and (there.info.status, there.info.run_id) == ("FINISHED", run.metrics.mlflow_run_id)
            if not is_whole or not is_tracked(run.folder, plan.store, run.metrics.fingerprint):
                _deliver(connection, run, plan.members[run.metrics.variant])
            names.pop(run.identity.training)
        with tracking.reached(plan.store):
            compare = _publish_comparisons(connection, plan, finished, figures)
    except StoreError as error:
        return Published("", {}, {}, list(names.values()), str(error))
    curves = {comparison: pages.curves_page(connection.experiment, comparison) for comparison in compare}
    return Published(pages.runs_page(connection.experiment), curves, compare, [], "")


def _deliver(connection: Connection, run: Finished, membership: Membership) -> None:
    def load() -> Any:  # noqa: ANN401
        from convnets import networks  # TensorFlow takes seconds to import, and is rarely needed here

        return networks.load(run.folder / MODEL)

    delivery.deliver(connection, run, membership, lambda folder: presentation.present(run, membership.label, folder), load)


def _publish_comparisons(
    connection: Connection, plan: Plan, finished: Sequence[Finished], figures: Mapping[str, Path]
) -> dict[str, str]:
    """Bring descriptions, comparisons' tags, views and figures to the store, and the best models to its registry.

    Returns
    -------
    dict
        For each comparison, the page that sets its runs side by side.
    """
    client, experiment = connection.client, connection.experiment
    tracked = {run.data.tags.get(tracking.TRAINING_TAG): run for run in connection.runs()}
    shown = [(run, tracked[run.identity.training]) for run in finished]
    members = {
        comparison: [(run, there) for run, there in shown if comparison in plan.members[run.metrics.variant].comparisons]
        for comparison in figures
    }
    compare = {
        comparison: pages.compare_page([there.info.run_id for _, there in runs], experiment) for comparison, runs in members.items()
    }
    for run, there in shown:
        member = plan.members[run.metrics.variant]
        titles = {comparison: title for comparison, title in member.comparisons.items() if comparison in figures}
        differences = {comparison: differing(run, [other for other, _ in members[comparison]]) for comparison in titles}
        note = pages.note_of_run(member.label, titles, differences, compare, experiment, there.info.run_id)
        tracking.set_tags(connection, there, {**member.tags(), tracking.NOTE_TAG: note}, COMPARISON_TAG)
        for comparison in titles:
            client.log_artifact(there.info.run_id, str(figures[comparison]), "figures")
    for comparison, runs in members.items():
        _register_best(connection, comparison, runs)
    titles = {name: title for member in plan.members.values() for name, title in member.comparisons.items() if name in figures}
    several_seeds = len({run.metrics.seed for run in finished}) > 1
    tags = {
        tracking.NOTE_TAG: pages.note_of_experiment(titles, experiment),
        **pages.views(titles, several_seeds=several_seeds),
    }
    for key, value in tags.items():
        client.set_experiment_tag(experiment, key, value)
    return compare


def differing(run: Finished, members: Sequence[Finished]) -> str:
    """Say which settings of a run not all members of a comparison have, such as "dropout = 0.0"."""
    return ", ".join(
        f"{name} = {value}" for name, value in run.params.items() if any(other.params[name] != value for other in members)
    )


def _register_best(connection: Connection, comparison: str, members: Sequence[tuple[Finished, Run]]) -> None:
    """Let the registry hold the best model of a comparison, by validation accuracy, under an alias."""
    client, name = connection.client, f"{connection.store.experiment}-{comparison}"
    run, there = max(members, key=lambda member: member[0].metrics.best_val_accuracy)
    (model,) = delivery.models_of(connection, there)[:1] or [None]
    if model is None:
        return
    try:
        client.create_registered_model(name, description=f"The best model of the comparison {comparison}, as the alias `{BEST}`.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = {version.run_id: version for version in client.search_model_versions(f"name = '{name}'")}
    found = versions.get(there.info.run_id)
    if found is None:
        text = f"{run.metrics.variant}, seed {run.metrics.seed}: validation accuracy {run.metrics.best_val_accuracy:.4f}"
        found = client.create_model_version(
            name, f"models:/{model.model_id}", there.info.run_id, description=text, model_id=model.model_id
        )
    client.set_registered_model_alias(name, BEST, found.version)
