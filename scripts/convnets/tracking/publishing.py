"""Publishing: delivers every finished run to the store, and links the comparisons from its pages.

It brings what the store lacks, so it can be repeated: after a server was away, for a new store, after comparisons have changed.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from convnets.errors import InputError
from convnets.runs.layout import name_of
from convnets.runs.records import Metrics
from convnets.study.stores import COMPARISON_TAG, Plan, Store, is_tracked
from convnets.tracking import delivery, logged_models
from convnets.tracking import interface as pages
from convnets.tracking.connection import NOTE_TAG, TRAINING_TAG, Connection, StoreError, close_abandoned, connect, reached
from convnets.tracking.finished_run import Finished
from convnets.workarounds.for_mlflow import VIEW_TAG, saved_here

COMPARED = 20  # runs on a page that shows them side by side; its address holds their ids, and a tag holds the address

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """The outcome of publishing.

    Addresses are relative to the root of the user interface of `store`: `runs` is the list of runs, `curves` each comparison's
    learning curves, `compare` the page that shows its runs side by side. They are empty if not all runs reached the store.
    `pending` names the runs that are not in the store yet, and `problem` says why, in one line. `left_out` names the runs outside
    the comparisons that were not delivered.
    """

    store: Store
    runs: str
    curves: Mapping[str, str]
    compare: Mapping[str, str]
    pending: Sequence[str]
    problem: str
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class Summary:
    """What publishing keeps of a run. It is small, since there may be thousands of runs."""

    folder: Path
    training: str
    metrics: Metrics
    params: Mapping[str, Any]

    @staticmethod
    def read(folder: Path) -> "Summary":
        """Read a run's files; an InputError if one cannot be read."""
        run = Finished.read(folder)
        return Summary(folder, run.record.training, run.metrics, run.params)

    @property
    def name(self) -> str:
        """The run's name for users."""
        return f"{self.metrics.variant}/seed{self.metrics.seed}"


def publish(
    plan: Plan,
    folders: Sequence[Path],
    figures: Mapping[str, Path],
    unfinished_trainings: Path,
    others: Sequence[Path] = (),
    *,
    thorough: bool = False,
) -> Publication:
    """Deliver runs to the store, close those of killed trainings, and publish the comparisons.

    `folders` are those of the finished runs, `figures` the file of each comparison's figure in the order of display;
    `unfinished_trainings` holds one folder per unfinished training. `others` are the folders of further finished runs to deliver,
    which are stale or have left the configuration. They take no part in the comparisons. One is left out if it cannot be read, or
    if the store has another finished run of its variant and seed, which may be newer and another user's. `thorough`: check that
    the store still has all artifacts and the model of each delivered run.
    """
    runs = [Summary.read(folder) for folder in folders]
    left_out: list[str] = []
    beside = list(_readable(others, left_out))
    address, problem = "", ""
    ids, curves, compare = dict[str, str](), dict[str, str](), dict[str, str]()
    close_abandoned(plan.store, unfinished_trainings)
    try:
        connection = connect(plan.store)
        with reached(plan.store):
            tracked = {run.data.tags.get(TRAINING_TAG): (run.info.status, run.info.run_id) for run in connection.runs()}
            for run in [run for run in beside if _displaces(run, connection)]:
                logger.warning("%s is left out: it is not what is asked for now, and the store has another run of it", run.folder)
                left_out.append(run.name)
                beside.remove(run)
        for run in (*beside, *runs):
            try:
                ids[run.training] = _bring(connection, run, plan, tracked.get(run.training), thorough=thorough)
            except (StoreError, OSError) as error:  # other runs may still be taken; an OSError may be a full disk
                problem = problem or f"{run.name}: {error}"
                connection = connect(plan.store)
        if not problem:
            with reached(plan.store):
                compare = _publish_comparisons(connection, plan, runs, ids, figures)
            curves = {comparison: pages.curves_page(connection.experiment, comparison) for comparison in compare}
            address = pages.runs_page(connection.experiment)
    except (StoreError, OSError) as error:
        problem = str(error)
    pending = [run.name for run in (*runs, *beside) if run.training not in ids]
    return Publication(plan.store, address, curves, compare, pending, problem, left_out)


def bring(plan: Plan, folders: Sequence[Path]) -> str:
    """Deliver finished runs to the store without comparisons; return why that failed, or an empty text."""
    try:
        connection = connect(plan.store)
        for folder in folders:
            run = Finished.read(folder)
            delivery.deliver(connection, run, plan.member(run.metrics.variant))
    except StoreError as error:
        return str(error)
    return ""


