"""The claims and the errata as the overview shows them.

Verdicts come from the tables. The numbers of all conditions, their names and the p-values are not in the tables, so the claims are
judged again from the same runs.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from convnets.findings import verdicts, wording
from convnets.findings.conditions import Finding, Prediction
from convnets.findings.inference import CONFIDENCE
from convnets.findings.phrases import ENGLISH, Phrases
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, Judgement
from convnets.report import spanish
from convnets.report.interval_plot import IntervalPlot, interval_plot
from convnets.report.material import Material, as_printed, known, shown
from convnets.report.texts import LANGUAGES, Text, Texts, in_language, join
from convnets.study.claims import SINGLE_RUN, Claim
from convnets.study.quantities import exact_numbers, reference_of, variant_and_metric

VGG16 = "VGG-16"


@dataclass(frozen=True)
class Measure:
    """A measured number as text: the name of its quantity, its value and interval, the report's number, and the difference.

    `plot` is a picture of them; None where nothing is known of how much the number varies. `decides` says whether the verdict rests
    on it, of several. `plain` is the 95 % prediction interval of one more run, beside a number of a single run.
    """

    what: Text
    here: str
    interval: str
    then: str
    difference: str
    plot: IntervalPlot | None = None
    decides: bool = False
    plain: str = ""


@dataclass(frozen=True)
class ClaimLine:
    """A claim with its verdict. `title` says it in a few words, `basis` is a short form of `note`."""

    claim: Claim
    title: Text
    statement: Text
    measures: tuple[Measure, ...]
    verdict: str
    basis: Text
    note: Text


def claim_lines(study: Material, texts: Texts) -> Iterable[ClaimLine]:
    """Yield the lines of the table of claims."""
    judgements = verdicts.judge(list(study.claims.values()), [*study.runs, *study.elsewhere], study.alpha)
    judged = {judgement.claim.id: judgement for judgement in judgements}
    of_section = {spec["number"]: study.comparisons.get(spec.get("comparison", "")) for spec in texts.sections}
    for row in study.tables["claims"].to_dict("records") if study.claims else ():
        judgement = judged[row["id"]]
        claim, comparison = judgement.claim, of_section.get(judgement.claim.section)
        names = {**study.labels, **{name: study.label(name) for name in claim.variants}}
        names |= {member.variant: member.label for member in (comparison.members if comparison else ())}
        labels = {name: spanish.label(text, texts.words) for name, text in names.items()}
        labels |= {grid.id: texts.labels["best_of_grid"].fill(grid=grid.id) for grid in claim.grids}
        measures = tuple(_measures(judgement, labels, texts))
        basis = join(" ", [_basis(judgement, texts), *_selections(judgement, labels, texts)])
        said = texts.claims.get(claim.id, {})
        statement = Text(claim.statement, said.get("statement", claim.statement))
        short = labels | {grid.id: Text(grid.id, grid.id) for grid in claim.grids}
        note = Text(*(_typeset(wording.note(judgement, phrases)) for phrases in phrases_of(short, texts)))
        yield ClaimLine(claim, said.get("title", statement), statement, measures, row["verdict"], basis, note)


def _typeset(note: str) -> str:
    """Return a note as the page writes it: with a capital, minus signs, and a space before the sign of percent."""
    text = re.sub(r"(?<!\w)-(?=\d)", "\N{MINUS SIGN}", f"{note[0].upper()}{note[1:]}")
    return re.sub(r"(?<=\d)%", "\N{NO-BREAK SPACE}%", text)


def phrases_of(labels: Mapping[str, Text], texts: Texts) -> Sequence[Phrases]:
    """Return the phrases of notes in each language, with the names of the page."""
    return [_phrases(*written, labels, texts) for written in zip(LANGUAGES, (ENGLISH, texts.notes), strict=True)]


def _phrases(language: str, sentences: Mapping[str, str], labels: Mapping[str, Text], texts: Texts) -> Phrases:
    def named(quantity: str) -> tuple[str, str]:
        subject, metric = _named(quantity, labels, texts)
        return str(in_language(language, subject)), str(in_language(language, metric))

    return Phrases(
        number=lambda value: shown(wording.number(value)),
        sentences=sentences,
        subject=lambda name: str(in_language(language, labels[name])),
        named=named,
        quantity="{}: {}",
        minus="\N{MINUS SIGN}",
        item="{1} ({0})",
        between="; ",
    )


def _measures(judgement: Judgement, labels: Mapping[str, Text], texts: Texts) -> Iterable[Measure]:
    """Yield each measured number of a claim, with the number that was printed of it."""
    claim, findings = judgement.claim, judgement.findings
    for finding in findings:
        measured, printed = finding.measured, judgement.reported(finding)
        interval = judgement.adjusted(finding) if not claim.is_exact else (math.nan, math.nan)
        number = partial(known, interval=interval, printed=printed)
        less = measured - printed
        allowed, plain = tuple(map(finding.condition.on_scale, finding.bounds)), None
        if isinstance(finding, Prediction):
            allowed, plain = (measured - finding.margin, measured + finding.margin), finding.interval()
        thick = shown(wording.interval(*plain, number)) if plain else ""
        yield Measure(
            _what(finding, labels, texts),
            "" if math.isnan(measured) else shown(number(measured)),
            shown(wording.interval(*interval, number)),
            as_printed(printed),
            "" if math.isnan(less) else shown(f"{'+' if less > 0 else ''}{number(less)}"),
            interval_plot(measured, interval, printed, allowed, plain),
            decides=len(findings) > 1 and finding is judgement.decisive and not claim.is_exact,
            plain=f"{100 * CONFIDENCE:.0f}\N{NO-BREAK SPACE}%: {thick}" if thick else "",
        )


def _what(finding: Finding, labels: Mapping[str, Text], texts: Texts) -> Text:
    """Name the quantity of a finding, or the difference or ratio of two."""
    condition = finding.condition
    named = [_named(quantity, labels, texts) for quantity in (condition.first, condition.second) if quantity]
    subjects, metrics = dict.fromkeys(subject for subject, _ in named), dict.fromkeys(metric for _, metric in named)
    relation = " / " if condition.is_ratio else " \N{MINUS SIGN} "
    if len(metrics) == 1 or len(subjects) == 1:
        return join(": ", [join(relation, list(subjects)), join(relation, list(metrics))])
    return join(relation, [join(": ", both) for both in named])


def _named(quantity: str, labels: Mapping[str, Text], texts: Texts) -> tuple[str | Text, str | Text]:
    """Return the subject of a quantity, a variant, a grid or a part of VGG-16, and the name of its metric."""
    subject, metric = variant_and_metric(quantity)
    if quantity in exact_numbers():
        block, metric = variant_and_metric(metric)
        return VGG16 if block == "total" else f"{VGG16} {block}", texts.metrics.get(metric, metric)
    if reference := reference_of(quantity):
        what = texts.labels[metric.partition("@")[0].removeprefix("val_")]
        return labels[subject], texts.labels["at_lowest_loss"].fill(what=what, label=labels[reference])
    return labels[subject], texts.metrics.get(metric, metric)


def _basis(judgement: Judgement, texts: Texts) -> Text:
    """Return the seeds and p-values of a verdict in a few words."""
    if judgement.p_not is None or judgement.p_so is None:
        return texts.labels["basis_exact"]
    if not all(item.estimate.has_spread for item in judgement.findings):
        return texts.labels["basis_none"]
    p_not, p_so = wording.p_value(judgement.p_not), wording.p_value(judgement.p_so)
    if judgement.claim.test == SINGLE_RUN:
        return texts.labels[f"basis_single_{judgement.verdict}"].fill(seeds=judgement.seeds, p=p_so)
    kind = "both" if judgement.verdict == INCONCLUSIVE else "one"
    p = p_so if judgement.verdict == CONTRADICTED else p_not
    return texts.labels[f"basis_{kind}"].fill(seeds=judgement.seeds, p=p, p_not=p_not, p_so=p_so)


def _selections(judgement: Judgement, labels: Mapping[str, Text], texts: Texts) -> Iterable[Text]:
    """Yield for each grid how often which of its members was selected."""
    for grid in judgement.claim.grids:
        counts = wording.selected(judgement, grid).items()
        members = join("; ", [join(" ", [labels[member], f"({count})"]) for member, count in counts])
        yield texts.labels["selected"].fill(grid=grid.id, count=len(grid.members), members=members)


def answer(parts: Sequence[Mapping[str, Any]], lines: Iterable[ClaimLine]) -> Text | None:
    """Return the answer of the verdicts to a section's question, in one sentence; None if all claims of the answer are left out.

    `parts` are the claims of the answer, and for each what to say under each verdict; `lines` are the claims of the section. A text
    with {here}, the number measured, must be of a claim about one number, else a KeyError is raised.
    """
    by_id = {line.claim.id: line for line in lines}
    found = [(part, by_id[part["claim"]]) for part in parts if part["claim"] in by_id]
    if not found:
        return None
    numbers = [{"here": line.measures[0].here} if len(line.measures) == 1 else {} for _, line in found]
    text = join("; ", [part[line.verdict].fill(**number) for (part, line), number in zip(found, numbers, strict=True)])
    return Text(*(f"{words[0].upper()}{words[1:]}." for words in (text.en, text.es)))


def printed_numbers(lines: Iterable[ClaimLine]) -> Mapping[tuple[Text, str], Measure]:
    """Return the measures of numbers that the report prints, by name and number, so that several claims about one share a row."""
    return {
        (join(" \N{MIDDLE DOT} ", [line.claim.section, measure.what]), measure.then): measure
        for line in lines
        for measure in line.measures
        if measure.then
    }


def errata(study: Material, numbers: Sequence[str]) -> pd.DataFrame:
    """Return the table of errata, with a list of the sections that each names, among these, and one of the claims that name it."""
    frame = study.tables["errata"].fillna("").astype(str)
    claims = frame["claims"].map(lambda text: [name for name in re.findall(r"(\S+):", text) if name in study.claims])
    return frame.assign(claims=claims, sections=frame["section"].map(lambda text: sections_of(text, numbers)))


def sections_of(text: str, numbers: Sequence[str]) -> Sequence[str]:
    """Return the sections that an erratum names: "3, 3.1" names two, "2.1 to 3" all from 2.1 to 3."""
    named = [number for number in re.findall(r"[\d.]+", text) if number in numbers]
    return numbers[numbers.index(named[0]) : numbers.index(named[-1]) + 1] if " to " in text and named else named
