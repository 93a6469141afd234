"""Reading the Snakefile: how commands load its steps, finished ones if need be, and the checks of hosts and environments."""

import io
import logging
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from convnets import hardware
from convnets.errors import InputError
from convnets.files import read_json, write_json
from convnets.freshness import fingerprint
from convnets.freshness.code import LIBRARIES, PACKAGES, library_version
from convnets.study import configfiles, configuration
from convnets.study.configuration import Configuration
from convnets.workflow import command
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps

SNAKEFILE = Path(__file__).parents[3] / "Snakefile"
SHOWN = 5  # unfinished runs that an error names

is_loading = False  # whether `load` is reading the Snakefile; then nothing may be written
_declared: list[Steps] = []  # by the last Snakefile that was read


def declare(steps: Steps) -> None:
    """Register the steps of the Snakefile that is being read, for `load`."""
    _declared[:] = [steps]


def declared() -> Steps | None:
    """Return the steps of the last Snakefile that was read in this process."""
    return _declared[-1] if _declared else None


def load(paths: Sequence[Path]) -> Steps:
    """Read the Snakefile with a study and the files merged over it, and return its steps; nothing is planned or written.

    An InputError says what is wrong with the configuration.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    configuration.resolve(configfiles.read_study(paths))  # raises errors without Snakemake's additions
    global is_loading
    config = ConfigSettings(config={"study": str(paths[0])}, configfiles=paths[1:])
    output = OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)
    is_loading = True
    logging.disable(logging.WARNING)  # Snakemake says how it merges the files, and prints the names of the rules
    try:
        with SnakemakeApi(output) as api, redirect_stdout(io.StringIO()):
            api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config, snakefile=SNAKEFILE).list_rules()
    finally:
        is_loading = False
        logging.disable(logging.NOTSET)
    return _declared[0]


def load_finished(paths: Sequence[Path], cores: int, wanted: str) -> Steps:
    """Make tables, figures and overview of a study where they are stale, and return its steps.

    An InputError says that runs are missing or stale, for what is `wanted`, which trains nothing.
    """
    steps = load(paths)
    if stale := steps.trainings(stale=True):
        lines = [f"  {step.key.removeprefix(TRAINING + '/')}: {steps.reasons(step.key)[0]}" for step in stale[:SHOWN]]
        more = [f"  and {len(stale) - SHOWN} more"] if len(stale) > SHOWN else []
        raise InputError(
            f"{len(stale)} runs are missing or stale, and {wanted} trains nothing: make run first (make why says more)\n"
            + "\n".join([*lines, *more])
        )
    command.snakemake(paths, cores, "--", str(steps["write_overview"].files[0]))
    return steps


def note_processor(study: Configuration) -> None:
    """Write a note for jobs on other hosts: whether the workflow's host multiplies bfloat16 in hardware."""
    write_json(_note(study), {"bfloat16": hardware.native_bfloat16()})


def refuse_another_precision(study: Configuration) -> None:
    """Refuse a job on a host where `precision: auto` means another precision than where the workflow runs, or than is known there.

    Its run would always be stale. An InputError says so.
    """
    path = _note(study)
    planned = read_json(path)["bfloat16"] if path.is_file() else None
    if study.depends_on_host and planned != hardware.native_bfloat16():
        raise InputError(
            "training.precision is auto, which means another precision on this host than on the one that runs the workflow; "
            "name float32 or mixed_bfloat16"
        )


def _note(study: Configuration) -> Path:
    results = fingerprint.digest({"results": str(study.results.resolve())})[:16]
    return Path(".snakemake") / f"planned-{results}.json"


def check_environments(folder: Path) -> None:
    """Check that the conda environments pin the library versions that runs are planned with.

    If they do not, every training would refuse to run, and an InputError says so.
    """
    pins = {
        pin for path in folder.glob("*.yaml") for pin in re.findall(r"(?m)^ +- (\w+)==(\S+)$", path.read_text(encoding="utf-8"))
    }
    here = {PACKAGES.get(library, library): library_version(library) for library in LIBRARIES}
    others = sorted((name, pinned) for name, pinned in pins if here.get(name, pinned) != pinned)
    if others:
        found = ", ".join(f"{name} {pinned} and not {here[name]}" for name, pinned in others)
        raise InputError(
            f"conda's environments ({folder.name}/*.yaml) have {found}, so trainings would not be those that are planned here; let "
            "Snakemake run on Python 3.11, whose versions they are (rm -r .venv; make setup PYTHON=python3.11), or leave conda out"
        )
