#!/usr/bin/env python
"""Compare the verdicts of a study with those of a baseline: finished runs in another folder, judged by the same claims.

Exit status 0: no verdict flipped, and none was lost by a significant difference. 1: some did. 2: the studies cannot be compared.
Runs of the study that are stale only because code or a library changed are verified first (`verify_runs.py`), as after an upgrade.
Writes <results>/tables/gate.csv, and a summary where GITHUB_STEP_SUMMARY names a file.
"""

import stage

import os
import subprocess
import sys
from pathlib import Path

from convnets import tables
from convnets.errors import InputError
from convnets.findings import gate, looks
from convnets.findings.gate import Row
from convnets.runs import reading
from convnets.workflow import command, planning, verify
from convnets.workflow.steps import Steps

SCRIPTS = Path(__file__).parent
PASSES, FAILS, NOT_COMPARABLE = range(3)


def main() -> None:
    """Judge both studies, write the table, print what differs."""
    parser = command.study_parser(__doc__, cores_for="for runs that are verified")
    parser.add_argument("--baseline", type=Path, required=True, help="results folder of the baseline")
    arguments = parser.parse_args()
    try:
        steps = planning.load(arguments.configfiles)
        file = steps.study.results / "tables" / "gate.csv"
        file.unlink(missing_ok=True)
        if _can_be_verified(steps):
            verifying = [SCRIPTS / "verify_runs.py", "--cores", str(arguments.cores), *arguments.configfiles]
            subprocess.run([sys.executable, *verifying], check=False)
            steps = steps.again()
        rows, bits = _compare(steps, arguments.baseline)
    except InputError as error:
        _say(f"not comparable: {error}")
        sys.exit(NOT_COMPARABLE)
    table = gate.frame(rows)
    tables.write_csv(table, file)
    _say(gate.summary(rows, bits), tables.markdown(gate.readable(table)))
    sys.exit(PASSES if all(row.passes for row in rows) else FAILS)


def _say(text: str, table: str = "") -> None:
    """Print what became of the verdicts, and add it with the table to the summary of a forge."""
    print(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"## Gate\n\n{text}\n\n{table}\n")


def _can_be_verified(steps: Steps) -> bool:
    """Return whether runs are stale, and each of them can be verified."""
    stale = {step.key for step in steps.trainings(stale=True)}
    return bool(stale) and stale == {step.key for step, obstacle in verify.candidates(steps) if not obstacle}


def _compare(steps: Steps, folder: Path) -> tuple[list[Row], tuple[int, int]]:
    """Return the rows of the gate, and how many runs are the same bits, of how many; an InputError if there is no comparison."""
    study = steps.study
    if not study.claims:
        raise InputError("the study has no claims")
    if stale := steps.trainings(stale=True):
        first = stale[0]
        raise InputError(
            f"{len(stale)} runs of the study are missing or stale, such as {first.stamp.parent} ({steps.reasons(first.key)[0]}); "
            "make run trains them"
        )
    images = study.described.format
    here = [study.runs.run(variant, seed) for variant in study.variants for seed in study.seeds]
    runs = reading.read(here, study.variants, images)
    there = [run for found in reading.runs_by_variant(folder).values() for run in found]
    baseline = reading.read_elsewhere(there, {}, images)
    if not baseline:
        raise InputError(f"{folder} holds no finished runs: no runs/VARIANT/seedN with {', '.join(reading.FILES)}")
    tested = {run.record.data["test"] for run in (*runs, *baseline) if run.record}
    if len(tested) > 1:
        raise InputError(f"{folder} was tested on other images")
    rows = gate.compare(study.claims, runs, baseline, looks.alpha(study.looks))
    of_runs = {claim.id for claim in study.claims if claim.variants}
    if all(row.outcome == gate.LEFT_OUT for row in rows if row.claim in of_runs):
        left_out = next((f"; {row.claim}: {row.note}" for row in rows if row.note), "")
        raise InputError(f"no claim about networks can be compared{left_out}")
    equal, both = gate.same_bits(runs, baseline)
    varying = [row for row in rows if row.p is not None]
    is_same, is_tested = both and equal == both, any(row.ci_low is not None for row in varying)
    if varying and not is_same and not is_tested and all(row.passes for row in rows):
        raise InputError("no claim that varies by seed can be tested, since that takes two seeds or more in both studies")
    return rows, (equal, both)


if __name__ == "__main__":
    command.run(main, failure=NOT_COMPARABLE)
