#!/usr/bin/env python
"""Say for every run, figure and table whether it is fresh or stale, what changed, and how long making it again will take.

Trains nothing and changes nothing.
"""

import stage

import os
from collections.abc import Mapping, Set

from convnets.study.configuration import Configuration
from convnets.workflow import command, estimates, freezing, leftovers, planning
from convnets.workflow.steps import Steps


def main() -> None:
    """Read the configuration and the stamps, print one line for each step and each reason."""
    arguments = command.study_parser(__doc__, cores_for="for the estimate").parse_args()
    steps = planning.load(arguments.configfiles)
    seconds = estimates.estimate(steps)
    tracked = _tracked(steps) if steps.study.plan.reuse and seconds else set()
    fetched = {key for key in seconds if steps.all[key].fingerprint in tracked}
    for key in (step.key for step in steps.in_order()):
        if key not in seconds:
            print(f"fresh  {key}")
            continue
        took = None if key in fetched else seconds[key]
        print(f"stale  {key}{f' (about {estimates.duration(took)})' if took is not None else ''}")
        stale = [before for before in steps.before(key) if before in seconds]
        shown = stale if len(stale) <= 3 else [*stale[:2], f"{len(stale) - 2} others"]
        inherited = [f"{', '.join(shown)} {'is' if len(stale) == 1 else 'are'} stale"] if stale else []
        for reason in [*steps.reasons(key), *inherited]:
            print(f"         {reason}")
        if key in fetched:
            print(f"         is finished in {steps.study.store.uri}: it will be fetched, not trained")
    print(_summary(len(steps.all), seconds, fetched, arguments.cores))
    if steps.study.looks[1] and "tabulate_claims" in steps.all and not steps.is_stale("tabulate_claims"):
        print(_next_look(steps.study))
    if standing := freezing.standing(steps.study):
        print(standing.described, *(f"         {text}" for text in standing.differences), sep="\n")
    if left := leftovers.left(steps):
        print("no longer in the configuration; `make retire` removes the files and retires the tracked runs:")
        for path in left:
            print(f"         {os.path.relpath(path)}")


def _next_look(study: Configuration) -> str:
    """Return whether the next planned look is worth it, after the present one."""
    from convnets.findings import looks  # SciPy takes a second to import
    from convnets.workflow import judging

    said = [looks.described(study.looks), looks.next_look(judging.judge(study), study.looks)]
    return "\n".join(filter(None, said))


def _tracked(steps: Steps) -> set[str]:
    """Return the fingerprints of the finished runs that the tracking store has."""
    from convnets.tracking.connection import StoreError, connect, reached  # MLflow takes a second to import

    try:
        connection = connect(steps.study.store, create=False)
        with reached(connection.store):
            return {str(run.data.tags.get("fingerprint")) for run in connection.runs() if run.info.status == "FINISHED"}
    except StoreError as error:
        print(f"nothing can be fetched: {error}")
        return set()


def _summary(count: int, seconds: Mapping[str, float | None], fetched: Set[str], cores: int) -> str:
    if not seconds:
        return f"all {count} steps are fresh"
    made = [value for key, value in seconds.items() if key not in fetched]
    known = [value for value in made if value is not None]
    text = f"{len(seconds)} of {count} steps are stale" + (f", {len(fetched)} of which will be fetched" if fetched else "")
    if known:
        wall = max(max(known), sum(known) / cores)
        text += f"; about {estimates.duration(sum(known))} of computing, {estimates.duration(wall)} on {cores} cores"
    if len(known) < len(made):
        text += f"; {len(made) - len(known)} of them have never run here, so their time is unknown"
    return text


if __name__ == "__main__":
    command.run(main)
