#!/usr/bin/env python
"""Tabulate the verdict on each claim, with the measured numbers and their intervals, as CSV and as Markdown."""

import stage

from pydantic import TypeAdapter

from convnets import settings, tables
from convnets.data.images import ImageFormat
from convnets.findings import claim_tables, frozen, looks, verdicts
from convnets.runs import reading
from convnets.study.claims import Claim
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the runs, judge the claims, write the table."""
    variants = {name: settings.from_dict(value) for name, value in job.settings["variants"].items()}
    images = ImageFormat(**job.settings["format"])
    own = reading.read(job.folders("runs"), variants, images)
    runs = [*own, *reading.read_elsewhere(job.folders("elsewhere"), job.settings["studies"], images)]
    claims = TypeAdapter(list[Claim]).validate_python(job.settings["claims"])
    look, counts = job.settings["looks"]
    standing = frozen.of_step(job.inputs["frozen"], job.settings["terms"], own)
    alpha = looks.alpha((look, counts))
    at_half, at_double = (verdicts.at_margins(claims, runs, share, alpha) for share in (0.5, 2))
    table = claim_tables.claims(verdicts.judge(claims, runs, alpha), at_half, at_double, standing=standing)
    tables.write_csv(table, job.output("csv"))
    tables.write_text(claim_tables.claims_markdown(table, looks.described((look, counts)), standing), job.output("markdown"))


if __name__ == "__main__":
    step(main)
