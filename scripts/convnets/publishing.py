"""Publishing: every finished run brought to the store, and the comparisons made there one click away.

Works through whatever the store lacks, so that it can be repeated: after a server was away, into a new store, after comparisons
have changed.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from convnets import delivery, presentation, tracking
from convnets.delivery import Finished
from convnets.records import MODEL
from convnets.stores import COMPARISON_TAG, Membership, Plan, is_tracked
from convnets.tracking import Connection, StoreError

# The user interface opens in its view for generative models unless an address says otherwise.
TRAINING_VIEW = "workflowType=machine_learning"
BEST = "best"  # the alias of a comparison's best model in the registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What came of it.

    `pages` holds, for each comparison, the address of the page that compares its runs, relative to the user interface's root, and
    `runs_page` that of the list of runs; both are empty if the store could not be reached. `pending` names the runs that are not
    in the store yet, and `problem` says why, in one line.
    """

    runs_page: str
    pages: Mapping[str, str]
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
        return Published("", {}, list(names.values()), str(error))
    problem = ""
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
            return Published(runs_page(connection.experiment), _publish_comparisons(connection, plan, finished, figures), [], "")
    except StoreError as error:
        problem = str(error)
    return Published(runs_page(connection.experiment), {}, list(names.values()), problem)


def _deliver(connection: Connection, run: Finished, membership: Membership) -> None:
    def load() -> Any:  # noqa: ANN401
        from convnets import networks  # TensorFlow takes seconds to import, and is rarely needed here

        return networks.load(run.folder / MODEL)

    delivery.deliver(connection, run, membership, lambda folder: presentation.present(run, membership.label, folder), load)


def _publish_comparisons(
    connection: Connection, plan: Plan, finished: Sequence[Finished], figures: Mapping[str, Path]
) -> dict[str, str]:
    """Bring labels, comparisons' tags and figures to the runs, and the best models to the registry; return the compare pages."""
    client = connection.client
    tracked = {run.data.tags.get(tracking.TRAINING_TAG): run for run in connection.runs()}
    shown = [(run, tracked[run.identity.training]) for run in finished]
    pages = {}
    for comparison in figures:
        members = [(run, there) for run, there in shown if comparison in plan.members[run.metrics.variant].comparisons]
        pages[comparison] = compare_page([there.info.run_id for _, there in members], connection.experiment)
        _register_best(connection, comparison, members)
    for run, there in shown:
        member = plan.members[run.metrics.variant]
        wanted = {**member.tags(), tracking.NOTE_TAG: note_of_run(member, there, pages)}
        tracking.set_tags(connection, there, wanted, COMPARISON_TAG)
        for comparison in pages.keys() & member.comparisons.keys():
            client.log_artifact(there.info.run_id, str(figures[comparison]), "figures")
    titles = {name: title for member in plan.members.values() for name, title in member.comparisons.items()}
    client.set_experiment_tag(connection.experiment, tracking.NOTE_TAG, note_of_experiment(titles, pages))
    return pages


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


def note_of_run(member: Membership, run: Run, pages: Mapping[str, str]) -> str:
    """Return a run's description, as Markdown: its label, and for each comparison its figure and the page that compares it."""
    lines = [f"**{member.label}**", ""]
    address = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/figures"
    for comparison, title in member.comparisons.items():
        if comparison in pages:
            lines.append(f"- {title}: [figure]({address}/{comparison}.svg), [compare]({pages[comparison]})")
    return "\n".join(lines)


def note_of_experiment(titles: Mapping[str, str], pages: Mapping[str, str]) -> str:
    """Return the experiment's description, as Markdown: what it is, and a link to each comparison."""
    links = [f"- [{titles[comparison]}]({page})" for comparison, page in pages.items()]
    return "\n".join(
        [
            "Convolutional networks on CIFAR-10, one run per variant and seed; a curve's step is the iteration. Side by side:",
            "",
            *links,
            "",
            "Group by the tag `variant` to see seeds together. Each run's artifacts hold its figures, its model and its files.",
        ]
    )


def runs_page(experiment: str) -> str:
    """Return the address of MLflow's list of the experiment's runs, relative to the user interface's root."""
    return f"#/experiments/{experiment}/runs?{TRAINING_VIEW}"


def compare_page(run_ids: Sequence[str], experiment: str) -> str:
    """Return the address of MLflow's page that compares these runs, relative to the user interface's root."""
    runs, experiments = (quote(json.dumps(ids)) for ids in (list(run_ids), [experiment]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{TRAINING_VIEW}"
