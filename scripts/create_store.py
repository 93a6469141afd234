#!/usr/bin/env python
"""Create the MLflow tracking store with its experiment, and write the plan that tells later steps what to track where.

A server that cannot be reached, or a database that another process keeps locked, stops nothing: what it misses is delivered later.
"""

import logging
from dataclasses import replace
from pathlib import Path

from convnets import command, fingerprint, stamps, tracking, unfinished
from convnets.layout import Layout
from convnets.stores import Membership, Plan, Store

logger = logging.getLogger(__name__)


def main() -> None:
    """Create the store, clear up after killed trainings, write the plan."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--results", type=Path, required=True, help="folder of the results")
    parser.add_argument("--plan", type=Path, required=True, help="output: JSON")
    arguments = parser.parse_args()
    settings = arguments.settings
    with stamps.stamping(arguments.stamp, fingerprint.step_components(Path(__file__), settings), [], [arguments.plan]):
        members = {name: Membership(**value) for name, value in settings["members"].items()}
        plan = Plan(Store(settings["uri"], settings["experiment"]), settings["reuse"], members)
        try:
            tracking.create_store(plan.store, Path(settings["artifacts"]) if settings["artifacts"] else None, arguments.results)
        except tracking.StoreError as error:
            if plan.store.database and not isinstance(error, tracking.BusyError):  # it is here, so waiting will not mend it
                raise
            logger.warning("%s. Results are made all the same, and tracked later.", error)
            plan = replace(plan, is_open=False)
        layout = Layout(arguments.results)
        tracking.close_abandoned(layout.trainings)
        clear_up(layout)
        plan.write(arguments.plan)


def clear_up(layout: Layout) -> None:
    """Remove the folders of trainings that were killed when their results were complete; their tracked runs are seen to by now."""
    for (variant, seed), folder in unfinished.folders(layout.trainings).items():
        training = unfinished.begun(folder)
        stamp = stamps.read(layout.run(variant, seed) / stamps.STAMP)
        if training and stamp and stamp.fingerprint == training.fingerprint:
            unfinished.remove(folder)


if __name__ == "__main__":
    command.run(main)
