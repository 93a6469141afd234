#!/usr/bin/env python
"""Tabulate the variants: mean and spread of each metric over the seeds, as CSV and as Markdown."""

import stage

from convnets import tables
from convnets.findings import variants
from convnets.runs.layout import METRICS, is_verified, run_of
from convnets.runs.reading import read_summary
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the summaries and write the table."""
    folders = job.folders("runs")
    verified = [run_of(folder)[0] for folder in folders if is_verified(folder)]
    table = variants.table([read_summary(folder / METRICS) for folder in folders], verified, job.settings["labels"])
    tables.write_csv(table, job.output("csv"))
    tables.write_text(tables.markdown(variants.readable(table)), job.output("markdown"))


if __name__ == "__main__":
    step(main)
