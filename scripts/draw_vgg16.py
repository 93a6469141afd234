#!/usr/bin/env python
"""Draw VGG-16."""

from pathlib import Path

from convnets import command, drawing, figures


def main() -> None:
    """Draw the figure and write it in each format."""
    parser = command.parser(__doc__)
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="outputs, in the formats of their suffixes")
    figures.save(drawing.vgg16_figure(), *parser.parse_args().figures)


if __name__ == "__main__":
    command.run(main)
