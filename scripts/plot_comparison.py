#!/usr/bin/env python
"""Draw a comparison's learning curves from the histories of its runs."""

import stage

from pydantic import TypeAdapter

from convnets import style
from convnets.report import figures
from convnets.study.comparisons import Comparison
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the histories, draw the figure, write it in each format."""
    curves = figures.read_curves([*job.folders("runs"), *job.folders("elsewhere")], job.settings["studies"])
    comparison = TypeAdapter(Comparison).validate_python(job.settings["comparison"])
    beside = figures.published_of([comparison], job.inputs["published"])
    figure = figures.comparison(comparison, curves, beside.get(comparison.id))
    style.save(figure, job.output("svg"), job.output("png"))


if __name__ == "__main__":
    step(main)
