"""The overview: the findings, in the order of the report's sections, ready to be rendered as a page.

Verdicts, errata and tables are read. Only means and intervals of single quantities are computed here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from convnets.findings import inference, wording
from convnets.report import statements
from convnets.report.material import Material, as_printed, bracket, shown
from convnets.report.statements import ClaimLine, ErratumBox
from convnets.report.texts import Text, Texts, same
from convnets.runs.run import FIXED_METRICS, Run

WHOLE = ("train_seconds", "iterations_to_min_val_loss")  # shown without digits after the point
VGG16 = "vgg16"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, the confidence interval below it, and the number that the report of 2021 printed."""

    text: str
    interval: str = ""
    reported: str = ""


@dataclass(frozen=True)
class Table:
    """A table: column headings, and rows of a name and cells. `name` is the heading of the rows' names."""

    name: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, tuple[Cell, ...]], ...]
    caption: Text | None = None


@dataclass(frozen=True)
class Figure:
    """A figure: its name in `<results>/figures` and its caption. `has_halves`: it can be cut into a left and a right half."""

    name: str
    caption: Text
    has_halves: bool


@dataclass(frozen=True)
class Section:
    """A section of the overview. Sections of the report have a number; those that follow the report have none.

    `errata` are shown in this section; `elsewhere` are errata that concern it and are shown in another one. `is_computed` says that
    its numbers come from formulas. `see` is the id and the title of a section that says more.
    """

    id: str
    number: str
    title: Text
    question: Text
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    claims: tuple[ClaimLine, ...] = ()
    errata: tuple[ErratumBox, ...] = ()
    notes: tuple[Text, ...] = ()
    answer: Text | None = None
    elsewhere: tuple[ErratumBox, ...] = ()
    is_computed: bool = False
    see: tuple[str, Text] | None = None

    @property
    def verdicts(self) -> Mapping[str, int]:
        """The number of claims with each verdict; verdicts that do not occur are left out."""
        return statements.tally(self.claims)


def sections(study: Material, texts: Texts) -> list[Section]:
    """Return the report's sections in order, then one section for the claims and comparisons that belong to none of them."""
    lines = {line.claim.id: line for line in statements.claim_lines(study, texts)}
    errata = statements.erratum_boxes(study, [spec["number"] for spec in texts.sections])
    found = []
    for spec in texts.sections:
        number = spec["number"]
        comparison = spec.get("comparison", "")
        claims = tuple(lines.pop(claim.id) for claim in study.claims.values() if claim.section == number)
        found.append(
            Section(
                id=f"section-{number.replace('.', '-')}",
                number=number,
                title=spec["title"],
                question=spec["question"],
                figures=tuple(_figures([comparison], study, texts)),
                tables=tuple(_numbers(spec["numbers"], comparison, study, texts)),
                claims=claims,
                errata=tuple(box for box in errata if box.sections[0] == number),
                answer=statements.answer(spec.get("answer", ()), claims),
                elsewhere=tuple(box for box in errata if number in box.sections[1:]),
                is_computed=isinstance(spec["numbers"], str),
                see=(name, texts.appendix[name]["title"]) if (name := spec.get("see")) else None,
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


def _figures(names: Iterable[str], study: Material, texts: Texts) -> Iterable[Figure]:
    for name in names:
        if name == VGG16:
            yield Figure(name, texts.captions[VGG16], has_halves=False)
        elif name in study.comparisons:
            comparison = study.comparisons[name]
            seeds = len({run.seed for run in study.runs})
            spread = texts.captions["one_run"] if seeds == 1 else texts.captions["spread"].fill(count=str(seeds))
            splits = dict.fromkeys(split for row in comparison.rows for split in row)
            drawn = texts.captions["and"].join([texts.captions[split] for split in splits])
            number = f"{comparison.figure}. " if comparison.figure else ""
            figure = Text(number, number.replace("Figure", "Figura").replace(" and ", " y "))
            yield Figure(name, texts.captions["curves"].fill(figure=figure, splits=drawn, spread=spread), has_halves=True)


def _numbers(wanted: str | Sequence[str], comparison: str, study: Material, texts: Texts) -> Iterable[Table]:
    """Yield the table of a section: a row per variant of its comparison, or the table of VGG-16 or of memory."""
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


def _vgg16(study: Material, texts: Texts) -> Table:
    formats = {"parameters": ",", "bits": ",", "megabytes": ",.2f"}
    printed, rows = study.printed(texts), []
    for row in study.tables[VGG16].to_dict("records"):
        reported = {unit: as_printed(printed.get(f"{VGG16}.{row['block']}.{unit}")) for unit in formats}
        cells = (Cell(f"{row[unit]:{digits}}", "", reported[unit]) for unit, digits in formats.items())
        rows.append((same(str(row["block"])), tuple(cells)))
    return Table(texts.labels["block"], tuple(texts.metrics[unit] for unit in formats), tuple(rows))


def _memory(study: Material, texts: Texts) -> Table:
    formats = {"parameters": ",", "megabytes": ",.5g"}
    rows = []
    for row in study.tables["memory"].to_dict("records"):
        cells = (Cell(f"{row[unit]:{digits}}", "", as_printed(row[f"reported_{unit}"])) for unit, digits in formats.items())
        rows.append((same(str(row["network"])), (*cells, Cell(str(row["note"])))))
    return Table(texts.labels["network"], (*(texts.metrics[unit] for unit in formats), texts.labels["note"]), tuple(rows))
