"""A study whose results are made up: every step has outputs and a stamp as if it had just ended, and nothing was trained."""

import copy
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edited import forget
from staleness import SMALL, with_overview
from workflow import Workflow

from convnets.data.cifar10 import BATCH_SHA256
from convnets.files import write_json
from convnets.freshness import code, stamps
from convnets.study.stores import Tracked
from convnets.workflow import planning
from convnets.workflow.declarations import Step
from convnets.workflow.steps import Steps

STORE, PUBLISHING = "create_store", "publish_comparisons"


def is_said(why: dict[str, list[str]], reason: str) -> bool:
    """Return whether a reason of any step begins so."""
    return any(text.startswith(reason) for reasons in why.values() for text in reasons)


def finish(steps: Steps, key: str, *, is_open: bool = True) -> Path:
    """Write the outputs and the stamp of a step, as if it had been made now; `is_open`: the store could be opened."""
    step = steps.all[key]
    read = [Path(file) for files in step.inputs.values() for file in files]
    with stamps.stamping(step.stamp, step.components, [file for file in read if file.is_file()], step.files):
        for file in step.files:
            write_json(file, {"made": step.fingerprint})
        if step.rule == STORE:
            replace(steps.study.plan, is_open=is_open).write(step.files[0])
            if database := steps.study.store.database:
                database.parent.mkdir(parents=True, exist_ok=True)
                database.touch()
        elif step.rule == PUBLISHING:
            write_json(steps.study.layout.published, {"problem": None})
            for training in steps.trainings():
                if training.stamp.is_file():
                    track(steps, training)
    return step.stamp.parent


def track(steps: Steps, training: Step) -> None:
    """Note that a run is in the study's store."""
    store = steps.study.store
    Tracked(store.uri, store.experiment, training.fingerprint, "1").write(training.stamp.parent)


class MadeUp(Workflow):
    """A copy of the project with made-up results. The library is asked in this process, and reads this copy's code and rules."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        batches = folder / "batches"
        batches.mkdir(parents=True)
        for name in (*BATCH_SHA256, "source.json"):
            (batches / name).write_text("{}")
        super().__init__(folder / "project", batches, copy.deepcopy(config))
        self.origin = self.folder.with_name("origin"), copy.deepcopy(config)
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.use(monkeypatch)
            self.make(self.steps())
        self.folder.rename(self.origin[0])

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this process work in the project and read its code."""
        monkeypatch.chdir(self.folder)
        monkeypatch.setattr(sys, "path", [*sys.path])  # which the Snakefile extends
        monkeypatch.setenv("PATH", os.environ["PATH"])
        monkeypatch.setattr(code, "SCRIPTS", self.folder / "scripts")
        monkeypatch.setattr(planning, "SNAKEFILE", self.folder / "Snakefile")
        forget()

    @contextmanager
    def restored(self) -> Iterator["MadeUp"]:
        """Lay the project out as it was when all was finished, under the same path, as long as this lasts."""
        origin, config = self.origin
        self.config = copy.deepcopy(config)
        shutil.copytree(origin, self.folder, symlinks=True)
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.use(monkeypatch)
            yield self
        forget()
        for path in self.folder.parent.iterdir():
            if path != origin and path.name != "batches":
                shutil.rmtree(path)

    def steps(self) -> Steps:
        """Return the steps of the study as it stands now."""
        forget()
        return planning.load([Path(name) for name in self.configfiles()])

    def stale(self, steps: Steps | None = None) -> dict[str, list[str]]:
        """Return what is stale, and the reasons of each step's own."""
        steps = steps or self.steps()
        return {key: steps.reasons(key) for key in steps.all if steps.is_stale(key)}

    def settle(self, expected: set[str]) -> dict[str, list[str]]:
        """Check what is stale, finish it, and check that nothing is stale then; return the reasons."""
        steps = self.steps()
        why = self.stale(steps)
        assert set(why) == with_overview(expected)
        self.make(steps)
        assert self.stale(steps.again()) == {}
        return why

    @staticmethod
    def make(steps: Steps) -> None:
        """Finish what is stale."""
        for key in [step.key for step in steps.in_order() if steps.is_stale(step.key)]:
            finish(steps, key)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """The small study of the tests of staleness, its results made up once."""
    return MadeUp(tmp_path_factory.mktemp("made_up"), SMALL)


@pytest.fixture
def study(made_up: MadeUp) -> Iterator[MadeUp]:
    """That study as it was when all was finished."""
    with made_up.restored() as restored:
        yield restored
