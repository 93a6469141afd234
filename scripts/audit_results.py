#!/usr/bin/env python
"""Compare the results with the tracking store, both ways; print every difference and exit with status 1 if there is any."""

import stage

import sys

from convnets.workflow import audit, command, planning


def main() -> None:
    """Audit what the configuration's results folder holds."""
    steps = planning.load(command.study_parser(__doc__).parse_args().configfiles)
    steps.study.require_own_runs()
    count, differences = audit.differences(steps)
    for difference in differences:
        print(difference)
    print(f"{count} runs audited against {steps.study.store.uri}: {len(differences) or 'no'} differences")
    sys.exit(bool(differences))


if __name__ == "__main__":
    command.run(main)
