#!/usr/bin/env python
"""Tabulate how much of each published curve lies where one more run would, as CSV and as Markdown."""

import stage

import pandas as pd

from convnets import tables
from convnets.findings import published
from convnets.runs.layout import HISTORY, run_of
from convnets.study import published_curves
from convnets.workflow.frame import Job, step


def main(job: Job) -> None:
    """Read the published curves and the histories, write the table."""
    histories: dict[str, list[pd.DataFrame]] = {}
    for folder in job.folders("runs"):
        histories.setdefault(run_of(folder)[0], []).append(pd.read_csv(folder / HISTORY))
    files = zip(job.inputs["published"], job.settings["figures"], strict=True)
    frames = [published_curves.read(path, figures) for path, figures in files]
    table = published.table(pd.concat(frames), histories, job.settings["labels"])
    tables.write_csv(table, job.output("csv"))
    tables.write_text(published.markdown(table), job.output("markdown"))


if __name__ == "__main__":
    step(main)
