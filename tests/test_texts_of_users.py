"""Labels, titles and statements of every kind stand in every output as they were written, and break none."""

import csv
import html
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pages
import pandas as pd
import pytest
import studies
from finished_runs import write_run
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
from convnets.study.declaration import Pathvars
from convnets.study.stores import Membership, Store
from convnets.tracking import delivery, interface
from convnets.tracking.connection import connect, create_store
from convnets.tracking.finished_run import Identity
from convnets.tracking.presentation import model_card

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
    *("$a_1$ & %", "$$", "100 %s", "%(a)s", "{0}", "a\nb", "{{ a }}", "{% a %}", "]]>", "\u202ea", "a,b;\tc", '"a"', "=1+1"),
)
# "$$" broke figures, in matplotlib/matplotlib#20266; a long text broke tracking, in optuna/optuna#1340.
LONGEST = "\N{SKULL AND CROSSBONES}|$$ " * 40
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
    note = interface.note_of_run(Membership(text, {"c": text}), {"c": ""}, {"c": "#/compare"}, "1", "2")
    page = MarkdownIt("commonmark").render(note)
    assert page.count("<a ") == 3
    assert words(html.unescape(re.sub("<[^>]*>", "", page))).count(words(text)) >= 2


@given(text=texts, count=st.integers(1, 120))
@settings(max_examples=15)
def test_what_a_tag_of_mlflow_holds(text: str, count: int) -> None:
    """A run's takes 8,000 characters and an experiment's, on older servers, 5,000."""
    titles = {f"c{number}": text for number in range(count)}
    texts = dict.fromkeys(titles, text)
    assert 0 < len(interface.note_of_run(Membership(text, titles), texts, texts, "1", "2")) <= 8000
    assert 0 < len(interface.note_of_experiment(titles, "1")) <= 5000


@given(text=texts | st.just(LONGEST))
def test_a_view_in_mlflow(text: str) -> None:
    for key, view in interface.views({"c": text}, several_seeds=True).items():
        assert len(view) <= 5000
        assert json.loads(view)["name"] == (text if key.endswith(".c") else "All runs")


@given(name=texts, label=texts, title=texts)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_run_in_mlflow(name: str, label: str, title: str, template: Path, tmp_path_factory: Any) -> None:
    """With the name of its experiment and the folder of its store, of what a file's name may hold."""
    folder = tmp_path_factory.mktemp("store") / re.sub(r"[/?$]", "_", name.encode()[:100].decode(errors="ignore"))
    store, member = Store(f"sqlite:///{folder}/mlflow.db", name), Membership(label, {"c": title})
    folder.mkdir(exist_ok=True)
    shutil.copy(template / "mlflow.db", folder)
    connection = create_store(store, folder / "artifacts")
    run = delivery.open_run(connection, Identity("a", 1, "0", "token", 0.0), member, {"b": label})
    run_id = run.info.run_id
    connection.client.log_text(run_id, title, "a.txt")
    found = connection.run_of("token")
    assert found
    assert found.data.tags.items() >= {"mlflow.note.content": label, "comparison.c": title}.items()
    assert found.data.params["b"] == label
    assert (folder / "artifacts" / run_id / "artifacts" / "a.txt").read_text(encoding="utf-8") == title
    assert connect(store).experiment == connection.experiment


@given(text=texts)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
def test_a_model_card(text: str, model: Path, tmp_path_factory: Any) -> None:
    page = MarkdownIt("commonmark").enable("table").render(model_card(write_run(tmp_path_factory.mktemp("run"), model), text))
    assert words(html.unescape(re.sub("<[^>]*>", "", page.split("</h1>")[0]))) == f"{words(text)}, seed 1"
    assert (page.count("<h1>"), page.count("<h2>"), page.count("<table>")) == (1, 3, 3)


@given(value=st.one_of(texts, st.text(max_size=300)), key=st.sampled_from(["results", "logs", "resources", "benchmarks"]))
def test_a_folder_is_taken_as_it_is_or_refused(value: str, key: str) -> None:
    is_taken = is_text(value) and not set("{}<>$") & set(value) and not value.startswith("~")
    with nullcontext() if is_taken else pytest.raises(ValidationError):
        assert getattr(Pathvars.model_validate({key: value}), key) == value


def test_a_statement_that_holds_a_bar_keeps_the_table_of_claims_whole(config: dict[str, Any], reference: list[Run]) -> None:
    table = pages.material_of(config, reference).tables["claims"]
    table["statement"] = "a | b"
    assert {len(row) for row in cells(claim_tables.claims_markdown(table))} == {7}
