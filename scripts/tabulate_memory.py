#!/usr/bin/env python
"""Tabulate parameters and memory of the trained networks and of VGG-16, beside what the report printed."""

import json
from pathlib import Path

from convnets import command, records, tables


def main() -> None:
    """Read the two summaries and write the table."""
    parser = command.parser(__doc__)
    parser.add_argument("--labels", required=True, help="JSON: the label of each variant")
    parser.add_argument("--dense", type=Path, required=True, help="summary of a run with the dense head")
    parser.add_argument("--conv1x1", type=Path, required=True, help="summary of a run with the 1x1 head")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    table = tables.memory(
        records.read_metrics(arguments.dense), records.read_metrics(arguments.conv1x1), json.loads(arguments.labels)
    )
    tables.write_csv(table, arguments.csv)
    tables.write_text(tables.memory_markdown(table), arguments.markdown)


if __name__ == "__main__":
    command.run(main)
