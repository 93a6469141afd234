"""What the overview is made from, and how it writes numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convnets.report.texts import Texts
from convnets.runs.run import Run
from convnets.study.claims import Claim
from convnets.study.comparisons import Comparison


@dataclass(frozen=True)
class Material:
    """What the sections are made from: claims, comparisons, runs, and the tables by name."""

    claims: Mapping[str, Claim]
    comparisons: Mapping[str, Comparison]
    labels: Mapping[str, str]
    runs: Sequence[Run]
    tables: Mapping[str, pd.DataFrame]

    def printed(self, texts: Texts) -> Mapping[str, float]:
        """Return the number that the report prints for each quantity, where it prints one; a user's own claims are not its.

        Where it prints two, such as 138,357,544 and 138 million, it is the more precise one.
        """
        numbers = {spec["number"] for spec in texts.sections}
        equals = [claim for claim in self.claims.values() if claim.test == "equals" and claim.section in numbers]
        precise_last = sorted(equals, key=lambda claim: claim.margin, reverse=True)
        return {name: number for claim in precise_last for name, number in zip(claim.quantities, claim.reported, strict=True)}


def as_printed(number: float | None) -> str:
    """Return a number with the digits that the report prints; nothing for none."""
    if number is None or pd.isna(number):
        return ""
    return shown(f"{number:,.0f}" if float(number).is_integer() else f"{number:,}")


def bracket(low: float, high: float, number: Callable[[float], str]) -> str:
    """Return an interval in brackets, or nothing where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else shown(f"[{number(low)}, {number(high)}]")


def shown(text: str) -> str:
    """Return numbers with a true minus sign, and no line break before a deviation."""
    return text.replace("-", "\N{MINUS SIGN}").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
