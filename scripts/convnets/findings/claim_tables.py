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

COLUMNS = (
    *("id", "section", "statement", "reported", "measured", "ci_low", "ci_high", "seeds", "verdict", "note"),
    *("adjusted_low", "adjusted_high"),  # for all claims (`Judgement.adjusted_interval`)
)


def claims(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Return one row per claim, with the number that the report prints beside the one measured, its interval and the verdict.

    A claim with several conditions shows the numbers of the one that decides. Exact numbers have no interval.
    """
    rows = []
    for judgement in judgements:
        claim, finding = judgement.claim, judgement.decisive
        reported = claim.reported[judgement.findings.index(finding)] if claim.test == "equals" else next(iter(claim.reported), None)
        numbers = map(_rounded, (finding.measured, *finding.interval()))
        verdict, note, adjusted = judgement.verdict, wording.note(judgement), map(_rounded, judgement.adjusted_interval)
        rows.append((claim.id, claim.section, claim.statement, reported, *numbers, judgement.seeds, verdict, note, *adjusted))
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _rounded(value: float) -> float | None:
    """Round a number as the CSV does: whole numbers become integers, NaN becomes None."""
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else tables.significant(value)


def readable(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the table of claims for readers; `kind` is that of its intervals, "ci" or "adjusted"."""
    numbers = table[["reported", "measured", f"{kind}_low", f"{kind}_high"]].astype(float)
    text = numbers.map(lambda value: "" if math.isnan(value) else wording.number(value))
    shown = table[["section", "statement"]].assign(report=text["reported"], here=text["measured"])
    shown["interval"] = list(map(wording.interval, numbers[f"{kind}_low"], numbers[f"{kind}_high"]))
    return shown.assign(seeds=table["seeds"], verdict=table["verdict"]).astype(str)


def claims_markdown(table: pd.DataFrame, look: str = "") -> str:
    """Return the count of the verdicts, the look that they are of, the table of claims and the notes, as Markdown."""
    shown = readable(table, "ci")
    shown["here"] = (shown["here"] + " " + shown.pop("interval")).str.strip()
    shown.insert(1, "claim", table["id"])
    notes = "".join(f"- **{claim}**: {note}\n" for claim, note in zip(table["id"], table["note"], strict=True))
    counts = table["verdict"].value_counts()
    summary = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)
    head = f"{len(table)} claims: {summary}.\n" + (f"\n{look}\n" if look else "")
    return f"{head}\n{tables.markdown(shown)}\n{notes}"


def errata(found: Sequence[Erratum], claims_csv: Path, errata_of_claims: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return one row per erratum, with the claims that name it and their verdicts, which the table of claims holds."""
    claims = tables.read(claims_csv)
    verdicts = dict(zip(claims["id"], claims["verdict"], strict=True))
    frame = pd.DataFrame([asdict(erratum) for erratum in found])
    frame["claims"] = [
        "; ".join(f"{claim}: {verdict}" for claim, verdict in verdicts.items() if erratum in errata_of_claims.get(claim, ()))
        for erratum in frame["id"]
    ]
    return frame


def errata_markdown(table: pd.DataFrame) -> str:
    """Return the errata as Markdown, a paragraph each."""
    text = "# Errata of the report\n"
    for row in table.to_dict("records"):
        text += f"\n## {row['id']} (section {row['section']})\n\n- The report: {row['reported']}.\n- Right: {row['correct']}.\n"
        text += f"- Why: {row['derivation']}\n- What follows: {row['consequence']}\n"
        text += f"- Claims: {row['claims']}.\n" if row["claims"] else ""
    return text
