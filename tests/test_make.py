"""The set-up by make: when it builds the environment, and what it leaves alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from workflow import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone's Makefile and locks, and an environment that is as its lock says."""
    for name in ("Makefile", "requirements.lock", "installer.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "environment").mkdir()
    shutil.copy(ROOT / "requirements.lock", tmp_path / "environment")
    return tmp_path


def setup(clone: Path) -> "subprocess.CompletedProcess[str]":
    """Run `make setup` with an interpreter that fails, so that building an environment does, too."""
    return make(clone, "setup", "PYTHON=false")


def make(clone: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # tests may be run by make
    return subprocess.run(["make", *arguments], env=outer, cwd=clone, capture_output=True, text=True, check=False)


def test_a_lock_with_another_time_stamp_builds_nothing(clone: Path) -> None:
    (clone / "environment").rename(clone / ".venv")
    os.utime(clone / "requirements.lock")
    done = setup(clone)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_lock_with_other_content_does(clone: Path) -> None:
    (clone / "environment").rename(clone / ".venv")
    (clone / ".venv" / "requirements.lock").write_text("older")
    assert setup(clone).returncode == 2


def test_caches_go_into_the_clone_where_the_home_folder_is_read_only(clone: Path) -> None:
    """The folder of processes takes no new folders, from anybody."""
    show = ["make", "--eval", "show:; @echo $$XDG_CACHE_HOME", "show"]
    for home, cache in (("/proc/none", str(clone / ".snakemake" / "cache")), (str(clone), "")):
        environment = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run(show, env=environment, cwd=clone, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == cache


def test_an_environment_behind_a_link_is_used_and_never_emptied(clone: Path) -> None:
    (clone / ".venv").symlink_to("environment")
    assert setup(clone).returncode == 0
    (clone / "environment" / "requirements.lock").write_text("older")
    done = setup(clone)
    assert done.returncode == 2
    assert "error: .venv is a symbolic link to an environment of another lock; remove the link" in done.stdout
    assert (clone / "environment" / "requirements.lock").read_text() == "older"


def test_a_clone_with_other_line_ends_has_scripts_that_start(tmp_path: Path) -> None:
    """With core.autocrlf, the first line of a script would name `python\\r`, which no machine has."""
    git = ["git", "-c", "core.autocrlf=true", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    origin = tmp_path / "origin"
    shutil.copytree(ROOT / "scripts", origin / "scripts", ignore=shutil.ignore_patterns("__pycache__", "convnets"))
    shutil.copy(ROOT / ".gitattributes", origin)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *command], cwd=origin, check=True)
    subprocess.run([*git, "clone", "--quiet", origin, tmp_path / "clone"], check=True)
    scripts = list((tmp_path / "clone" / "scripts").glob("*.py"))
    assert scripts
    assert not any(b"\r" in path.read_bytes() for path in scripts)


def test_configuration_files_are_checked_before_snakemake_reads_them(clone: Path) -> None:
    """Snakemake says less of what is wrong with them."""
    lines = make(clone, "--dry-run", "run", "CONFIGFILE=a.yaml b.yaml").stdout.splitlines()
    check = next(index for index, line in enumerate(lines) if "check_configuration.py config.yaml a.yaml b.yaml" in line)
    assert "snakemake --cores all --configfile a.yaml b.yaml" in lines[check + 1]
