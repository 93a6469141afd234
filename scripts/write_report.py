#!/usr/bin/env python
"""Write the report from finished runs: one HTML file that loads nothing from elsewhere.

It trains nothing, and stops if any run is missing or stale.
"""

import stage

from convnets.workflow import command, planning

STYLE = planning.SNAKEFILE.parent / "report" / "snakemake.css"


def main() -> None:
    """Check that the runs are finished, bring tables, figures and the overview up to date, and let Snakemake write its report."""
    arguments = command.study_parser(__doc__, cores_for="for tables and figures that are stale").parse_args()
    steps = planning.load_finished(arguments.configfiles, arguments.cores, "the report")
    report = steps.study.layout.results / "report.html"
    command.snakemake(arguments.configfiles, arguments.cores, "--report", str(report), "--report-stylesheet", str(STYLE))
    print(f"{report} ({report.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    command.run(main)
