"""What is checked before trainings are submitted, and what Slurm's executor is helped with."""

from pathlib import Path

import pytest
import snakemake_executor_plugin_slurm as plugin
from conftest import ROOT

from convnets import submission
from convnets.errors import InputError


def test_the_minimal_age_is_what_the_controller_said_when_it_last_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, 300, None])
    monkeypatch.setattr(plugin, "get_min_job_age", lambda: next(answers))
    submission.remember_minimal_age()
    assert [plugin.get_min_job_age() for _ in range(3)] == [300, 300, 300]


def test_environments_of_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on Python 3.12, whose lock has another NumPy."""
    pinned = {"numpy": "2.4.6", "keras": "3.15.1"}
    (tmp_path / "envs").mkdir()
    lines = "".join(f"      - {name}=={version}\n" for name, version in pinned.items())
    (tmp_path / "envs" / "training.yaml").write_text(f"dependencies:\n  - pip:\n{lines}")
    here = {**dict.fromkeys(submission.LIBRARIES, "1"), **pinned}
    monkeypatch.setattr(submission, "library_version", lambda name: here[name])
    submission.check_environments(tmp_path / "envs")
    here["numpy"] = "2.5.5"
    with pytest.raises(InputError, match=r"\(envs/\*\.yaml\) have numpy 2\.4\.6 and not 2\.5\.5, .*PYTHON=python3\.11"):
        submission.check_environments(tmp_path / "envs")


def test_the_pins_of_the_environments_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "library_version", lambda _: "0")
    with pytest.raises(InputError) as refused:
        submission.check_environments(ROOT / "envs")
    assert all(f"{library} " in str(refused.value) for library in submission.LIBRARIES)