def _readable(folders: Iterable[Path], left_out: list[str]) -> Iterator[Summary]:
    """Yield the summary of each run that can be read; add the names of the others to `left_out`."""
    for folder in folders:
        name = name_of(folder)
        try:
            summary = Summary.read(folder)
            if summary.name != name:
                raise InputError(f"it holds the files of {summary.name}")
        except InputError as error:
            logger.warning("%s is left out: %s", folder, error)
            left_out.append(name)
        else:
            yield summary


def _displaces(run: Summary, connection: Connection) -> bool:
    """Return whether the store has another finished run of a run's variant and seed."""
    there = connection.runs(variant=run.metrics.variant, seed=run.metrics.seed)
    return any(one.info.status == "FINISHED" and one.data.tags.get(TRAINING_TAG) != run.training for one in there)


def _bring(connection: Connection, run: Summary, plan: Plan, there: tuple[str, str] | None, *, thorough: bool) -> str:
    """Deliver a run unless the store has it, and return its id there. `there`: its state and its id in the store."""
    run_id = str(run.metrics.mlflow_run_id)
    is_there = there == ("FINISHED", run_id) and is_tracked(run.folder, plan.store, run.metrics.fingerprint)
    with reached(plan.store):
        has_lost = is_there and thorough and bool(delivery.missing(connection, run_id, run.folder))
    if is_there and not has_lost:
        return run_id
    return delivery.deliver(connection, Finished.read(run.folder), plan.member(run.metrics.variant), again=has_lost)


def _publish_comparisons(
    connection: Connection, plan: Plan, runs: Sequence[Summary], ids: Mapping[str, str], figures: Mapping[str, Path]
) -> dict[str, str]:
    """Publish descriptions, tags, views and figures of the comparisons, and register their best models.

    A comparison of other studies' runs alone has nothing to publish. `ids` holds the id that each training has in the store.
    Returns, for each comparison, the page that shows its runs side by side.
    """
    client, experiment = connection.client, connection.experiment
    known = {name: title for member in plan.members.values() for name, title in member.comparisons.items()}
    figures = {name: file for name, file in figures.items() if name in known}
    by_training = {run.training: run for run in runs}
    varying, compare = dict[str, list[str]](), dict[str, str]()
    for name in figures:
        compared = [run for run in runs if name in plan.member(run.metrics.variant).comparisons]
        varying[name] = varying_settings([run.params for run in compared])
        compare[name] = pages.compare_page([ids[run.training] for run in side_by_side(compared)], experiment)
        best = max(compared, key=lambda run: run.metrics.best_val_accuracy)
        logged_models.register(connection, name, ids[best.training], best.folder, plan.member(best.metrics.variant).label)
    for there in connection.runs():
        run = by_training.get(there.data.tags.get(TRAINING_TAG, ""))
        if run is None:
            continue
        member = plan.member(run.metrics.variant)
        values = {name: described(run.params, varying[name]) for name in member.comparisons if name in figures}
        run_id, tags = there.info.run_id, there.data.tags
        note = pages.note_of_run(member, values, compare, experiment, run_id)
        wanted = {**member.tags(), NOTE_TAG: note}
        for key in tags.keys() - wanted.keys():
            if key.startswith(COMPARISON_TAG):
                client.delete_tag(run_id, key)
        for key, value in wanted.items() - tags.items():
            client.set_tag(run_id, key, value)
        for name in values:
            client.log_artifact(run_id, str(figures[name]), "figures")
    titles = {name: known[name] for name in figures}
    views = pages.views(titles, several_seeds=len({run.metrics.seed for run in runs}) > 1)
    for key, value in {NOTE_TAG: pages.note_of_experiment(titles, experiment), **views}.items():
        client.set_experiment_tag(experiment, key, value)
    # What is left of former comparisons.
    for name in saved_here(client.get_experiment(experiment).tags):
        if name not in {pages.OVERVIEW, *known}:
            client.delete_experiment_tag(experiment, f"{VIEW_TAG}{name}")
    logged_models.withdraw(connection, known)
    return compare


def varying_settings(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the settings that differ between runs, in their order. A run may lack a setting that others have."""
    names = dict.fromkeys(name for each in params for name in each)
    return [name for name in names if any(each.get(name) != params[0].get(name) for each in params)]


def described(params: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return those of some settings that a run has, with their values."""
    return ", ".join(f"{name} = {params[name]}" for name in names if name in params)


def side_by_side(runs: Sequence[Summary]) -> list[Summary]:
    """Return the runs that a comparison's page shows: all variants of as many seeds as fit, the lowest seeds first."""
    counts = sorted(Counter(run.metrics.seed for run in runs).items())
    totals = accumulate(count for _, count in counts)
    fitting = [seed for (seed, _), total in zip(counts, totals, strict=True) if total <= COMPARED]
    seeds = fitting or [seed for seed, _ in counts[:1]]
    return [run for run in runs if run.metrics.seed in seeds][:COMPARED]
