#!/usr/bin/env python
"""Check configuration files, before Snakemake reads them and says less of what is wrong with them."""

import stage

from convnets.study import configfiles, configuration
from convnets.workflow import command


def main() -> None:
    """Read the files and check what they hold together."""
    configuration.resolve(configfiles.read_study(command.study_parser(__doc__).parse_args().configfiles))


if __name__ == "__main__":
    command.run(main)
