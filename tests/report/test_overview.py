"""The overview: what its page says of the committed runs, of several seeds, and of what a user adds."""

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jobs
import pandas as pd
import pytest
import studies
from pages import APPENDIX, FIGURES, SECTIONS, TABLES, TEXTS, WRITTEN, material_of, page_of, section, words

from convnets.errors import InputError
from convnets.findings import inference, wording
from convnets.report import material, page, texts
from convnets.runs.run import Run


def test_sections_follow_the_report(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    ids = re.findall(r'<section id="([\w-]+)">', text)
    assert ids == [*(f"section-{number.replace('.', '-')}" for number in SECTIONS), *APPENDIX]
    contents = text.split('<nav class="contents"')[1].split("</nav>")[0]
    assert re.findall(r'<a href="#([\w-]+)">', contents) == ids
    for name in ids:
        assert 'class="question"' in section(text, name), name
    for name in (*ids[:5], "section-1"):
        assert section(text, name).count("data:image/svg+xml;base64,") == 3, name  # with its texts in two languages
        assert section(text, name).count("<figcaption ") == 1, name
    assert text.count("<image ") == 3 * 6
    claims_shown = re.findall(r'<tr id="claim-(\w+)">', text)
    by_section = {number: [name for name, one in config["claims"].items() if one["section"] == number] for number in SECTIONS}
    assert claims_shown == [name for number in SECTIONS for name in by_section[number]]
    for claim in config["claims"].values():
        assert claim["statement"] in words(text)
        assert claim["original"] in html.unescape(text)
        assert claim["statement"] in words(section(text, f"section-{claim['section'].replace('.', '-')}"))


def test_the_first_screen_says_what_holds_and_what_does_not(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    table = material_of(config, reference).tables["claims"]
    first = text.split('<div class="findings">')[1].split('<p class="reading">')[0]
    parts = dict(re.findall(r'<div class="finding (\w+)">(.*?)(?=<div class="finding |$)', first, re.DOTALL))
    assert list(parts) == ["reproduced", "contradicted", "inconclusive"]
    for verdict, part in parts.items():
        named = re.findall(r'<a href="#claim-(\w+)">', part)
        assert sorted(named) == sorted(table["id"][table["verdict"] == verdict])
        for name in named:
            assert WRITTEN.claims[name]["title"].en in words(part)
    assert "What does not 7 of 18 by calculation" in words(first)
    assert "What is open 41 of 41 about trained networks" in words(first)


def test_verdicts_stand_beside_their_claims(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    table = material_of(config, reference).tables["claims"]
    for number in SECTIONS:
        rows = table[[config["claims"][name]["section"] == number for name in table["id"]]]
        shown = section(text, f"section-{number.replace('.', '-')}")
        found = re.findall(r'<tr id="claim-(\w+)">.*?<span class="verdict (\w+)">', shown, re.DOTALL)
        assert dict(found) == dict(zip(rows["id"], rows["verdict"], strict=True))


def test_numbers_stand_beside_those_of_2021(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    runs = {run.variant: run for run in reference}
    loss, accuracy = ({name: runs[name].value(metric) for name in runs} for metric in ("final_val_loss", "test_accuracy"))
    assert f"{accuracy['conv2_dropout00']:.4f} 2021: 0.7002" in words(section(text, "section-2-1"))
    assert "138,357,544 as in 2021" in words(section(text, "section-1"))
    assert "117,072 2021: 138,357,544" in words(section(text, "section-3-1"))
    assert "VGG-16 parameters 138,357,544 as in 2021 MB 553.43 as in 2021" in words(section(text, "section-3-1"))
    changes = words(section(text, "changes"))
    here, ratio = accuracy["conv3_1x1"], loss["conv2_dropout00"] / loss["conv2_dropout05"]
    for text_of in (
        f"3 · 1x1 head: test accuracy 2021 0.7309 here {here:.4f} difference {here - 0.7309:+.4f}",
        f"2.1 · dropout 0.0 / dropout 0.5: final validation loss 2021 2 here {ratio:.4f} difference {ratio - 2:+.4f}",
    ):
        assert text_of.replace("-", "\u2212") in changes
    assert "2.4 · with augmentation \u2212 without: final validation loss 2021 \u22120.17 here" in changes
    measured, computed = changes.split("Measured: the number printed in 2021, or what follows from it, from one run each")
    assert "0.7309" in measured
    assert "3.1 · 3 conv layers, 1x1 head: MB 2021 0.8856 here 0.2638 difference \u22120.6218" in computed
    assert "138,000,000" not in computed  # stands in full, and as printed, in another claim
    assert "iterations to the lowest loss" not in changes  # a reading of a sentence that prints 15,000 for iterations
    assert "VGG-16: MB" not in computed  # as printed
    curves = pd.read_csv(TABLES / "curves.csv")
    one = next(row for row in curves.itertuples() if (row.variant, row.metric) == ("conv1_dropout05", "loss"))
    shares = f"in the band {one.share:.0%} * runs here {one.own_share_mean:.0%} lowest here {one.own_share_lowest:.0%}"
    row = f"figure 2 curve loss {shares} difference +{one.mean_difference:.4f} outside at iterations {one.outside}"
    assert f"1 conv layer {row}".replace("%", " %") in computed
    starred = curves[curves["share"] < curves["own_share_lowest"]]
    assert computed.count("% * ") == len(starred) > 0
    printed = [claim for claim in config["claims"].values() if "reported" in claim]
    rows = set(re.findall(r"\b(\d[\d.]*) · ", changes))
    assert rows == {claim["section"] for claim in printed} - {"1"}  # the theory's numbers are as printed
    assert "One seed tells nothing" in words(text)
    assert "[" not in words(section(text, "section-2-1"))


def test_a_table_of_curves_without_rows_is_left_out(config: dict[str, Any], reference: list[Run]) -> None:
    """As that of a study of one seed is."""
    study = material_of(config, reference)
    empty = replace(study, tables={**study.tables, "curves": study.tables["curves"].iloc[:0]})
    for given, is_shown in ((study, True), (empty, False)):
        figures = {name: FIGURES / f"{name}.svg" for name in [*given.comparisons, "vgg16"]}
        text = page.render(given, {}, {}, figures, WRITTEN, TEXTS / "overview.html.jinja", TEXTS / "overview.css")
        assert ("Published curves of validation" in text) is is_shown


def test_a_table_that_a_user_adds_is_shown(config: dict[str, Any], reference: list[Run]) -> None:
    study = material_of(config, reference)
    added = pd.DataFrame({"variant": ["one", "two"], "count": [1234, 5], "gap": [-0.25, float("nan")], "note": ["a-b", None]})
    given = replace(study, tables={**study.tables, "gaps": added})
    figures = {name: FIGURES / f"{name}.svg" for name in [*given.comparisons, "vgg16"]}
    text = page.render(given, {}, {}, figures, WRITTEN, TEXTS / "overview.html.jinja", TEXTS / "overview.css")
    assert words(section(text, "further")) == (
        "Further tables What else was tabulated. variant count gap note one count 1,234 gap \N{MINUS SIGN}0.2500 note a-b "
        "two count 5 gap note tables/gaps.csv"
    )
    assert '<a href="#further">' in text


def test_several_seeds_have_intervals(config: dict[str, Any], reference: list[Run]) -> None:
    runs = studies.repeated(reference, 5)
    config["seeds"] = [1, 2, 3, 4, 5]
    text = page_of(config, runs)
    assert "8 networks, 5 seeds each." in words(text)
    assert "One seed tells nothing" not in words(text)
    assert "Mean and standard deviation of 5 seeds" in words(section(text, "section-2-1"))
    values = [run.value("test_accuracy") for run in runs if run.variant == "conv2_dropout05"]
    deviation = inference.estimate(values).deviation
    assert f"{sum(values) / 5:.4f} \u00b1 {deviation:.4f} 2021: 0.6967" in words(section(text, "section-2-1")).replace(
        "\u00a0", " "
    )
    assert "117,072 \u00b1" not in words(text)  # what does not vary has none


def test_a_caption_counts_the_seeds_of_each_variant(config: dict[str, Any], reference: list[Run]) -> None:
    few = [run for run in studies.repeated(reference, 5) if run.variant != "conv1_dropout05" or run.seed < 4]
    found = material_of(config, few)
    assert "Mean and standard deviation of 3/5 seeds;" in page.caption(found.comparisons["depth"], found, WRITTEN).en
    assert "Mean and standard deviation of 5 seeds;" in page.caption(found.comparisons["dropout"], found, WRITTEN).en


def test_an_interval_below_zero_has_true_minus_signs() -> None:
    assert material.shown(wording.interval(-0.25, -0.125, "{:.3f}".format)) == "[\u22120.250, \u22120.125]"
    assert wording.interval(float("nan"), float("nan"), str) == ""
    assert material.as_printed(float("nan")) == ""
    assert [material.as_printed(number) for number in (138357544.0, 553.43, 0.8856, -0.17)] == [
        *("138,357,544", "553.43", "0.8856", "\u22120.17"),
    ]


def test_the_page_loads_nothing(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    assert not re.findall(r"<(?:script|link|iframe|object)\b|@import|url\(", text)
    sources = re.findall(r'<image [^>]*href="([^"]+)"', text)
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "src=" not in text


def test_what_a_user_adds_follows_the_report(config: dict[str, Any], reference: list[Run]) -> None:
    config["variants"]["mlp100"]["label"] = "<b>MLP</b> & co."
    config["comparisons"]["mine"] = {"title": "Mine", "variants": ["mlp100", "conv3_1x1"], "rows": [["train"]]}
    config["claims"]["mine"] = {
        **{"section": "mine", "statement": "It is <worse>.", "test": "less"},
        "quantities": ["mlp100.test_accuracy", "conv3_1x1.test_accuracy"],
    }
    config["claims"]["number"] = {
        **{"section": "mine", "statement": "It is 0.75.", "test": "equals", "reported": [0.75]},
        "quantities": ["conv3_1x1.test_accuracy"],
    }
    text = page_of(config, reference)
    assert "0.7500" not in words(section(text, "changes"))  # what a user prints is not what the report printed
    other = section(text, "other")
    assert "Beyond the report" in words(other)
    assert "on training images" in words(other)
    assert "It is <worse>." in words(other)
    assert "<b>MLP</b> & co." in words(other)
    assert "<worse>" not in other
    assert text.index('<section id="other">') < text.index('<section id="changes">')


def test_a_configuration_without_claims_and_comparisons_has_an_overview(config: dict[str, Any], reference: list[Run]) -> None:
    config |= {"claims": {}, "comparisons": {}}
    text = page_of(config, reference)
    assert text.count("<image ") == 3  # VGG-16, with its texts in two languages
    assert '<tr id="claim-' not in text
    assert 'href="#claim-' not in text


def test_a_subset_and_runs_from_elsewhere_are_said(config: dict[str, Any], reference: list[Run]) -> None:
    config["dataset"]["subset"] = {"train": 2048, "validation": 512, "test": 512}
    config |= {"runs_from": str(studies.REFERENCE.parent), "seeds": [11]}
    text = words(page_of(config, reference))
    assert "2,048 images to train on" in text
    assert "a small part of the images only" in text
    assert "made from finished runs that were given as they are" in text


def test_every_text_is_in_both_languages() -> None:
    def walk(value: object) -> None:
        if isinstance(value, texts.Text):
            assert value.en.strip()
            assert value.es.strip()
            assert set(re.findall(r"{[^}]+}", value.en)) == set(re.findall(r"{[^}]+}", value.es))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    walk([vars(WRITTEN)[name] for name in vars(WRITTEN)])


def test_damaged_texts_are_named(tmp_path: Path) -> None:
    for text in ("labels: {", "labels: {}", "- 1"):
        (tmp_path / "texts.yaml").write_text(text)
        with pytest.raises(InputError, match=r"texts\.yaml cannot be read"):
            texts.read(tmp_path / "texts.yaml", "", is_own=False)


def test_the_step_depends_on_its_texts_and_on_all_that_it_shows(config: dict[str, Any], tmp_path: Path) -> None:
    steps = jobs.steps_of(config, tmp_path)
    read = steps["write_overview"].inputs
    for name, file in (("texts", "texts.yaml"), ("template", "overview.html.jinja"), ("style", "overview.css")):
        (path,) = read[name]
        assert (tmp_path / path).resolve() == TEXTS / file
    assert set(steps.before("write_overview")) == set(steps.all) - {"write_overview", "prepare_dataset", "create_store"}


def test_tables_notes_and_captions_are_in_both_languages(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, studies.repeated(reference, 5))
    assert "3 capas convolucionales (entrenada)" in text
    assert "quinto bloque de VGG-16 con cabeza 1x1" in text
    notes = [html.unescape(note) for note in re.findall(r'</summary>.*?<span class="lang" lang="es">([^<]*)</span>', text)]
    assert any("p = 0," in note or "p < 0," in note for note in notes)
    assert not any(re.search(r"p [=<] 0\.", note) for note in notes)
    assert "those of training are of single batches." in words(section(text, "section-3"))
    assert "of single batches" not in words(section(text, "section-2-1"))
    assert "Errata : Figure 1 does not bear the text out ; A difference within chance" in words(section(text, "section-2-1"))
    assert "Erratum : Losses taken for error rates" in words(section(text, "section-2-1"))


def test_beside_a_final_loss_stands_the_mean_of_the_last_five_epochs(config: dict[str, Any], reference: list[Run]) -> None:
    lists = [spec["numbers"] for spec in WRITTEN.sections if "final_val_loss" in spec["numbers"]]
    assert len(lists) == 5
    assert all("mean_val_loss_of_last_5" in names for names in lists)
    (mlp,) = (run for run in reference if run.variant == "mlp100")
    assert f"mean validation loss of the last five epochs {mlp.value('mean_val_loss_of_last_5'):.4f}" in words(
        section(page_of(config, reference), "section-2-3")
    )
