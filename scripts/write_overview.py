#!/usr/bin/env python
"""Write the overview: one HTML page with all findings, the first page of Snakemake's report."""

import stage

from convnets import settings, tables
from convnets.data.images import ImageFormat
from convnets.files import read_json
from convnets.findings import frozen
from convnets.freshness import code
from convnets.report import page, texts
from convnets.report.material import Material
from convnets.runs import reading
from convnets.workflow.frame import Job, step

LIBRARIES = ("matplotlib", "numpy", "pandas", "scipy")  # they make tables and figures


def main(job: Job) -> None:
    """Read runs, tables and texts, write the page."""
    chosen = job.settings
    written = texts.read(job.input("texts"), chosen["title"], is_own=chosen["replicates"] is None)
    variants = {name: settings.from_dict(value) for name, value in chosen["variants"].items()}
    images = ImageFormat(**chosen["format"])
    runs = reading.read(job.folders("runs"), variants, images)
    elsewhere = reading.read_elsewhere(job.folders("elsewhere"), chosen["studies"], images)
    standing = frozen.of_step(job.inputs["frozen"], chosen["terms"], runs)
    material = Material.of(chosen, runs, elsewhere, {path.stem: tables.read(path) for path in job.inputs["tables"]}, standing)
    published = read_json(job.input("published")) if job.inputs["published"] else {}
    own = {name: code.library_version(name) for name in LIBRARIES}
    figures = {path.stem: path for path in job.inputs["figures"]}
    html = page.render(material, own, published, figures, written, job.input("template"), job.input("style"))
    tables.write_text(html, job.output("html"))


if __name__ == "__main__":
    step(main)
