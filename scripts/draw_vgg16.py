#!/usr/bin/env python
"""Draw VGG-16."""

from pathlib import Path

from convnets import command, drawing, figures, fingerprint, stamps


def main() -> None:
    """Draw the figure and write it in each format."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="outputs, in the formats of their suffixes")
    arguments = parser.parse_args()
    with stamps.stamping(arguments.stamp, fingerprint.step_components(Path(__file__), arguments.settings), [], arguments.figures):
        figures.save(drawing.vgg16_figure(), *arguments.figures)


if __name__ == "__main__":
    command.run(main)
