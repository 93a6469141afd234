"""The crate of the committed runs: valid, free of the machine, all made again from it. Slow: a minute or two."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from studies import REFERENCE
from waiting import SECONDS
from workflow import CONFIG, Workflow

from convnets.crate import content

MARK = "marked-name"
# What the metadata refers to, as it is published. That of RO-Crate is in the public domain.
CONTEXTS = Path(__file__).parent / "contexts"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The project with the committed runs, in a folder and for a user whose names are not to be found in the crate."""
    folder = tmp_path_factory.mktemp(MARK) / MARK
    (folder / "batches").mkdir(parents=True)
    shutil.copytree(REFERENCE.parent / "data", folder / "given" / "data")
    shutil.copytree(REFERENCE, folder / "given" / "runs")
    seeds = yaml.safe_load((ROOT / "config.reference.yaml").read_text(encoding="utf-8"))["seeds"]
    made = Workflow(folder / "project", folder / "batches", {**CONFIG, "seeds": seeds, "runs_from": str(folder / "given")})
    shutil.copy(ROOT / "config.frozen.json", made.folder)
    for name in content.CODE:
        if not (made.folder / name).exists():
            shutil.copy(ROOT / name, made.folder)
    made.environment |= {"HOME": str(folder), "USER": MARK, "LOGNAME": MARK}
    return made


@pytest.fixture(scope="module")
def crate(project: Workflow) -> Path:
    done = project.script("write_crate", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/crate (" in done.stdout
    return project.results("crate")


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the validator, which cannot share one with the workflow."""
    folder = tmp_path_factory.mktemp("validator") / "environment"
    uv, lock = Path(sys.prefix, "bin", "uv"), ROOT / "tests" / "validator.lock"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock], check=True)
    return python


def issues(validator: Path, crate: Path, severity: str = "REQUIRED") -> list[list[Any]]:
    """Return what is wrong with a crate by the profile Workflow Run Crate 0.5 and those that it extends."""
    script = ROOT / "tests" / "support" / "validate_crate.py"
    command = [validator, script, crate, severity, CONTEXTS, crate.parent / "cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_it_is_valid(crate: Path, validator: Path, tmp_path: Path) -> None:
    assert issues(validator, crate) == []
    recommended = {check for check, *_ in issues(validator, crate, "RECOMMENDED")}
    # Not known, or not given: addresses of the project, a publisher, who ran it; Bioschemas' profile, which needs the former.
    assert recommended <= {
        *("process-run-crate-0.5_3.2", "process-run-crate-0.5_5.1", "process-run-crate-0.5_8.6"),
        *("workflow-ro-crate-1.0_8.1", "ro-crate-1.1_22.3", "ro-crate-1.1_31.2"),
    }
    broken = shutil.copytree(crate, tmp_path / "crate")
    (broken / "rules" / "train.smk").unlink()
    file = broken / content.METADATA
    whole = json.loads(file.read_text(encoding="utf-8"))
    whole["@graph"] = [entity for entity in whole["@graph"] if entity["@type"] != "CreateAction"]
    file.write_text(json.dumps(whole))
    found = {check.rpartition("-")[0]: message for check, _, message, _ in issues(validator, broken)}
    assert "train.smk" in found["ro-crate"]
    assert "reference the root data entity's mainEntity as its instrument" in found["workflow-run-crate"]


def test_it_holds_no_path_and_no_name_of_the_machine(crate: Path) -> None:
    marks = [MARK.encode(), str(ROOT).encode(), str(Path.home()).encode() + b"/", sys.prefix.encode()]
    for path in crate.rglob("*"):
        assert MARK not in path.relative_to(crate).as_posix()
        if path.is_file():
            held = path.read_bytes()
            assert [mark for mark in marks if mark in held] == [], path
    assert not list(crate.rglob(".*"))


def test_tables_and_page_are_made_again_from_the_crate_alone(crate: Path, project: Workflow, tmp_path: Path) -> None:
    alone = shutil.copytree(crate, tmp_path / "another place")
    (alone / ".venv").symlink_to(sys.prefix)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MLFLOW"))}
    done = subprocess.run(["make", "report"], cwd=alone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = sorted((crate / "results" / "tables").iterdir())
    assert {path.name for path in tables} >= {
        "claims.csv",
        "claims.md",
        "errata.csv",
        "convergence.csv",
        "variants.csv",
        "vgg16.csv",
    }
    figures = sorted((crate / "results" / "figures").iterdir())
    assert {path.suffix for path in figures} == {".svg", ".png"}
    for path in [*tables, *figures, crate / "results" / "report" / "overview.html"]:
        assert (alone / "again" / path.relative_to(crate / "results")).read_bytes() == path.read_bytes(), path
    for path in tables:
        assert path.read_bytes() == project.results("tables", path.name).read_bytes()
