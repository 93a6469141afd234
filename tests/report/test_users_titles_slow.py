"""Snakemake's own report, with titles of every kind."""

import copy
import json
import shutil
from pathlib import Path

from studies import REFERENCE
from workflow import CONFIG, Workflow

# Snakemake takes what stands in braces in a label for a wildcard; its captions are reStructuredText.
TITLE = "{a} {{ b }} {% c %} |d| `e`_ *f* <b>g</b> $h$ %i 'j\" \\k ümläut"


def test_a_title_of_every_kind_stands_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    shutil.copytree(REFERENCE, tmp_path / "it's given" / "runs")
    config = {**copy.deepcopy(CONFIG), "runs_from": str(tmp_path / "it's given"), "seeds": [11]}
    config["comparisons"]["depth"]["title"] = TITLE
    project = Workflow(tmp_path / "a project", tmp_path / "batches", config)
    project.run("--", "results/figures/depth.svg")
    project.results("report").mkdir(exist_ok=True)
    project.results("report", "overview.html").write_text("<p>a stand-in</p>")
    project.run("--report", "report.html", "--", "results/figures/depth.svg")
    report = (project.folder / "report.html").read_text(encoding="utf-8")
    label = json.dumps(f"Figure 2: {TITLE}")[1:-1]
    assert label in report.replace(r"\u2060", "")
