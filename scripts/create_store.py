#!/usr/bin/env python
"""Create the MLflow tracking store with its experiment, and write the plan that tells later steps what to track where.

The workflow goes on if a server cannot be reached or another process keeps a database locked. Results are delivered later.
"""

import stage

import logging
from dataclasses import replace
from pathlib import Path

from convnets.runs import unfinished
from convnets.runs.layout import Layout
from convnets.study.stores import Plan, Store
from convnets.tracking.connection import BusyError, StoreError, close_abandoned, create_store
from convnets.workflow import leftovers
from convnets.workflow.frame import Job, step

logger = logging.getLogger(__name__)


def main(job: Job) -> None:
    """Create the store, clear up after killed trainings, write the plan."""
    settings, layout = job.settings["tracking"], Layout(job.output("plan").parents[1])
    plan = Plan(Store(settings["uri"], settings["experiment"]), settings["reuse"], job.settings["members"])
    artifacts = Path(settings["artifacts"]) if settings["artifacts"] else None
    try:
        create_store(plan.store, artifacts, layout.results)
    except StoreError as error:
        if plan.store.database and not isinstance(error, BusyError):  # a local file: another attempt would fail as well
            raise
        logger.warning("%s. Results are made all the same, and tracked later.", error)
        plan = replace(plan, is_open=False)
    close_abandoned(plan.store, layout.trainings)
    for folder in leftovers.ended(layout):  # their tracked runs are closed by now
        unfinished.remove(folder)
    plan.write(job.output("plan"))


if __name__ == "__main__":
    step(main)
