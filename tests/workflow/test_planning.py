"""What is settled when the Snakefile is read."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from convnets.errors import InputError
from convnets.workflow import planning


def test_environments_of_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on Python 3.12, whose lock has another NumPy."""
    pinned = {"numpy": "2.4.6", "keras": "3.15.1"}
    (tmp_path / "envs").mkdir()
    lines = "".join(f"      - {name}=={version}\n" for name, version in pinned.items())
    (tmp_path / "envs" / "training.yaml").write_text(f"dependencies:\n  - pip:\n{lines}")
    here = {**dict.fromkeys(planning.LIBRARIES, "1"), **pinned}
    monkeypatch.setattr(planning, "library_version", lambda name: here[name])
    planning.check_environments(tmp_path / "envs")
    here["numpy"] = "2.5.5"
    with pytest.raises(InputError, match=r"\(envs/\*\.yaml\) have numpy 2\.4\.6 and not 2\.5\.5, .*PYTHON=python3\.11"):
        planning.check_environments(tmp_path / "envs")


def test_the_pins_of_the_environments_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "library_version", lambda _: "0")
    with pytest.raises(InputError) as refused:
        planning.check_environments(ROOT / "envs")
    assert all(f"{planning.PACKAGES.get(library, library)} " in str(refused.value) for library in planning.LIBRARIES)


@pytest.mark.parametrize("script", ["explain_steps", "verify_runs", "retire_runs", "sync_runs"])
def test_commands_that_plan_start_without_tensorflow(script: str) -> None:
    """It takes seconds to import, and writes lines of its own. So does MLflow, which commands that change the store need."""
    heavy = {"tensorflow", "keras"} | ({"mlflow"} if script in {"explain_steps", "verify_runs"} else set())
    code = f"import sys, {script}; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
