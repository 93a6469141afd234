"""Studies whose runs are finished, for commands that train nothing."""

from collections.abc import Sequence
from pathlib import Path

from convnets.errors import InputError
from convnets.workflow import command, planning
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps

SHOWN = 5  # runs that the error names


def bring_up_to_date(configfiles: Sequence[Path], cores: str, wanted: str) -> Steps:
    """Make tables, figures and overview of a study where they are stale, and return its steps.

    Raises
    ------
    InputError
        Runs are missing or stale; `wanted` says what for.
    """
    steps = planning.load(configfiles)
    stale = {step.key: reasons for step in steps.trainings() if (reasons := steps.reasons(step.key))}
    if stale:
        lines = [f"  {key.removeprefix(TRAINING + '/')}: {reasons[0]}" for key, reasons in list(stale.items())[:SHOWN]]
        more = [f"  and {len(stale) - SHOWN} more"] if len(stale) > SHOWN else []
        raise InputError(
            f"{len(stale)} runs are missing or stale, and {wanted} trains nothing: make run first (make why says more)\n"
            + "\n".join([*lines, *more])
        )
    command.snakemake(configfiles, cores, "--", str(steps["write_overview"].files[0]))
    return steps
