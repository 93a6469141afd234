"""The recipes of CONTRIBUTING.md, each applied as a patch to a copy of the project that then runs a tiny study. Slow: minutes."""

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ROOT
from pages import section
from staleness import SMALL, audited
from workflow import Workflow

RECIPES = {"table": "A new table", "network_option": "A new network option", "data_set": "A new kind of data set"}
TINY: dict[str, Any] = {
    **SMALL,
    "variants": {name: SMALL["variants"][name] for name in ("conv2", "conv2_1x1")},
    "comparisons": {"head": SMALL["comparisons"]["head"]},
}
RUNS = {f"train_variant/{variant}/seed1" for variant in TINY["variants"]}


def patch_of(recipe: str) -> Path:
    return ROOT / "docs" / "recipes" / f"{recipe}.patch"


def apply(recipe: str, workflow: Workflow) -> None:
    done = subprocess.run(["git", "apply", patch_of(recipe)], cwd=workflow.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_every_file_of_at_most_four(recipe: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"## {RECIPES[recipe]}\n")[1].split("\n## ")[0]
    touched = re.findall(r"(?m)^diff --git a/(\S+) ", patch_of(recipe).read_text(encoding="utf-8"))
    assert 1 <= len(touched) <= 4
    assert re.findall(r"(?m)^\d\. `(\S+)`", section.replace("`,", "`")) == sorted(touched, key=section.index)


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    made = Workflow(tmp_path_factory.mktemp("recipes") / "project", real_batches, copy.deepcopy(TINY))
    for name in ("docs", "tests"):
        shutil.copytree(ROOT / name, made.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", made.folder)
    made.run()
    return made


def test_a_new_table(workflow: Workflow) -> None:
    """It is made, and the page that shows it; tests that look at every rule and every script pass."""
    apply("table", workflow)
    assert workflow.made() == {"tabulate_gaps", "write_overview"}
    table = pd.read_csv(workflow.results("tables", "gaps.csv"))
    history = pd.read_csv(workflow.results("runs", "conv2", "seed1", "history.csv")).iloc[-1]
    gap = history["train_accuracy"] - history["val_accuracy"]
    assert table.set_index("variant")["gap"]["two layers"] == pytest.approx(gap, abs=1e-8)
    assert workflow.planned() == set()
    shown = section(workflow.results("report", "overview.html").read_text(encoding="utf-8"), "further")
    assert f"{gap:.4f}".replace("-", "\N{MINUS SIGN}") in shown
    assert "write_paper" in workflow.made("--", "write_paper")
    assert "two layers" in workflow.results("paper", "gaps.tex").read_text(encoding="utf-8")
    assert "{gaps}" in workflow.results("paper", "example.tex").read_text(encoding="utf-8")
    shutil.copy(ROOT / "config.yaml", workflow.folder)  # the picture is that of the whole study's rules
    checks = ("test_rule_graph.py", "test_stage.py::test_every_script_sets_the_stage_first")
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in checks)]
    done = subprocess.run(tests, cwd=workflow.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_new_network_option(workflow: Workflow) -> None:
    """Finished runs are stale by the builder's code alone, and verified; a run with the option is another."""
    apply("network_option", workflow)
    why = workflow.why()
    assert all(why[key] == ["code: convnets.networks.builders changed"] for key in RUNS)
    done = workflow.script("verify_runs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equal bit for bit\n") == len(RUNS)
    assert workflow.planned() == {"publish_comparisons", "write_overview"}  # publishing loads models by the module that changed
    assert pd.read_csv(workflow.results("tables", "variants.csv"))["verified"].tolist() == [1] * len(RUNS)
    workflow.config["variants"]["average"] = {**workflow.config["variants"]["conv2"], "label": "average", "pooling": "average"}
    made = workflow.made()
    assert "train_variant/average/seed1" in made
    assert RUNS.isdisjoint(made)
    assert "count as fresh by a verification" in workflow.results("report", "overview.html").read_text()
    stamps = {name: json.loads(workflow.results("runs", name, "seed1", "stamp.json").read_text()) for name in ("conv2", "average")}
    networks = {name: stamp["components"]["settings"]["network"] for name, stamp in stamps.items()}
    assert networks["average"] == {**networks["conv2"], "pooling": "average"}
    assert "pooling" not in networks["conv2"]
    weights = [json.loads(workflow.results("runs", name, "seed1", "record.json").read_text())["weights"] for name in networks]
    assert weights[0] != weights[1]
    audited(workflow)


def test_a_new_kind_of_data_set(workflow: Workflow, tmp_path: Path) -> None:
    """Small grey images of two classes go through the whole workflow, without any download; runs on other images stay fresh."""
    apply("data_set", workflow)
    assert RUNS.isdisjoint(workflow.planned())
    (tmp_path / "no batches").mkdir()
    stripes = Workflow(tmp_path / "stripes", tmp_path / "no batches", copy.deepcopy(TINY))
    apply("data_set", stripes)
    stripes.config["dataset"] |= {"kind": "stripes", "subset": None}
    assert "get_cifar10" not in stripes.made()
    manifest = json.loads(stripes.results("data", "manifest.json").read_text())
    assert (manifest["shape"], manifest["classes"]) == ([16, 16, 1], ["upright", "lying"])
    assert {name: split["images"] for name, split in manifest["splits"].items()} == {"train": 576, "validation": 64, "test": 64}
    metrics = json.loads(stripes.results("runs", "conv2", "seed1", "metrics.json").read_text())
    assert metrics["parameters"] == (3 * 3 * 1 * 4 + 4) + (3 * 3 * 4 * 4 + 4) + (4 * 4 * 4 * 50 + 50) + (50 * 2 + 2)
    assert stripes.planned() == set()
    audited(stripes)
    for name in ("LICENSE", "installer.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, stripes.folder)
    done = stripes.script("write_crate", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    described = json.loads(stripes.results("crate", "ro-crate-metadata.json").read_text())["@graph"]
    (images,) = (entity for entity in described if entity["@id"] == "#images")
    assert (images["name"], images["description"]) == ("stripes", "Images that the code brings. The source was: made up.")
