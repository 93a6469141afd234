"""The overview as one HTML page that loads nothing."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from convnets import settings as settings_of_runs
from convnets.errors import InputError
from convnets.report import appendix, overview, statements
from convnets.report.material import Material
from convnets.report.overview import Section
from convnets.report.texts import Text, Texts

LOCAL = "http://127.0.0.1:5000"  # where `make ui` serves MLflow's interface unless told otherwise


@dataclass(frozen=True)
class Links:
    """Addresses of pages of MLflow's interface; `note` says how to open them."""

    note: Text
    runs: str
    curves: Mapping[str, str]
    compare: Mapping[str, str]


@dataclass(frozen=True)
class Picture:
    """A figure in the page: its data URI and its size. `heading` is the height of its title, which its halves leave out."""

    uri: str
    width: float
    height: float
    heading: float = 16.0


@dataclass(frozen=True)
class Page:
    """The content of the page. `tally` counts the claims by verdict."""

    sections: Sequence[Section]
    appendix: Sequence[Section]
    tally: Mapping[str, int]
    extent: Text
    warnings: Sequence[Text]
    links: Links | None


def compose(
    study: Material, settings: Mapping[str, Any], own: Mapping[str, str], published: Mapping[str, Any], texts: Texts
) -> Page:
    """Put the page together from the findings and the settings of the step.

    `own` are the versions of the libraries that make tables and page. `published` is the content of `tracking/published.json`, with
    addresses relative to the root of MLflow's interface; empty if nothing was published.
    """
    found = overview.sections(study, texts)
    variants = {name: settings_of_runs.from_dict(value) for name, value in settings["variants"].items()}
    parts = (
        appendix.changes(found, texts),
        appendix.speed_and_overfitting(study, settings["accuracies"], texts),
        appendix.configuration(variants, study.labels, settings["dataset"], settings["seeds"], texts),
        appendix.software(study.runs, own, texts),
        appendix.hardware(study.runs, study.labels, texts),
    )
    count = len(settings["seeds"])
    runs = texts.labels["one_seed"] if count == 1 else texts.labels["seeds"].fill(count=str(count))
    images = {split: f"{number:,}" for split, number in settings["images"].items()}
    warnings = {
        "one_seed_warning": count == 1,
        "subset_warning": settings["dataset"]["subset"] is not None,
        "given": not settings["trained"],
    }
    return Page(
        sections=found,
        appendix=parts,
        tally=statements.tally(line for section in found for line in section.claims),
        extent=texts.labels["extent"].fill(variants=str(len(variants)), runs=runs, **images),
        warnings=[texts.labels[name] for name, applies in warnings.items() if applies],
        links=_links(published, settings["interface"], texts) if published.get("runs") else None,
    )


def _links(published: Mapping[str, Any], server: str | None, texts: Texts) -> Links:
    root = server.rstrip("/") if server else LOCAL
    note = texts.appendix["mlflow"]["server" if server else "local"].fill(root=root)
    curves, compare = ({name: f"{root}/{page}" for name, page in published[key].items()} for key in ("curves", "compare"))
    return Links(note, f"{root}/{published['runs']}", curves, compare)


def render(page: Page, figures: Mapping[str, Path], texts: Texts, template: Path, style: Path) -> str:
    """Return the page as HTML, within it the SVG file of each figure and the style sheet."""
    loader, undefined = jinja2.FileSystemLoader(template.parent), jinja2.StrictUndefined
    environment = jinja2.Environment(loader=loader, undefined=undefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pictures = {name: _picture(path) for name, path in figures.items()}
    css = style.read_text(encoding="utf-8")
    return environment.get_template(template.name).render(page=page, pictures=pictures, texts=texts, style=css)


def _picture(path: Path) -> Picture:
    """Read an SVG file."""
    content = path.read_bytes()
    found = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', content)
    if found is None:
        raise InputError(f"{path} is no SVG figure of this workflow")
    uri = f"data:image/svg+xml;base64,{base64.b64encode(content).decode('ascii')}"
    return Picture(uri, float(found[1]), float(found[2]))
