"""The gate as a command, on the committed runs of the digits study: its status, and what a doctored history does."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commands
import pandas as pd
import pytest
import yaml
from conftest import ROOT

DIGITS = ROOT / "examples" / "digits"
BASELINE = DIGITS / "baseline"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return what gates given runs of the digits study, with changes of the study."""

    def run(runs: Path, baseline: Path = BASELINE, change: Change = lambda _: None) -> "subprocess.CompletedProcess[str]":
        study = yaml.safe_load((DIGITS / "study.yaml").read_text(encoding="utf-8"))
        study |= {"runs_from": str(runs), "pathvars": {"results": "results"}}
        study["dataset"]["source"] = str(DIGITS / "digits.npz")
        study["variants"]["resnet"]["network"] = f"{DIGITS}/networks.py:resnet"
        change(study)
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        return commands.run("gate_study", "--baseline", baseline, "study.yaml", cwd=tmp_path)

    return run


def doctored(folder: Path, variant: str, share: float) -> Path:
    """Return a copy of the runs in which every accuracy of a variant is lower by this share."""
    shutil.copytree(BASELINE, folder)
    for run in (folder / "runs" / variant).iterdir():
        history = pd.read_csv(run / "history.csv")
        accuracies = [name for name in history if name.endswith("accuracy")]
        history[accuracies] *= 1 - share
        history.to_csv(run / "history.csv", index=False)
        summary = json.loads((run / "metrics.json").read_text())
        lowered = {name: value * (1 - share) for name, value in summary.items() if name.endswith("accuracy")}
        (run / "metrics.json").write_text(json.dumps(summary | lowered))
    return folder


def test_given_runs_are_gated(gate: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = gate(BASELINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("the same bits: 3 claims, 3 same; 12 of 12 runs")


def test_a_doctored_history_fails_the_claims_that_rest_on_it(
    gate: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    done = gate(doctored(tmp_path / "doctored", "resnet", 0.2))
    assert done.returncode == 1, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "results" / "tables" / "gate.csv").set_index("claim")
    failed = set(table.index[~table["passes"]])
    assert "residual_is_better" in failed
    assert "fewer_parameters" not in failed
    assert done.stdout.startswith("other verdicts: ")
    assert all(f"- FAILS: {name}: " in done.stdout for name in failed)


def test_what_cannot_be_compared_has_a_status_of_its_own(
    gate: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """And no table of a former call stays."""
    table = tmp_path / "results" / "tables" / "gate.csv"
    assert gate(BASELINE).returncode == 0
    assert table.is_file()
    missing = commands.run("gate_study", "--baseline", BASELINE, "nowhere.yaml", cwd=tmp_path)
    assert (missing.returncode, "nowhere.yaml" in missing.stdout + missing.stderr) == (2, True)

    def no_networks(study: dict[str, Any]) -> None:
        named = {"section": "1", "statement": "It is.", "test": "greater"}
        quantities = ["vgg16.conv5.parameters", "vgg16.conv1.parameters"]
        study["claims"] = {"by_formula": {**named, "quantities": quantities}}

    none = gate(BASELINE, change=no_networks)
    assert (none.returncode, "not comparable: no claim about networks can be compared" in none.stdout) == (2, True)
    assert not table.exists()

    def one_seed(study: dict[str, Any]) -> None:
        study["seeds"] = [1]

    other = shutil.copytree(BASELINE, tmp_path / "other")
    for run in other.glob("runs/*/seed1"):
        shutil.rmtree(run)
    for runs, baseline in ((doctored(tmp_path / "doctored", "resnet", 0.2), BASELINE), (BASELINE, other)):
        short = gate(runs, baseline, change=one_seed)
        assert (short.returncode, "no claim that varies by seed can be tested" in short.stdout) == (2, True)


def test_an_exact_claim_that_flips_fails_whatever_the_seeds(
    gate: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    larger = doctored(tmp_path / "larger", "resnet", 0.2)
    for file in larger.glob("runs/resnet/*/metrics.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"parameters": 10**9}))
    done = gate(larger, change=lambda study: study.update(seeds=[1]))
    assert (done.returncode, "FAILS: fewer_parameters: flipped" in done.stdout) == (1, True)


def test_an_error_that_nobody_foresaw_is_no_flipped_verdict(
    gate: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tables").touch()
    done = gate(BASELINE)
    assert (done.returncode, "NotADirectoryError" in done.stderr) == (2, True)
