#!/usr/bin/env python
"""Tabulate the variants: mean and spread of each metric over the seeds, as CSV and as Markdown."""

from pathlib import Path

from convnets import command, fingerprint, runs, stamps, tables


def main() -> None:
    """Read the summaries and write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="summaries of the runs")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, arguments.metrics, [arguments.csv, arguments.markdown]):
        table = tables.variants([runs.read_summary(path) for path in arguments.metrics], arguments.settings["labels"])
        tables.write_csv(table, arguments.csv)
        tables.write_text(tables.variants_markdown(table), arguments.markdown)


if __name__ == "__main__":
    command.run(main)
