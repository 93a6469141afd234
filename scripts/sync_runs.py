#!/usr/bin/env python
"""Bring to the tracking store whatever it lacks of the finished results, and say what is still missing.

Trains and draws nothing. Looks at the store itself, so a store that was lost, or that never had the results, is filled again.
"""

from dataclasses import asdict
from pathlib import Path

from convnets import command, configuration, files, publishing, stamps, tracking, unfinished
from convnets.errors import InputError
from convnets.layout import name_of
from convnets.publishing import Published
from convnets.records import METRICS
from convnets.steps import PUBLISHING, TRAINING, Steps
from convnets.stores import pending_text


def main() -> None:
    """Publish what the configuration's results hold now."""
    parser = command.parser(__doc__)
    command.add_configuration_options(parser)
    arguments = parser.parse_args()
    steps = Steps(configuration.resolve(configuration.read(arguments.configfiles)))
    steps.configuration.require_own_runs()
    store = steps.configuration.store
    held = {run for run, folder in unfinished.folders(steps.layout.trainings).items() if unfinished.is_held(folder)}
    busy = {steps.layout.run(*run) for run in held}  # trainings that are bringing their runs there themselves
    runs = [step.stamp.parent for key, step in steps.all.items() if step.rule == TRAINING and not steps.reasons(key)]
    runs = [folder for folder in runs if folder not in busy]
    # What is stale or has left the configuration was a result all the same, until it is made again or retired.
    others = [folder for folder in steps.layout.runs() if folder not in busy | set(runs) and _is_whole(folder)]
    if not runs and not others:
        raise InputError(f"there are no finished runs under {steps.layout.results} yet; start them with make run")
    training = {variant for variant, _ in held}
    members = {name: comparison.members for name, comparison in steps.configuration.comparisons.items()}
    drawn = [
        name
        for name in steps.configuration.in_report
        if not steps.is_stale(f"plot_comparison/{name}") and training.isdisjoint(member.variant for member in members[name])
    ]
    figures = {name: steps.layout.figure(name) for name in drawn}
    artifacts = steps.configuration.tracking["artifacts"]
    try:
        tracking.create_store(store, Path(str(artifacts)) if artifacts else None, steps.layout.results)
    except tracking.StoreError as error:
        raise InputError(pending_text([name_of(folder) for folder in (*runs, *others)], str(error))) from error

    def publish() -> Published:
        plan, trainings = steps.configuration.plan, steps.layout.trainings
        return publishing.publish(plan, runs, figures, trainings, others, thorough=True)

    step = steps.all[PUBLISHING]
    if busy or any(map(steps.is_stale, step.after)):  # then the workflow has more to publish than there is now
        published = publish()
    else:
        inputs = [steps.layout.plan, *(folder / METRICS for folder in runs), *figures.values()]
        with stamps.stamping(step.stamp, step.components, inputs, step.outputs):
            published = publish()
            files.write_json(step.outputs[0], asdict(published))
    count = len(runs) + len(others)
    print(f"{count - len(published.pending) - len(published.left_out)} of {count} finished runs are in {store.uri}")
    if published.problem:
        raise InputError(pending_text(published.pending, published.problem))


def _is_whole(folder: Path) -> bool:
    """Return whether a folder holds a finished run, its files as they were written."""
    stamp = stamps.read(folder / stamps.STAMP)
    return stamp is not None and not stamps.damage(folder / stamps.STAMP, stamp)


if __name__ == "__main__":
    command.run(main)
