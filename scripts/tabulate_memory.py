#!/usr/bin/env python
"""Tabulate parameters and memory of the trained networks and of VGG-16, beside what the report printed."""

import stage

from convnets import tables
from convnets.report2021 import memory
from convnets.runs.layout import METRICS
from convnets.runs.reading import read_summary
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the two summaries and write the table."""
    parameters = {head: read_summary(job.folders(head)[0] / METRICS).parameters for head in ("dense", "conv1x1")}
    table = memory.table(parameters, job.settings["labels"])
    tables.write_csv(table, job.output("csv"))
    tables.write_text(tables.markdown(memory.readable(table)), job.output("markdown"))


if __name__ == "__main__":
    step(main)
