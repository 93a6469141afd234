"""A study with nothing made, and a training that is not finished, as its files would tell, without a process that trains."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from finished_runs import epochs

from convnets.runs import records, unfinished
from convnets.runs.layout import HISTORY
from convnets.workflow import planning
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps


@pytest.fixture
def steps(config: dict[str, Any], tmp_path: Path) -> Steps:
    """The steps of the default study, none of them made; the last that were declared."""
    config["pathvars"]["results"] = str(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return planning.load([tmp_path / "config.yaml"])


def begin(steps: Steps, variant: str, seed: int, count: int, fingerprint: str | None = None) -> None:
    """Write the files of a training after so many epochs, of half a second each."""
    folder = steps.study.layout.trainings / unfinished.name_of(variant, seed)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished.begin(folder, fingerprint or steps[f"{TRAINING}/{variant}/seed{seed}"].fingerprint, "uri", "tests")
    if count:
        records.write_history(folder / HISTORY, epochs(count)[0])


@contextmanager
def held(steps: Steps, variant: str, seed: int) -> Iterator[None]:
    """Hold the folder of a training, as a process does that trains."""
    with (steps.study.layout.trainings / unfinished.name_of(variant, seed) / unfinished.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
