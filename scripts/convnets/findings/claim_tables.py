"""The tables of claims and of errata."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from convnets import tables
from convnets.findings import wording
from convnets.findings.verdicts import VERDICTS, Judgement
from convnets.report2021.errata import Erratum

COLUMNS = ("id", "section", "statement", "reported", "measured", "ci_low", "ci_high", "seeds", "verdict", "note")


def claims(judgements: Sequence[Judgement], notes: Sequence[str]) -> pd.DataFrame:
    """Return one row per claim, with the number that the report prints beside the one measured, its interval and the verdict.

    A claim with several conditions shows the numbers of the one that decides. Exact numbers have no interval.
    """
    rows = []
    for judgement, note in zip(judgements, notes, strict=True):
        claim, finding = judgement.claim, judgement.decisive
        reported = claim.reported[judgement.findings.index(finding)] if claim.test == "equals" else next(iter(claim.reported), None)
        numbers = map(_rounded, (finding.measured, *finding.interval))
        rows.append((claim.id, claim.section, claim.statement, reported, *numbers, judgement.seeds, judgement.verdict, note))
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _rounded(value: float) -> float | None:
    """Round a number as the CSV does: whole numbers become integers, NaN becomes None."""
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else tables.significant(value)


def claims_markdown(table: pd.DataFrame) -> str:
    """Return the count of the verdicts, the table of claims and the notes, as Markdown."""
    shown = pd.DataFrame({"section": table["section"], "claim": table["id"], "statement": table["statement"]})
    shown["report"] = ["" if number is None else wording.number(number) for number in table["reported"]]
    measured = zip(table["measured"], table["ci_low"], table["ci_high"], strict=True)
    shown["here"] = [
        ("" if mean is None else wording.number(mean))
        + ("" if low is None else f" [{wording.number(low)}, {wording.number(high)}]")
        for mean, low, high in measured
    ]
    shown["seeds"], shown["verdict"] = table["seeds"], table["verdict"]
    notes = "".join(f"- **{claim}**: {note}\n" for claim, note in zip(table["id"], table["note"], strict=True))
    counts = table["verdict"].value_counts()
    summary = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)
    return f"{len(table)} claims: {summary}.\n\n{tables.markdown(shown)}\n{notes}"


def errata(found: Sequence[Erratum], concerned: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return one row per erratum, with the claims that it concerns and their verdicts."""
    frame = pd.DataFrame([asdict(erratum) for erratum in found])
    frame["claims"] = ["; ".join(concerned.get(erratum.id, ())) for erratum in found]
    return frame


def errata_markdown(table: pd.DataFrame) -> str:
    """Return the errata as Markdown, a paragraph each."""
    text = "# Errata of the report\n"
    for row in table.to_dict("records"):
        text += f"\n## {row['id']} (section {row['section']})\n\n- The report: {row['reported']}.\n- Right: {row['correct']}.\n"
        text += f"- Why: {row['derivation']}\n- What follows: {row['consequence']}\n"
        text += f"- Claims: {row['claims']}.\n" if row["claims"] else ""
    return text


def concerned(claims_csv: Path, errata_of_claims: Mapping[str, Sequence[str]]) -> Mapping[str, list[str]]:
    """Return the claims of a table that name each erratum, with their verdicts, from the errata that each claim names."""
    table = tables.read(claims_csv)
    found: dict[str, list[str]] = {}
    for claim, verdict in zip(table["id"], table["verdict"], strict=True):
        for erratum in errata_of_claims.get(claim, ()):
            found.setdefault(erratum, []).append(f"{claim}: {verdict}")
    return found
