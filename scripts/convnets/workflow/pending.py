"""What the tracking store still lacks, according to local files. It makes the steps of tracking stale."""

from collections.abc import Iterator
from contextlib import suppress

from convnets.files import read_json
from convnets.runs import unfinished
from convnets.runs.layout import name_of
from convnets.study.stores import Plan, Store, is_tracked, pending_text
from convnets.workflow import leftovers
from convnets.workflow.declarations import Step
from convnets.workflow.steps import Steps


def store_reasons(steps: Steps) -> Iterator[str]:
    """Yield why `create_store` is stale: the store is missing or was unavailable, or killed trainings left runs open."""
    store, layout = steps.study.store, steps.study.layout
    if store.database and not store.database.is_file():
        yield f"the tracking store {store.database} is missing"
    elif not store.is_server and not Plan.read(layout.plan).is_open:
        yield f"the tracking store {store.uri} could not be opened yet"
    ended, left_open = leftovers.ended(layout), open_runs(steps)
    for folder in unfinished.folders(layout.trainings).values():
        if folder in ended:
            yield f"the training {folder.name} was killed when it had just ended"
        elif folder.name in left_open:
            yield f"the training {folder.name} was killed, and its tracked run may be open"


def publishing_reasons(steps: Steps) -> Iterator[str]:
    """Yield why `publish_comparisons` is stale: what is not in the store yet."""
    for step in untracked(steps):
        yield f"{name_of(step.stamp.parent)} is not in the tracking store {steps.study.store.uri} yet"
    if problem := _problem(steps):
        yield f"publishing did not end: {problem}"


def untracked(steps: Steps) -> list[Step]:
    """Return the finished runs that were not delivered to the store."""
    return [step for step in steps.trainings(stale=False) if not is_tracked(step.stamp.parent, steps.study.store, step.fingerprint)]


def line(steps: Steps) -> str:
    """Return a line that names the finished runs that the store lacks; empty if it lacks none."""
    names, problem = [name_of(step.stamp.parent) for step in untracked(steps)], _problem(steps)
    text = pending_text(names, problem or f"not brought to {steps.study.store.uri} yet")
    return f"Not all is tracked yet; {text} (make sync)\n" if names or problem else ""


def open_runs(steps: Steps) -> list[str]:
    """Return the names of the killed trainings whose run may be open in the store."""
    found = unfinished.abandoned(steps.study.layout.trainings)
    return [folder.name for folder, begun in found.items() if Store(begun.uri, begun.experiment) == steps.study.store]


def _problem(steps: Steps) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(read_json(steps.study.layout.published)["problem"] or "")
    return ""
