#!/usr/bin/env python
"""Deliver to the tracking store what it lacks of the finished results, and say what is still missing.

The command trains and draws nothing. It queries the store itself, so it also refills a store that was lost.
"""

import stage

from dataclasses import asdict
from functools import partial
from pathlib import Path

from convnets import files
from convnets.errors import InputError
from convnets.freshness import stamps
from convnets.runs.layout import name_of, run_of
from convnets.study.stores import pending_text
from convnets.tracking import publishing
from convnets.tracking.connection import StoreError, create_store
from convnets.workflow import command, leftovers, planning


def main() -> None:
    """Publish what the configuration's results hold now."""
    steps = planning.load(command.study_parser(__doc__).parse_args().configfiles)
    study, layout = steps.study, steps.study.layout
    study.require_own_runs()
    busy = leftovers.busy(layout)  # their trainings deliver them
    runs = [step.stamp.parent for step in steps.trainings(stale=False) if step.stamp.parent not in busy]
    # Stale runs, and runs that left the configuration, are delivered as well until they are made again or retired.
    others = [folder for folder in layout.runs() if folder not in busy | set(runs) and _is_whole(folder)]
    if not runs and not others:
        raise InputError(f"there are no finished runs under {layout.results} yet; start them with make run")
    training = {run_of(folder)[0] for folder in busy}
    drawn = [name for name in study.in_report if not steps.is_stale(f"plot_comparison/{name}")]
    drawn = [name for name in drawn if training.isdisjoint(member.variant for member in study.comparisons[name].members)]
    figures = {name: layout.figure(name) for name in drawn}
    try:
        create_store(study.store, study.artifacts, layout.results)
    except StoreError as error:
        raise InputError(pending_text([name_of(folder) for folder in (*runs, *others)], str(error))) from error
    publish = partial(publishing.publish, study.plan, runs, figures, layout.trainings, others, thorough=True)
    step = steps["publish_comparisons"]
    if busy or any(map(steps.is_stale, steps.before(step.key))):  # the workflow will publish more than there is now
        published = publish()
    else:
        read = [Path(file) for paths in step.inputs.values() for file in paths]
        with stamps.stamping(step.stamp, step.components, read, step.files):
            published = publish()
            files.write_json(layout.published, asdict(published))
    count = len(runs) + len(others)
    print(f"{count - len(published.pending) - len(published.left_out)} of {count} finished runs are in {study.store.uri}")
    if published.problem:
        raise InputError(pending_text(published.pending, published.problem))


def _is_whole(folder: Path) -> bool:
    """Return whether a folder holds a finished run with unchanged files."""
    stamp = stamps.read(folder / stamps.STAMP)
    return stamp is not None and not stamps.damage(folder / stamps.STAMP, stamp)


if __name__ == "__main__":
    command.run(main)
