"""Curves of another study beside those of this one, in a figure."""

import shutil
from pathlib import Path

import jobs
import pytest
from frozen_studies import DIGITS, digits


def test_a_figure_shows_runs_of_both_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path / "before"
    shutil.copytree(DIGITS / "baseline", before)
    shutil.rmtree(before / "runs" / "mlp" / "seed3")
    study = digits(tmp_path) | {"runs_from": str(DIGITS / "baseline"), "studies": {"before": str(before)}}
    study["comparisons"]["both"] = {"title": "Here and before", "variants": ["mlp", "before:mlp"], "rows": [["validation"]]}
    job = jobs.done(jobs.steps_of(study, tmp_path)["plot_comparison/both"], tmp_path)
    text = job.output("svg").read_text(encoding="utf-8")
    for words in ("Here and before", ">MLP<", ">mlp (before)<", "Mean and standard deviation of 2/3 seeds"):
        assert words in text, words
