"""The committed baseline of the digits study: whole, of the study as it stands, and enough for the gate to fail by."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

from convnets.findings import gate
from convnets.findings.gate import FLIPPED, SAME
from convnets.runs import reading
from convnets.runs.run import Run
from convnets.study import configfiles, configuration
from convnets.study.configuration import Configuration

BASELINE = ROOT / "examples" / "digits" / "baseline"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.chdir(ROOT)
    return configuration.resolve(configfiles.read_study([Path("examples/digits/study.yaml")]))


@pytest.fixture
def baseline(study: Configuration) -> list[Run]:
    folders = [run for found in reading.runs_by_variant(BASELINE).values() for run in found]
    return reading.read_elsewhere(folders, {}, study.described.format)


def test_it_has_each_run_of_the_study_as_the_study_is_set(study: Configuration, baseline: list[Run]) -> None:
    assert [(run.variant, run.seed) for run in baseline] == [(name, seed) for name in study.variants for seed in study.seeds]
    assert all(run.settings.canonical() == study.variants[run.variant].canonical() for run in baseline)
    assert len({run.record.data["test"] for run in baseline if run.record}) == 1


def test_the_gate_compares_every_claim_with_it(study: Configuration, baseline: list[Run]) -> None:
    rows = gate.compare(study.claims, baseline, baseline)
    assert [(row.outcome, row.verdict) for row in rows] == [(SAME, "reproduced")] * len(study.claims)
    assert gate.same_bits(baseline, baseline) == (12, 12)


def test_networks_that_changed_places_fail_by_it(study: Configuration, baseline: list[Run]) -> None:
    better = {run.seed: run.metrics.test_accuracy for run in baseline if run.variant == "resnet"}
    worse = {run.seed: run.metrics.test_accuracy for run in baseline if run.variant == "mlp"}
    given = {"mlp": better, "resnet": worse}
    swapped = [
        replace(run, metrics=replace(run.metrics, test_accuracy=given[run.variant][run.seed])) if run.variant in given else run
        for run in baseline
    ]
    rows = {row.claim: row for row in gate.compare(study.claims, swapped, baseline)}
    assert (rows["residual_is_better"].outcome, rows["residual_is_better"].passes) == (FLIPPED, False)
    assert rows["fewer_parameters"].passes


def test_no_file_of_it_names_a_place() -> None:
    for path in BASELINE.rglob("*.*"):
        assert not re.search(r'[" ](/|~|[a-z]+://)\w', path.read_text(encoding="utf-8")), path
