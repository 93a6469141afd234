#!/usr/bin/env python
"""Tabulate the report's errors: what it prints, what is right and why, and what becomes of its conclusion."""

from pathlib import Path

from convnets import claim_tables, command, errata, fingerprint, stamps, tables


def main() -> None:
    """Compute the errata, add the verdicts of the claims that they concern, write the table."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--claims", type=Path, required=True, help="table of claims")
    parser.add_argument("--csv", type=Path, required=True, help="output")
    parser.add_argument("--markdown", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    with stamps.stamping(arguments.stamp, components, [arguments.claims], [arguments.csv, arguments.markdown]):
        concerned = claim_tables.concerned(arguments.claims, arguments.settings["claims"])
        table = claim_tables.errata(errata.find(), concerned)
        tables.write_csv(table, arguments.csv)
        tables.write_text(claim_tables.errata_markdown(table), arguments.markdown)


if __name__ == "__main__":
    command.run(main)
