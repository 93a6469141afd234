#!/usr/bin/env python
"""Draw a comparison's learning curves from the histories of its runs."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from convnets import command, comparisons, figures, fingerprint, records, stamps


def main() -> None:
    """Read the histories, draw the figure, write it in each format."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--histories", type=Path, nargs="+", required=True, help=".../{variant}/seed{seed}/history.csv")
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="outputs, in the formats of their suffixes")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, arguments.histories, arguments.figures):
        histories: dict[str, list[Path]] = defaultdict(list)
        for path in arguments.histories:
            histories[records.variant_of(path)].append(path)
        curves = {variant: figures.curves(map(pd.read_csv, paths)) for variant, paths in histories.items()}
        comparison = comparisons.from_dict(arguments.settings["comparison"])
        figures.save(figures.comparison(comparison, curves), *arguments.figures)


if __name__ == "__main__":
    command.run(main)
