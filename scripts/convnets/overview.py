"""The overview: what was found, section by section as the report has it, ready to be set as a page.

Nothing is concluded here: verdicts, errata and tables are read, and means and intervals of single quantities are added.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from convnets import inference, wording
from convnets.claims import Claim
from convnets.comparisons import Comparison
from convnets.runs import FIXED_METRICS, Run
from convnets.texts import Text, Texts, same
from convnets.verdicts import VERDICTS

WHOLE = ("train_seconds", "iterations_to_min_val_loss")  # shown without digits after the point
VGG16 = "vgg16"


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place; below it its confidence interval, and what the report of 2021 printed."""

    text: str
    interval: str = ""
    reported: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the heading of each column, and for each row its name and its cells."""

    name: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, tuple[Cell, ...]], ...]
    caption: Text | None = None


@dataclass(frozen=True)
class ClaimLine:
    """A claim with its verdict; numbers are texts, empty where there is none."""

    id: str
    statement: str
    original: str
    reported: str
    measured: str
    interval: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Figure:
    """A figure by its name in `<results>/figures`, and its caption."""

    name: str
    caption: Text


@dataclass(frozen=True)
class Section:
    """A section: of the report if it has a number, else one that follows it."""

    id: str
    number: str
    title: Text
    question: Text
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    claims: tuple[ClaimLine, ...] = ()
    errata: tuple[Mapping[str, str], ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many claims have each verdict, those that occur."""
        return tally(self.claims)


@dataclass(frozen=True)
class Study:
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


def sections(study: Study, texts: Texts) -> list[Section]:
    """Return the report's sections in its order, and last what the configuration has beyond them, if anything."""
    lines = {line.id: line for line in claim_lines(study)}
    errata = [{str(key): str(value) for key, value in row.items()} for row in study.tables["errata"].fillna("").to_dict("records")]
    found = []
    for spec in texts.sections:
        number = spec["number"]
        comparison = spec.get("comparison", "")
        found.append(
            Section(
                id=f"section-{number.replace('.', '-')}",
                number=number,
                title=spec["title"],
                question=spec["question"],
                figures=tuple(_figures([comparison], study, texts)),
                tables=tuple(_numbers(spec["numbers"], comparison, study, texts)),
                claims=tuple(lines.pop(claim.id) for claim in study.claims.values() if claim.section == number),
                errata=tuple(row for row in errata if _first_section(row["section"]) == number),
            )
        )
    known = {spec.get("comparison") for spec in texts.sections}
    others = [name for name in study.comparisons if name not in known]
    if lines or others:
        tables = [table for name in others for table in _numbers(["best_val_accuracy", "test_accuracy"], name, study, texts)]
        title, question = texts.labels["other"], texts.labels["other_question"]
        figures = tuple(_figures(others, study, texts))
        found.append(Section("other", "", title, question, figures, tuple(tables), tuple(lines.values())))
    return found


def claim_lines(study: Study) -> Iterable[ClaimLine]:
    """Yield the lines of the table of claims."""
    for row in study.tables["claims"].to_dict("records"):
        claim = study.claims[row["id"]]
        interval = bracket(row["ci_low"], row["ci_high"], wording.number)
        measured = "" if pd.isna(row["measured"]) else shown(wording.number(float(row["measured"])))
        reported, verdict = as_printed(row["reported"]), row["verdict"]
        yield ClaimLine(claim.id, row["statement"], claim.original, reported, measured, interval, verdict, row["note"])


def tally(lines: Iterable[ClaimLine]) -> Mapping[str, int]:
    """Count the claims by verdict, in the order of the verdicts; verdicts that do not occur are left out."""
    given = [line.verdict for line in lines]
    return {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}


def _first_section(sections_of_erratum: str) -> str:
    """Return the first of the sections that an erratum names, such as "2.1" of "2.1 to 3"."""
    found = re.match(r"[\d.]+", sections_of_erratum)
    return found[0] if found else ""


def _figures(names: Iterable[str], study: Study, texts: Texts) -> Iterable[Figure]:
    for name in names:
        if name == VGG16:
            yield Figure(name, texts.captions[VGG16])
        elif name in study.comparisons:
            comparison = study.comparisons[name]
            seeds = len({run.seed for run in study.runs})
            spread = texts.captions["one_run"] if seeds == 1 else texts.captions["spread"].fill(count=str(seeds))
            splits = dict.fromkeys(split for row in comparison.rows for split in row)
            drawn = texts.captions["and"].join([texts.captions[split] for split in splits])
            number = f"{comparison.figure}. " if comparison.figure else ""
            figure = Text(number, number.replace("Figure", "Figura").replace(" and ", " y "))
            yield Figure(name, texts.captions["curves"].fill(figure=figure, splits=drawn, spread=spread))


def _numbers(wanted: str | Sequence[str], comparison: str, study: Study, texts: Texts) -> Iterable[Table]:
    """Yield the table of a section: of a comparison's variants, or one of those without runs."""
    if wanted == VGG16:
        yield _vgg16(study, texts)
    elif wanted == "memory":
        yield _memory(study, texts)
    elif comparison in study.comparisons:
        printed = study.printed(texts)
        rows = []
        for member in study.comparisons[comparison].members:
            runs = [run for run in study.runs if run.variant == member.variant]
            cells = (quantity(runs, metric, printed.get(f"{member.variant}.{metric}")) for metric in wanted)
            rows.append((same(study.labels[member.variant]), tuple(cells)))
        yield Table(texts.labels["network"], tuple(texts.metrics[metric] for metric in wanted), tuple(rows))


def quantity(runs: Sequence[Run], metric: str, reported: float | None = None) -> Cell:
    """Return the mean of a metric over a variant's runs, with its interval where it varies, and the report's number."""
    estimate = inference.estimate([run.value(metric) for run in runs])

    def number(value: float) -> str:
        return f"{value:,.0f}" if metric in WHOLE else wording.number(value)

    interval = "" if metric in FIXED_METRICS else bracket(*estimate.interval(), number)
    return Cell(shown(number(estimate.mean)), interval, as_printed(reported))


def _vgg16(study: Study, texts: Texts) -> Table:
    units = ("parameters", "bits", "megabytes")
    printed = study.printed(texts)
    rows = []
    for row in study.tables[VGG16].to_dict("records"):
        numbers = [printed.get(f"{VGG16}.{row['block']}.{unit}") for unit in units]
        texts_of_row = [f"{row['parameters']:,}", f"{row['bits']:,}", f"{row['megabytes']:,.2f}"]
        cells = (Cell(text, "", as_printed(number)) for text, number in zip(texts_of_row, numbers, strict=True))
        rows.append((same(str(row["block"])), tuple(cells)))
    return Table(texts.labels["block"], tuple(texts.metrics[unit] for unit in units), tuple(rows))


def _memory(study: Study, texts: Texts) -> Table:
    rows = []
    for row in study.tables["memory"].to_dict("records"):
        parameters = Cell(f"{row['parameters']:,}", "", as_printed(row["reported_parameters"]))
        megabytes = Cell(f"{row['megabytes']:,.5g}", "", as_printed(row["reported_megabytes"]))
        rows.append((same(str(row["network"])), (parameters, megabytes, Cell(str(row["note"])))))
    return Table(
        texts.labels["network"], (texts.metrics["parameters"], texts.metrics["megabytes"], texts.labels["note"]), tuple(rows)
    )


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
