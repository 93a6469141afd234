"""The overview in tests: its page made from runs, and what a reader sees of it."""

import html
import io
import re
from collections.abc import Sequence
from typing import Any

import jobs
import pandas as pd
import studies
from conftest import ROOT

from convnets.findings import claim_tables, convergence, variants, verdicts
from convnets.report import page, texts
from convnets.report.material import Material
from convnets.runs.run import Run
from convnets.study import configuration

TABLES, FIGURES, TEXTS = studies.REFERENCE.parent / "tables", studies.REFERENCE.parent / "figures", ROOT / "report"
WRITTEN = texts.read(TEXTS / "texts.yaml", "", is_own=False)
SECTIONS = ["2.1", "2.2", "2.3", "2.4", "3", "3.1", "1"]
APPENDIX = ["changes", "convergence", "configuration", "software", "hardware"]


def material_of(
    config: dict[str, Any], runs: list[Run], chosen: dict[str, Any] | None = None, verified: Sequence[str] = ()
) -> Material:
    """Return what the page of these runs is made from; tables that no run changes, and that of curves, are the committed ones."""
    resolved = configuration.resolve(config)
    judged = verdicts.judge(resolved.claims, runs)
    found = {name: pd.read_csv(TABLES / f"{name}.csv") for name in ("vgg16", "memory", "errata", "curves")}
    found["claims"] = pd.read_csv(io.StringIO(claim_tables.claims(judged).to_csv(index=False)))
    found["variants"] = variants.table([run.metrics for run in runs], verified, resolved.labels)
    found["convergence"] = convergence.table(runs, resolved.labels, resolved.accuracies)
    settings, claims = chosen or jobs.settings_of("write_overview", config), {claim.id: claim for claim in resolved.claims}
    return Material(settings, claims, resolved.comparisons, resolved.labels, runs, [], found)


def page_of(config: dict[str, Any], runs: list[Run], published: dict[str, Any] | None = None, verified: Sequence[str] = ()) -> str:
    """Return the page of these runs as HTML."""
    chosen = jobs.settings_of("write_overview", config)
    found = material_of(config, runs, chosen, verified)
    figures = {
        name: FIGURES / f"{name if (FIGURES / f'{name}.svg').is_file() else 'depth'}.svg" for name in [*found.comparisons, "vgg16"]
    }
    return page.render(
        found, {"numpy": "2"}, published or {}, figures, WRITTEN, TEXTS / "overview.html.jinja", TEXTS / "overview.css"
    )


def words(text: str) -> str:
    """Return what a reader of the English page sees, with single spaces."""
    text = re.sub(r"<style>.*?</style>|<span class=\"lang\" lang=\"es\">.*?</span>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def section(text: str, name: str) -> str:
    """Return the HTML of a section."""
    return text.split(f'<section id="{name}">')[1].split("</section>")[0]
