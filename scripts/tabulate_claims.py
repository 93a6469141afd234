#!/usr/bin/env python
"""Tabulate what the runs say of each claim: measured numbers with intervals, and a verdict, as CSV and as Markdown."""

from pathlib import Path

from convnets import claim_tables, command, fingerprint, runs, settings, stamps, tables, verdicts, wording
from convnets.claims import from_dict as claim_from_dict


def main() -> None:
    """Read the runs, judge the claims, write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--runs", type=Path, nargs="*", required=True, help="history.csv, metrics.json and record.json of each run")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, arguments.runs, [arguments.csv, arguments.markdown]):
        variants = {name: settings.from_dict(value) for name, value in arguments.settings["variants"].items()}
        finished = runs.read(arguments.runs, variants)
        judged = verdicts.judge([claim_from_dict(value) for value in arguments.settings["claims"]], finished)
        notes = [wording.note(judgement, finished, arguments.settings["images"]) for judgement in judged]
        table = claim_tables.claims(judged, notes)
        tables.write_csv(table, arguments.csv)
        tables.write_text(claim_tables.claims_markdown(table), arguments.markdown)


if __name__ == "__main__":
    command.run(main)
