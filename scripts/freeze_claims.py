#!/usr/bin/env python
"""Freeze the claims of a study before its runs: write their digests, and the seeds that will judge them, to a file beside it.

Tables, page and `make why` then mark what changed after. Exit status 1, and nothing is written, where runs of these seeds have
begun already, or other claims were frozen before.
"""

import stage

from convnets.study import configfiles, configuration
from convnets.workflow import command, freezing


def main() -> None:
    """Freeze what the configuration files claim."""
    paths = command.study_parser(__doc__).parse_args().configfiles
    print(freezing.freeze(configuration.resolve(configfiles.read_study(paths))))


if __name__ == "__main__":
    command.run(main)
