#!/usr/bin/env python
"""Write the overview: one HTML page with all findings, the first page of Snakemake's report."""

import stage

from dataclasses import replace

from convnets import tables
from convnets.files import read_json
from convnets.findings import frozen
from convnets.freshness import code
from convnets.report import page, texts
from convnets.report.material import LIBRARIES, Material
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read runs, tables and texts, write the page."""
    written = texts.read(job.input("texts"), job.settings["title"], is_own=job.settings["replicates"] is None)
    material = Material.read(job.settings, job.folders("runs"), job.folders("elsewhere"), job.inputs["tables"])
    material = replace(material, standing=frozen.of_step(job.inputs["frozen"], job.settings["terms"], material.runs))
    published = read_json(job.input("published")) if job.inputs["published"] else {}
    own = {name: code.library_version(name) for name in LIBRARIES}
    figures = {path.stem: path for path in job.inputs["figures"]}
    html = page.render(material, own, published, figures, written, job.input("template"), job.input("style"))
    tables.write_text(html, job.output("html"))


if __name__ == "__main__":
    step(main)
