"""Labels, titles and statements of every kind stand in every output as they were written, and break none."""

import csv
import html
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pages
import pandas as pd
import studies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import TypeAdapter, ValidationError

from convnets import style, tables
from convnets.findings import claim_tables, variants
from convnets.report import figures
from convnets.runs.run import Run
from convnets.settings.section import Text
from convnets.study.comparisons import Comparison, Member
from convnets.tracking import interface

NASTY = (
    *(
        "a|b",
        "`a`",
        "*a* **b**",
        "_a_ b_c __d__",
        "~~a~~",
        "<b>a</b>",
        "<!-- a -->",
        "a](b)",
        "[a](b)",
        "\\| \\",
        "&amp; &#65;",
        "# a",
        "- a",
    ),
    *("$a_1$ & %", "a\nb", "{{ a }}", "{% a %}", "]]>", "\u202ea", "a,b;\tc", '"a"', "=1+1"),
)
COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
texts = st.sampled_from(NASTY) | st.text(min_size=1, max_size=30).filter(lambda text: is_text(text) and text.strip())


def is_text(text: str) -> bool:
    """Return whether a configuration takes this text."""
    try:
        TypeAdapter(Text).validate_python(text)
    except ValidationError:
        return False
    return True


def words(text: str) -> str:
    """Return a text with its white space made equal."""
    return " ".join(text.split())


def cells(markdown: str) -> list[list[str]]:
    """Return the cells of a table as a reader of Markdown sees them."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    rows = re.findall(r"(?s)<tr>(.*?)</tr>", page)
    return [
        [html.unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows
    ]


@given(text=texts)
def test_a_table_in_markdown(text: str) -> None:
    header, row = cells(tables.markdown(pd.DataFrame({"variant": [text], "runs": [1]})))
    assert (header, [words(cell) for cell in row]) == (["variant", "runs"], [words(text), "1"])


@given(text=texts)
def test_a_table_as_csv(text: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("csv") / "variants.csv"
    tables.write_csv(variants.table([studies.summary("a", 10)], [], {"a": text}), path)
    (row,) = csv.DictReader(io.StringIO(path.read_bytes().decode()), strict=True)
    assert row["label"] == text == tables.read(path)["label"][0]


@given(text=texts)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_a_figure(text: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("figure") / "curves.svg"
    history = pd.DataFrame({"iteration": [1, 2], **{name: [0.5, 0.6] for name in COLUMNS}})
    member = Member("a", text, {"validation": "#000000", "train": "#000000"})
    comparison = Comparison("c", text, text, (member,), (("validation",),))
    style.save(figures.comparison(comparison, {"a": figures.curves([history])}), path)
    shown = words(" ".join(ElementTree.parse(path).getroot().itertext()))
    assert all(word in shown for word in words(text).split())


@given(text=texts)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
def test_the_overview(text: str, config: dict[str, Any], reference: list[Run]) -> None:
    config["variants"]["mlp100"]["label"] = text
    config["claims"]["mlp_loss"]["statement"] = text
    config["comparisons"]["mlp"]["title"] = text
    page = pages.page_of(config, [replace(run, record=None) for run in reference])
    shown = words(html.unescape(re.sub("<[^>]*>", " ", page)))
    assert shown.count(words(text)) >= 3


@given(text=texts)
def test_a_description_in_mlflow(text: str) -> None:
    note = interface.note_of_run(text, {"c": text}, {"c": ""}, {"c": "#/compare"}, "1", "2")
    page = MarkdownIt("commonmark").render(note)
    assert page.count("<a ") == 3
    assert words(html.unescape(re.sub("<[^>]*>", "", page))).count(words(text)) >= 2


def test_a_statement_that_holds_a_bar_keeps_the_table_of_claims_whole(config: dict[str, Any], reference: list[Run]) -> None:
    table = pages.material_of(config, reference).tables["claims"]
    table["statement"] = "a | b"
    assert {len(row) for row in cells(claim_tables.claims_markdown(table))} == {7}
