#!/usr/bin/env python
"""Tabulate how fast each variant learns, how much it overfits, and what it costs, as CSV and as Markdown."""

import stage

from convnets import settings, tables
from convnets.data.images import ImageFormat
from convnets.findings import convergence
from convnets.runs import reading
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the runs and write the table."""
    variants = {name: settings.from_dict(value) for name, value in job.settings["variants"].items()}
    accuracies = job.settings["accuracies"]
    runs = reading.read(job.folders("runs"), variants, ImageFormat(**job.settings["format"]))
    table = convergence.table(runs, job.settings["labels"], accuracies)
    tables.write_csv(table, job.output("csv"))
    shown = tables.markdown(convergence.readable(table, accuracies))
    tables.write_text(f"{shown}\n{convergence.CAPTION}", job.output("markdown"))


if __name__ == "__main__":
    step(main)
