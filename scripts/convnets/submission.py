"""What is checked before trainings are submitted or run in other environments, and what Slurm's executor has to be helped with."""

import re
from pathlib import Path

from convnets.errors import InputError
from convnets.executed import LIBRARIES, library_version

LONGEST_ARRAY = 1000  # tasks that Slurm takes by default: MaxArraySize less one


def check_array(runs: int, jobs: int, burst: int) -> None:
    """Check that all runs can be handed to Slurm's executor at once: it waits for ever for those of an array that are not.

    Parameters
    ----------
    runs
        How many there are to train.
    jobs
        How many may be submitted (`--jobs`).
    burst
        How many of them at a time (`--max-jobs-per-timespan`).

    Raises
    ------
    InputError
        Some would be held back, or they are more than fit into an array.
    """
    if runs > LONGEST_ARRAY:
        raise InputError(f"slurm-array-jobs: {runs:,} runs are more than the {LONGEST_ARRAY:,} of an array; group them instead")
    if runs > min(jobs, burst):
        raise InputError(
            f"slurm-array-jobs: an array needs all {runs:,} runs at once; jobs allows {jobs:,}, max-jobs-per-timespan {burst:,}: "
            f"add --jobs {runs} --max-jobs-per-timespan {runs}/1s"
        )


def remember_minimal_age() -> None:
    """Let Slurm's executor ask but once how long Slurm remembers jobs (MinJobAge).

    Version 2.8 asks before each look at its jobs. A controller that is away makes it ask the accounting database about them
    instead, and where there is none, it goes on doing so when the controller is back.
    """
    import snakemake_executor_plugin_slurm as plugin

    ask, known = plugin.get_min_job_age, list[int]()

    def minimal_age() -> int | None:
        if not known and (age := ask()) is not None:
            known.append(age)
        return known[0] if known else None

    plugin.get_min_job_age = minimal_age
    minimal_age()


def check_environments(folder: Path) -> None:
    """Check that conda's environments hold the versions that runs are planned with.

    Raises
    ------
    InputError
        They do not, so that each training would refuse to run.
    """
    pins = {
        pin for path in folder.glob("*.yaml") for pin in re.findall(r"(?m)^ +- (\w+)==(\S+)$", path.read_text(encoding="utf-8"))
    }
    here = {library: library_version(library) for library in LIBRARIES}
    others = sorted((name, pinned) for name, pinned in pins if here.get(name, pinned) != pinned)
    if others:
        found = ", ".join(f"{name} {pinned} and not {here[name]}" for name, pinned in others)
        raise InputError(
            f"conda's environments ({folder.name}/*.yaml) have {found}, so trainings would not be those that are planned here; let "
            "Snakemake run on Python 3.11, whose versions they are (rm -r .venv; make setup PYTHON=python3.11), or leave conda out"
        )
