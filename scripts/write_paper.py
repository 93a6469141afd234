#!/usr/bin/env python
"""Write what a paper takes of the study: tables, methods and software for LaTeX, figures as PDF, and an example of their use."""

import stage

from convnets import style, tables
from convnets.freshness import code
from convnets.report import figures, paper, texts
from convnets.report.material import LIBRARIES, Material
from convnets.report2021 import vgg16_figure
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read runs, tables and texts, write each file."""
    written = texts.read(job.input("texts"), job.settings["title"], is_own=job.settings["replicates"] is None)
    material = Material.read(job.settings, job.folders("runs"), job.folders("elsewhere"), job.inputs["tables"])
    own = {name: code.library_version(name) for name in LIBRARIES} | job.settings["workflow"]
    found = paper.tables(material, written)
    for path in job.outputs["tables"]:
        tables.write_text(found[path.stem], path)
    tables.write_text(paper.software(material, own, job.input("citation"), job.input("software")), job.output("software"))
    tables.write_text(paper.described(material, job.input("methods")), job.output("methods"))
    tables.write_text(paper.example(material, written, job.input("example")), job.output("example"))
    curves = figures.read_curves([*job.folders("runs"), *job.folders("elsewhere")], job.settings["studies"])
    beside = figures.published_of(list(material.comparisons.values()), job.inputs["published"])
    for name, (size, rows) in paper.SIZES.items():
        for path in job.outputs[name]:
            if drawn := material.comparisons.get(path.stem.removesuffix(f"_{name}")):
                style.save(figures.comparison(drawn, curves, beside.get(drawn.id), size), path)
            else:
                style.save(vgg16_figure.draw_for_print(size.width, rows), path)


if __name__ == "__main__":
    step(main)
