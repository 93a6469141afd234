#!/usr/bin/env python
"""Tabulate the variants: mean and spread of each metric over the seeds, as CSV and as Markdown."""

from convnets import tables
from convnets.findings import variants
from convnets.runs.reading import read_summary
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the summaries and write the table."""
    table = variants.table(map(read_summary, job.inputs["metrics"]), job.settings["labels"])
    tables.write_csv(table, job.output("csv"))
    tables.write_text(variants.markdown(table), job.output("markdown"))


if __name__ == "__main__":
    step(main)
