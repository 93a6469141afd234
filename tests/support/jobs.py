"""Jobs of steps, for tests: what the rules hand to a script, and the script run on it."""

import contextlib
import importlib
import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from convnets.workflow import planning
from convnets.workflow.declarations import Step
from convnets.workflow.frame import Job
from convnets.workflow.steps import Steps


def steps_of(config: dict[str, Any], folder: Path) -> Steps:
    """Return the steps of a configuration, as the rules declare them for a workflow that runs in this folder."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    with contextlib.chdir(folder):
        return planning.load([file])


def settings_of(rule: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a rule's only step, as its script gets them."""
    with TemporaryDirectory() as folder:
        settings: dict[str, Any] = json.loads(json.dumps(steps_of(config, Path(folder))[rule].components["settings"]))
    return settings


def write_job(step: Step, folder: Path, **inputs: Iterable[Path]) -> Path:
    """Write the file that describes the job of a step in a folder, some of its inputs replaced, and return it."""
    value = {
        "rule": step.rule,
        "fingerprint": step.fingerprint,
        "components": {name: part for name, part in step.components.items() if name not in ("modules", "libraries")},
        "inputs": {name: [str(folder / path) for path in paths] for name, paths in {**step.inputs, **inputs}.items()},
        "outputs": {name: [str(folder / path) for path in paths] for name, paths in step.outputs.items()},
        "uncounted": step.uncounted,
    }
    path = folder / f"{step.key.replace('/', '-')}.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def make(rule: str, config: dict[str, Any], folder: Path, **inputs: Iterable[Path]) -> Job:
    """Do in this process what the script of a rule's only step does in a folder, some of the step's inputs replaced."""
    return done(steps_of(config, folder)[rule], folder, **inputs)


def done(step: Step, folder: Path, **inputs: Iterable[Path]) -> Job:
    """Do what the script of a step does in a folder, some of the step's inputs replaced."""
    job = Job.read(write_job(step, folder, **inputs))
    importlib.import_module(step.rule).main(job)
    return job
