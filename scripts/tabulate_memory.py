#!/usr/bin/env python
"""Tabulate parameters and memory of the trained networks and of VGG-16, beside what the report printed."""

from pathlib import Path

from convnets import command, fingerprint, runs, stamps, tables


def main() -> None:
    """Read the two summaries and write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--dense", type=Path, required=True, help="summary of a run with the dense head")
    parser.add_argument("--conv1x1", type=Path, required=True, help="summary of a run with the 1x1 head")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    inputs, outputs = [arguments.dense, arguments.conv1x1], [arguments.csv, arguments.markdown]
    with stamps.stamping(arguments.stamp, components, inputs, outputs):
        labels = {network["variant"]: network["label"] for network in arguments.settings["networks"].values()}
        table = tables.memory(runs.read_summary(arguments.dense), runs.read_summary(arguments.conv1x1), labels)
        tables.write_csv(table, arguments.csv)
        tables.write_text(tables.memory_markdown(table), arguments.markdown)


if __name__ == "__main__":
    command.run(main)
