#!/usr/bin/env python
"""Tabulate the parameters of VGG-16 by block, and the memory they take."""

from pathlib import Path

from convnets import command, fingerprint, stamps, tables


def main() -> None:
    """Write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--csv", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    with stamps.stamping(arguments.stamp, fingerprint.step_components(Path(__file__), arguments.settings), [], [arguments.csv]):
        tables.write_csv(tables.vgg16_blocks(), arguments.csv)


if __name__ == "__main__":
    command.run(main)
