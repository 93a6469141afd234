"""The gate on a real study: the same bits, an upgrade, a doctored baseline, and what cannot be compared. Slow: trainings."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from own_data import write_arrays
from workflow import CONFIG, Workflow

STUDY: dict[str, Any] = {
    "pathvars": CONFIG["pathvars"],
    "dataset": {"kind": "arrays", "source": "images.npz"},
    "seeds": [1, 2],
    "training": {"epochs": 1, "batch_size": 8},
    "variants": {
        name: {"label": name, "filters": [], "dense_units": [units], "dropout": 0.0} for name, units in (("narrow", 4), ("wide", 8))
    },
    "claims": {
        "fewer": {"section": "a", "statement": "Fewer.", "test": "less", "quantities": ["narrow.parameters", "wide.parameters"]},
        "better": {"section": "a", "statement": "Better.", "test": "greater", "quantities": ["wide.test_loss", "narrow.test_loss"]},
        "faster": {
            "section": "a",
            "statement": "Faster.",
            "test": "less",
            "quantities": ["narrow.train_seconds", "wide.train_seconds"],
        },
    },
}


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    (tmp_path / "no batches").mkdir()
    made = Workflow(tmp_path / "project", tmp_path / "no batches", STUDY)
    write_arrays(made.folder / "images.npz")
    return made


def gate(workflow: Workflow, baseline: str) -> "subprocess.CompletedProcess[str]":
    return workflow.script("gate_study", "--baseline", baseline)


def test_what_passes_and_what_does_not(workflow: Workflow) -> None:
    missing = gate(workflow, "before")
    assert missing.returncode == 2
    assert "not comparable: 4 runs of the study are missing or stale, such as results/runs/narrow/seed1" in missing.stdout
    workflow.run("--until", "train_variant")
    nothing = gate(workflow, "before")
    assert (nothing.returncode, "not comparable: before holds no finished runs" in nothing.stdout) == (2, True)

    shutil.copytree(workflow.results(), workflow.folder / "before")
    workflow.environment["GITHUB_STEP_SUMMARY"] = str(workflow.folder / "summary.md")
    same = gate(workflow, "before")
    assert same.returncode == 0, same.stdout + same.stderr
    assert same.stdout.startswith("the same bits: 3 claims, 2 same, 1 not compared; 4 of 4 runs")
    table = pd.read_csv(workflow.results("tables", "gate.csv")).set_index("claim")
    assert table["outcome"].to_dict() == {"better": "same", "faster": "not compared", "fewer": "same"}
    summary = (workflow.folder / "summary.md").read_text()
    assert "## Gate" in summary
    assert "the same bits" in summary
    assert "| fewer" in summary

    # An upgrade: code that changes no bit. Its runs are verified on the way.
    workflow.edit("scripts/convnets/training/meter.py", "class Meter", "UPGRADED = 1\n\n\nclass Meter")
    assert any(key.startswith("train_variant/") for key in workflow.why())
    upgraded = gate(workflow, "before")
    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
    assert "4 of 4 runs verified" in upgraded.stdout
    assert "\nthe same bits: 3 claims" in upgraded.stdout

    # A doctored baseline flips the exact claim, and no other.
    for seed in (1, 2):
        file = workflow.folder / "before" / "runs" / "narrow" / f"seed{seed}" / "metrics.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "parameters": 10**9}))
    doctored = gate(workflow, "before")
    assert doctored.returncode == 1
    assert "\n- FAILS: fewer: flipped, contradicted -> reproduced" in doctored.stdout
    assert doctored.stdout.count("FAILS") == 1

    record = workflow.folder / "before" / "runs" / "wide" / "seed1" / "record.json"
    kept = json.loads(record.read_text())
    record.write_text(json.dumps({**kept, "data": {**kept["data"], "test": "f" * 64}}))
    other = gate(workflow, "before")
    assert (other.returncode, "not comparable: before was tested on other images" in other.stdout) == (2, True)
