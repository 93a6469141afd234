"""What the overview is made from, and how it writes numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from convnets.findings import inference, wording
from convnets.report.texts import Texts
from convnets.runs.run import FIXED_METRICS, Run
from convnets.study.claims import Claim
from convnets.study.comparisons import Comparison

WHOLE = ("train_seconds", "iterations_to_min_val_loss")  # shown without digits after the point


@dataclass(frozen=True)
class Material:
    """The data of all sections: the params of the step, claims and comparisons by id, labels, runs, and tables by name."""

    settings: Mapping[str, Any]
    claims: Mapping[str, Claim]
    comparisons: Mapping[str, Comparison]
    labels: Mapping[str, str]
    runs: Sequence[Run]
    tables: Mapping[str, pd.DataFrame]

    @staticmethod
    def of(settings: Mapping[str, Any], runs: Sequence[Run], tables: Mapping[str, pd.DataFrame]) -> "Material":
        """Return the data of the sections."""
        listed = {claim.id: claim for claim in TypeAdapter(list[Claim]).validate_python(settings["claims"])}
        drawn = {each.id: each for each in TypeAdapter(list[Comparison]).validate_python(settings["comparisons"])}
        return Material(settings, listed, drawn, settings["labels"], runs, tables)

    def runs_of(self, variant: str) -> list[Run]:
        """Return the runs of a variant."""
        return [run for run in self.runs if run.variant == variant]

    def quantities(self, variant: str, metrics: Iterable[str], printed: Mapping[str, float]) -> Iterable[tuple[str, str, str]]:
        """Yield the mean of each metric over a variant's runs, its interval where it varies, and the number printed."""
        runs = self.runs_of(variant)
        for metric in metrics:
            estimate = inference.estimate([run.value(metric) for run in runs])
            number = "{:,.0f}".format if metric in WHOLE else wording.number
            interval = "" if metric in FIXED_METRICS else wording.interval(*estimate.interval(), number)
            yield shown(number(estimate.mean)), shown(interval), as_printed(printed.get(f"{variant}.{metric}"))

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


def shown(text: str) -> str:
    """Replace hyphens by minus signs, and let no line break before a deviation."""
    return text.replace("-", "\N{MINUS SIGN}").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
