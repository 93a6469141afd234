#!/usr/bin/env python
"""Tabulate how fast each variant learns, how much it overfits, and what it costs, as CSV and as Markdown."""

from pathlib import Path

from convnets import command, convergence, fingerprint, runs, settings, stamps, tables


def main() -> None:
    """Read the runs and write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="history.csv, metrics.json and record.json of each run")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, arguments.runs, [arguments.csv, arguments.markdown]):
        variants = {name: settings.from_dict(value) for name, value in arguments.settings["variants"].items()}
        accuracies = arguments.settings["accuracies"]
        table = convergence.table(runs.read(arguments.runs, variants), variants, arguments.settings["labels"], accuracies)
        tables.write_csv(table, arguments.csv)
        shown = tables.markdown(convergence.readable(table, accuracies))
        tables.write_text(f"{shown}\n{convergence.CAPTION}", arguments.markdown)


if __name__ == "__main__":
    command.run(main)
