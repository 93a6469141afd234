#!/usr/bin/env python
"""Write the report from finished runs: one HTML file that loads nothing from elsewhere.

It trains nothing, and stops if any run is missing or stale.
"""

import stage

from convnets.errors import InputError
from convnets.workflow import command, planning
from convnets.workflow.declarations import TRAINING

STYLE = planning.SNAKEFILE.parent / "report" / "snakemake.css"
SHOWN = 5  # runs that the error names


def main() -> None:
    """Check that the runs are finished, bring tables, figures and the overview up to date, and let Snakemake write its report."""
    parser = command.study_parser(__doc__)
    parser.add_argument("--cores", default="all", help="a number, or all (default)")
    arguments = parser.parse_args()
    steps = planning.load(arguments.configfiles)
    stale = {step.key: reasons for step in steps.trainings() if (reasons := steps.reasons(step.key))}
    if stale:
        lines = [f"  {key.removeprefix(TRAINING + '/')}: {reasons[0]}" for key, reasons in list(stale.items())[:SHOWN]]
        more = [f"  and {len(stale) - SHOWN} more"] if len(stale) > SHOWN else []
        raise InputError(
            f"{len(stale)} runs are missing or stale, and the report trains nothing: make run first (make why says more)\n"
            + "\n".join([*lines, *more])
        )
    overview, report = steps["write_overview"].files[0], steps.study.layout.results / "report.html"
    for options in (["--", str(overview)], ["--report", str(report), "--report-stylesheet", str(STYLE)]):
        command.snakemake(arguments.configfiles, arguments.cores, *options)
    print(f"{report} ({report.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    command.run(main)
