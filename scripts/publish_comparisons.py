#!/usr/bin/env python
"""Bring every finished run to the tracking store, and each comparison's tag, figure and page to its runs there.

What the store does not take is named in one line and left to the next time.
"""

import logging
from dataclasses import asdict

from convnets.files import write_json
from convnets.runs.layout import Layout
from convnets.study.stores import Plan
from convnets.tracking import publishing
from convnets.workflow.frame import Job, step

logger = logging.getLogger(__name__)


def main(job: Job) -> None:
    """Read the plan, publish, write what came of it."""
    folders = [path.parent for path in job.inputs["metrics"]]
    figures = {path.stem: path for path in job.inputs["figures"]}
    trainings = Layout(job.output("published").parents[1]).trainings
    published = publishing.publish(Plan.read(job.input("plan")), folders, figures, trainings)
    if published.problem:
        logger.warning(published.problem)
    write_json(job.output("published"), asdict(published))


if __name__ == "__main__":
    step(main)
