"""The tables of claims and of errata."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from convnets import tables
from convnets.findings import wording
from convnets.findings.frozen import Standing
from convnets.findings.verdicts import VERDICTS, Judgement
from convnets.markdown import plain

EXACT, MEASURED = "exact", "measured"  # on trained networks
INTERVALS = (
    "In brackets are intervals with the confidence of the test behind the verdict, adjusted for all claims; of a number printed of "
    "a single run, the prediction interval outside of which it is contradicted (the plain one of 95 % bears it out). The CSV file "
    "has 95 % intervals, too."
)


def claims(judgements: Sequence[Judgement], *at_margins: Mapping[str, str], standing: Standing | None = None) -> pd.DataFrame:
    """Return one row per claim, with the number that the report prints beside the one measured, its interval and the verdict.

    A claim with several conditions shows the numbers of the one that decides. Exact numbers have no interval. Adjusted intervals
    have the confidence that the verdict rests on (`Judgement.adjusted`). `at_margins`, if they are given, hold the verdicts at half
    and at double margins, by id, of claims that have one. `standing` tells what is as it was frozen; the last column is empty
    without it.
    """
    rows = []
    for judgement in judgements:
        claim, finding = judgement.claim, judgement.decisive
        numbers = (judgement.reported(finding), *map(_rounded, (finding.measured, *finding.interval())))
        adjusted = map(_rounded, judgement.adjusted(finding))
        verdicts = [found.get(claim.id) for found in at_margins] or [None, None]
        kind, mark = EXACT if claim.is_exact else MEASURED, standing.marks[claim.id] if standing else None
        said = (judgement.seeds, judgement.verdict, _note(judgement))
        rows.append((claim.id, claim.section, claim.statement, *numbers, *said, *adjusted, *verdicts, kind, mark))
    return pd.DataFrame(rows, columns=list(tables.CLAIMS), dtype=object)


def _note(judgement: Judgement) -> str:
    """Return the note of a claim, with the errata that it falls under."""
    several = judgement.claim.erratum
    said = f" See {'errata' if len(several) > 1 else 'erratum'} {', '.join(several)}." if several else ""
    return f"{wording.note(judgement)}{said}"


def _rounded(value: float) -> float | None:
    """Round a number as the CSV does: whole numbers become integers, NaN becomes None."""
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else tables.significant(value)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of claims for readers, with adjusted intervals: those that the verdicts rest on."""
    numbers = table[["reported", "measured", "adjusted_low", "adjusted_high"]].astype(float)
    reported = list(map(wording.printed, numbers["reported"]))
    measured = ["" if math.isnan(value) else wording.number(value) for value in numbers["measured"]]
    shown = table[["section", "statement"]].assign(report=reported, here=measured)
    shown["interval"] = list(map(wording.interval, numbers["adjusted_low"], numbers["adjusted_high"]))
    return shown.assign(seeds=table["seeds"], verdict=table["verdict"]).astype(str)


def claims_markdown(table: pd.DataFrame, look: str = "", standing: Standing | None = None) -> str:
    """Return as Markdown the count of the verdicts, their look, what was frozen, the table of claims and the notes."""
    shown = readable(table)
    about_intervals = f"{INTERVALS}\n\n" if shown["interval"].any() else ""
    shown["here"] = (shown["here"] + " " + shown.pop("interval")).str.strip()
    shown.insert(1, "claim", table["id"])
    if standing and not standing.is_other:
        shown["frozen"] = table["frozen"]
    notes = "".join(f"- **{claim}**: {note}\n" for claim, note in zip(table["id"], table["note"], strict=True))
    head = f"{tally(table)}\n" + (f"\n{look}\n" if look else "")
    if standing:
        head += "\n" + "\n".join([standing.described, *(f"- {plain(text)}" for text in standing.differences)]) + "\n"
    return f"{head}\n{tables.markdown(shown)}\n{about_intervals}{notes}{_margins(table)}"


def tally(table: pd.DataFrame) -> str:
    """Return how many claims have which verdict, those that are exact and those about trained networks apart."""
    parts = [f"{len(table)} claims."]
    for kind, name in ((EXACT, "exact"), (MEASURED, "about trained networks")):
        counts = table[table["kind"] == kind]["verdict"].value_counts()
        if counts.sum():
            found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
            parts.append(f"Of {counts.sum()} {name}, {found}.")
    return " ".join(parts)


def _margins(table: pd.DataFrame) -> str:
    """Return the verdicts that would be others at half or at double margins, as Markdown."""
    columns = {"id": "claim", "at_half_margin": "half the margin", "verdict": "the margin", "at_double_margin": "double the margin"}
    known = table[table["at_half_margin"].notna()]
    if known.empty:
        return ""
    other = known[(known["at_half_margin"] != known["verdict"]) | (known["at_double_margin"] != known["verdict"])]
    count = f"Claims with a margin: {len(known)}. At half or at double of it, {len(other)} would have another verdict."
    head = f"\n## Other margins\n\n{count}\n"
    return head if other.empty else f"{head}\n{tables.markdown(other[[*columns]].rename(columns=columns))}"
