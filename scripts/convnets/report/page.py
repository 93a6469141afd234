"""The overview as one HTML page that loads nothing: what holds and what does not, then the findings by section of the report.

Verdicts, errata and tables are read. Only means and intervals of single quantities are computed here.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from convnets.errors import InputError
from convnets.findings import wording
from convnets.report import spanish, statements
from convnets.report.material import Material, as_printed
from convnets.report.statements import ClaimLine
from convnets.report.texts import Text, Texts, join
from convnets.runs.reading import UNDISTURBED
from convnets.study.comparisons import Comparison


@dataclass(frozen=True)
class Section:
    """A section of the report: its texts, and what belongs to it; `elsewhere` are errata that are shown in another section."""

    id: str
    texts: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    claims: Sequence[ClaimLine]
    errata: Sequence[Any] = ()
    elsewhere: Sequence[Any] = ()


def sections(study: Material, texts: Texts) -> list[Section]:
    """Return the report's sections in order, then one section for the claims and comparisons that belong to none of them."""
    lines = list(statements.claim_lines(study, texts))
    numbers = [spec["number"] for spec in texts.sections]
    errata: list[Any] = list(statements.errata(study, numbers).itertuples()) if "errata" in study.tables else []
    found = [
        Section(
            f"section-{number.replace('.', '-')}",
            spec,
            [each for each in study.comparisons.values() if each.id == spec.get("comparison")],
            [line for line in lines if line.claim.section == number],
            [erratum for erratum in errata if erratum.sections[0] == number],
            [erratum for erratum in errata if number in erratum.sections[1:]],
        )
        for number, spec in zip(numbers, texts.sections, strict=True)
    ]
    known = {spec.get("comparison") for spec in texts.sections}
    comparisons = [each for each in study.comparisons.values() if each.id not in known]
    others = [line for line in lines if line.claim.section not in numbers]
    return [*found, Section("other", texts.appendix["other"], comparisons, others)] if comparisons or others else found


def caption(comparison: Comparison, study: Material, texts: Texts) -> Text:
    """Return the caption of a comparison's figure, with the numbers of seeds of the variants in it."""
    counts = sorted({len(study.runs_of(member.variant)) for member in comparison.members})
    count = "/".join(map(str, counts))
    spread = texts.captions["one_run"] if counts == [1] else texts.captions["spread"].fill(count=count)
    splits = dict.fromkeys(split for row in comparison.rows for split in row)
    drawn = join(texts.captions["and"], [texts.captions[split] for split in splits])
    number = f"{comparison.figure}. " if comparison.figure else ""
    figure = Text(number, number.replace("Figure", "Figura").replace(" and ", " y "))
    shown = texts.captions["curves"].fill(figure=figure, splits=drawn, spread=spread)
    if not comparison.published:
        return shown
    has_training = not splits.keys() <= {"validation"}
    said = texts.captions["published_training" if has_training else "published"]
    return join(" ", [shown, said.fill(label=comparison.published.label)])


def render(
    study: Material,
    own: Mapping[str, str],
    published: Mapping[str, Any],
    figures: Mapping[str, Path],
    texts: Texts,
    template: Path,
    style: Path,
) -> str:
    """Return the page as HTML, within it the SVG file of each figure and the style sheet.

    `own` are the versions of the libraries that make tables and page. `published` is the content of `tracking/published.json`, with
    addresses relative to the root of MLflow's interface; empty if nothing was published.
    """
    labelled = partial(spanish.label, known=texts.words)
    loader, undefined = jinja2.FileSystemLoader(template.parent), jinja2.StrictUndefined
    environment = jinja2.Environment(loader=loader, undefined=undefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "as_printed": as_printed,
        "bilingual": _bilingual,
        "differing": lambda found: {name: one for name, one in found.items() if re.search("[1-9]", one.difference)},
        "in_spanish": spanish.numbers,
        "labelled": labelled,
        "listed": lambda found: join(", ", [join(" ", [labelled(name), labelled(value)]) for name, value in found.items()]),
        "named": lambda names, texts: [texts[name] for name in names],
    }
    found = sections(study, texts)
    boxes = [box for section in found for box in section.errata]
    labels = {name: labelled(text) for name, text in study.labels.items()}
    return environment.get_template(template.name).render(
        study=study,
        texts=texts,
        sections=found,
        titles={line.claim.id: line.title for section in found for line in section.claims},
        errata_titles={box.id: _bilingual(box, "title") for box in boxes},
        printed=study.printed(texts),
        own=own,
        published=published,
        pictures={name: _picture(path, texts.words) for name, path in figures.items()},
        style=style.read_text(encoding="utf-8"),
        statements=statements,
        caption=caption,
        disturbed=Text(*(wording.disturbed(study.runs, phrases) for phrases in statements.phrases_of(labels, texts))),
        undisturbed=UNDISTURBED,
    )


def _bilingual(row: object, name: str) -> Text:
    """Return a field of a row in both languages."""
    return Text(getattr(row, name), getattr(row, f"{name}_es"))


def _picture(path: Path, known: Mapping[str, str]) -> tuple[str, Text, float, float]:
    """Return an SVG file as data URIs, one without texts and one of these in each language, its width and its height."""
    content = path.read_text(encoding="utf-8")
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', content)
    if found is None:
        raise InputError(f"{path} is no SVG figure of this workflow")
    drawn, written = spanish.layers(content, known)
    return _uri(drawn), Text(_uri(written.en), _uri(written.es)), float(found[1]), float(found[2])


def _uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"
