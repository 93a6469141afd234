#!/usr/bin/env python
"""Deliver every finished run to the tracking store, with the tags, figures and pages of its comparisons.

If the store refuses something, one log line says so, and the next publication tries again.
"""

import stage

import logging
from dataclasses import asdict

from convnets.files import write_json
from convnets.runs.layout import Layout
from convnets.study.stores import Plan
from convnets.tracking import publishing
from convnets.workflow.frame import Job, step

logger = logging.getLogger(__name__)


def main(job: Job) -> None:
    """Read the plan, publish, write the outcome."""
    folders = job.folders("runs")
    figures = {path.stem: path for path in job.inputs["figures"]}
    trainings = Layout(job.output("published").parents[1]).trainings
    published = publishing.publish(Plan.read(job.input("plan")), folders, figures, trainings)
    if published.problem:
        logger.warning(published.problem)
    write_json(job.output("published"), asdict(published))


if __name__ == "__main__":
    step(main)
