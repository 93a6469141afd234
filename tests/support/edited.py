"""A copy of the library that tests edit, and what fingerprints make of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from convnets.freshness import code, fingerprint
from convnets.study import configuration

SCRIPTS = ROOT / "scripts"


def run_fingerprint(config: dict[str, Any], variant: str = "conv3_1x1", seed: int = 1) -> str:
    resolved = configuration.resolve(config)
    return fingerprint.digest(fingerprint.run_components(resolved.variants[variant], seed, resolved.dataset))


def step_digest(script: str) -> str:
    return fingerprint.digest(fingerprint.step_components(script, {}, {}))


def forget() -> None:
    """Let the code be read again."""
    code.code_of.cache_clear()


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library, which the fingerprint is made to read."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "SCRIPTS", tmp_path / "scripts")
    forget()
    return tmp_path / "scripts" / "convnets"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    forget()
