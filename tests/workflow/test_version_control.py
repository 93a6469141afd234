"""The commit of the code, by a real Git."""

import shutil
import subprocess
from pathlib import Path

import pytest

from convnets.workflow import version_control

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="NOT TESTED: there is no git")


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_and_whether_a_file_differs_from_it(tmp_path: Path) -> None:
    assert version_control.commit(tmp_path) is None
    git(tmp_path, "init")
    assert version_control.commit(tmp_path) is None
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "a")
    git(tmp_path, "tag", "v1")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "another").write_text("is not tracked")
    assert version_control.commit(tmp_path) == commit
    (tmp_path / "file").write_text("b")
    assert version_control.commit(tmp_path) == f"{commit}-dirty"


def test_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert version_control.commit() is None
