#!/usr/bin/env python
"""Tabulate the report's errors: what it prints, what is right and why, and what follows for its conclusion."""

import stage

from convnets import tables
from convnets.report2021 import errata, errata_table
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Fill the numbers into the errata, add the verdicts of the claims that they concern, write the table."""
    table = errata_table.table(errata.find(job.input("texts")), job.input("claims"), job.settings["errata"])
    tables.write_csv(table, job.output("csv"))
    tables.write_text(errata_table.markdown(table), job.output("markdown"))


if __name__ == "__main__":
    step(main)
