"""What the overview is made from, and how it writes numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from convnets.report.texts import Texts
from convnets.runs.run import Run
from convnets.study.claims import Claim
from convnets.study.comparisons import Comparison


@dataclass(frozen=True)
class Material:
    """The data of all sections: claims and comparisons by id, labels by variant, runs, and tables by name."""

    claims: Mapping[str, Claim]
    comparisons: Mapping[str, Comparison]
    labels: Mapping[str, str]
    runs: Sequence[Run]
    tables: Mapping[str, pd.DataFrame]

    @staticmethod
    def of(settings: Mapping[str, Any], runs: Sequence[Run], tables: Mapping[str, pd.DataFrame]) -> "Material":
        """Return the data of the sections; `settings` are the params of the step."""
        listed = {claim.id: claim for claim in TypeAdapter(list[Claim]).validate_python(settings["claims"])}
        drawn = {each.id: each for each in TypeAdapter(list[Comparison]).validate_python(settings["comparisons"])}
        return Material(listed, drawn, settings["labels"], runs, tables)

    def printed(self, texts: Texts) -> Mapping[str, float]:
        """Return the number that the report prints for each quantity. Claims of a user's own sections are left out.

        Of two printed numbers, such as 138,357,544 and 138 million, the more precise one is returned.
        """
        numbers = {spec["number"] for spec in texts.sections}
        equals = [claim for claim in self.claims.values() if claim.test == "equals" and claim.section in numbers]
        precise_last = sorted(equals, key=lambda claim: claim.margin, reverse=True)
        return {name: number for claim in precise_last for name, number in zip(claim.quantities, claim.reported, strict=True)}


def as_printed(number: float | None) -> str:
    """Format a number with the digits that the report prints; an empty text for None and NaN."""
    if number is None or pd.isna(number):
        return ""
    return shown(f"{number:,.0f}" if float(number).is_integer() else f"{number:,}")


def bracket(low: float, high: float, number: Callable[[float], str]) -> str:
    """Format an interval in brackets; an empty text if a bound is NaN."""
    return "" if math.isnan(low) or math.isnan(high) else shown(f"[{number(low)}, {number(high)}]")


def shown(text: str) -> str:
    """Replace hyphens by minus signs, and let no line break before a deviation."""
    return text.replace("-", "\N{MINUS SIGN}").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
