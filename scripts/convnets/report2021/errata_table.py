"""The table of the report's errata."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from convnets import tables
from convnets.report2021.errata import Erratum


def table(found: Sequence[Erratum], claims_csv: Path, errata_of_claims: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return one row per erratum, with the claims that name it and their verdicts, which the table of claims holds."""
    claims = tables.read(claims_csv)
    verdicts = dict(zip(claims["id"], claims["verdict"], strict=True))
    frame = pd.DataFrame(list(found))
    frame["claims"] = [
        "; ".join(f"{claim}: {verdict}" for claim, verdict in verdicts.items() if erratum in errata_of_claims.get(claim, ()))
        for erratum in frame["id"]
    ]
    return frame


def markdown(errata: pd.DataFrame) -> str:
    """Return the errata as Markdown, a paragraph each."""
    text = "# Errata of the report\n"
    for row in errata.to_dict("records"):
        text += f"\n## {row['id']} (section {row['section']})\n\n- The report: {row['reported']}.\n- Right: {row['correct']}.\n"
        text += f"- Why: {row['derivation']}\n- What follows: {row['consequence']}\n"
        text += f"- Claims: {row['claims']}.\n" if row["claims"] else ""
    return text
