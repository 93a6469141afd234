#!/usr/bin/env python
"""Tabulate the parameters of VGG-16 by block, and the memory they take."""

from pathlib import Path

from convnets import command, tables


def main() -> None:
    """Write the table."""
    parser = command.parser(__doc__)
    parser.add_argument("--csv", type=Path, required=True, help="output")
    tables.write_csv(tables.vgg16_blocks(), parser.parse_args().csv)


if __name__ == "__main__":
    command.run(main)
