"""Claims, errata and answers in the overview: what each number is of, what leads where, what follows from which verdict."""

import html
import math
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import studies
from pages import SECTIONS, WRITTEN, material_of, page_of, section, words

from convnets.findings import pairing, verdicts, wording
from convnets.findings.phrases import ENGLISH
from convnets.report import statements
from convnets.report.interval_plot import interval_plot
from convnets.report.texts import Text
from convnets.report2021 import errata
from convnets.runs.records import Record
from convnets.runs.run import METRICS, Run
from convnets.study import quantities


def test_each_number_says_what_it_is_of(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, studies.repeated(reference, 5))

    def line(name: str) -> str:
        return words(text.split(f'<tr id="claim-{name}">')[1].split('<tr id="claim-')[0])

    assert re.search(r"here \d\.\d+ \[[\d., ]+\] dropout 0\.0 / dropout 0\.5: final validation loss", line("dropout_loss_ratio"))
    assert "1x1 head \u2212 dense head: test accuracy" in line("conv1x1_classification")
    assert "3 layers \u2212 2 layers: best validation accuracy ( this one decides )" in line("depth_three_best_accuracy")
    there = "\u2212 2 layers: validation accuracy at the iteration of the lowest loss of 3 layers"
    assert f"3 layers: validation accuracy at the lowest loss {there}" in line("depth_three_accuracy_there")
    assert "VGG-16 fc \u2212 VGG-16 conv: parameters" in line("memory_fully_connected_majority")
    both = line("augmentation_losses")
    assert re.search(r"2021 0\.87 here \d\.\d+ \[.*\] with augmentation: .* 2021 1\.04 here \d\.\d+ \[.*\] without: final", both)
    assert line("augmentation_losses").count("What it rests on") == 1
    assert re.search(r"5 seeds, p [=<] [\d.]+ adjusted for all claims\.", line("dropout_loss_ratio"))
    assert "Exact, without statistics." in line("memory_fewer_parameters")
    assert "confidence of the test behind the verdict, adjusted for testing all claims at once" in words(text)


def test_a_claims_picture_shows_what_it_allows_and_what_was_printed(config: dict[str, Any], reference: list[Run]) -> None:
    """Read off in units of the number: a difference above 0.05, a ratio from 1.6 to 2.5, within 0.02, and a single run."""
    found = material_of(config, studies.repeated(reference, 5))
    lines = {line.claim.id: line for line in statements.claim_lines(found, WRITTEN)}
    judged = {one.claim.id: one for one in verdicts.judge(list(found.claims.values()), found.runs)}
    for name, low, high in (
        ("dropout_loss_higher", 0.05, math.inf),
        ("dropout_loss_ratio", 1.6, 2.5),
        ("conv1x1_accuracy_similar", -0.02, 0.02),
    ):
        (measure,) = lines[name].measures
        (finding,) = judged[name].findings
        reported = next(iter(judged[name].claim.reported), math.nan)
        interval = judged[name].adjusted(finding)
        assert measure.plot == interval_plot(finding.measured, interval, reported, (low, high))
    (measure,), (finding,) = lines["conv1x1_accuracy"].measures, judged["conv1x1_accuracy"].findings
    interval, allowed = judged["conv1x1_accuracy"].adjusted(finding), (finding.measured - 0.02, finding.measured + 0.02)
    assert measure.plot == interval_plot(finding.measured, interval, 0.7309, allowed, finding.interval())
    assert re.fullmatch(r"95\N{NO-BREAK SPACE}%: \[0\.\d+, 0\.\d+\]", measure.plain)
    drawn = [one.plot for line in lines.values() for one in line.measures if one.plot and one.plot.plain]
    assert page_of(config, found.runs).count('<path class="plain"') == len(drawn) == 5
    assert not any(one.plain for name in ("dropout_loss_higher", "memory_fewer_parameters") for one in lines[name].measures)
    assert lines["memory_fewer_parameters"].measures[0].plot is None  # exact


def test_notes_have_names_in_place_of_ids_in_both_languages(config: dict[str, Any], reference: list[Run]) -> None:
    found = material_of(config, studies.repeated(reference, 5))
    ids = {*found.labels, *(metric for metric in METRICS if "_" in metric), "vgg16"}
    for line in statements.claim_lines(found, WRITTEN):
        for text in (line.note.en, line.note.es):
            assert ids.isdisjoint(re.findall(r"[\w@]+", text)), text
        assert line.note.en != line.note.es
        assert not re.search(r"\b(the|is|of|tested|shown)\b", line.note.es, re.IGNORECASE), line.note.es
    notes = {line.claim.id: line.note for line in statements.claim_lines(found, WRITTEN)}
    means = r"Final validation loss: 1\.\d+ \(dropout 0\.0\); 0\.\d+ \(dropout 0\.5\)\. Tested as: "
    assert re.match(means, notes["dropout_loss_ratio"].en)
    assert "Lo que decide: 3 capas \N{MINUS SIGN} 2 capas." in notes["depth_three_best_accuracy"].es


def test_each_sentence_of_a_note_has_its_spanish(reference: list[Run]) -> None:
    """With the same numbers and names in it, and of what says why runs of two studies are not paired, too."""
    fields = {key: sorted(re.findall(r"{\w+}", text)) for key, text in ENGLISH.items()}
    spanish = {key: sorted(re.findall(r"{\w+}", text)) for key, text in WRITTEN.notes.items()}
    assert {key: found for key, found in spanish.items() if key in fields} == fields
    record = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, (), ())
    known = replace(reference[0], record=record)
    elsewhere = replace(known, record=replace(record, data={"test": "other"}))
    others = ({2: known}, {1: elsewhere}, {1: replace(known, record=None)})
    obstacles = {pairing.obstacle([{1: known}, other]) for other in others}
    assert len(obstacles - {""}) == 3
    assert spanish.keys() - fields.keys() == {*obstacles, wording.WELCH}


def test_errata_can_be_reached_and_left(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    ids = re.findall(r'<div class="erratum" id="erratum-(\w+)">\s*<h4>(.*?)</h4>', text)
    found = {erratum.id: erratum for erratum in errata.find()}
    assert sorted(found) == sorted(name for name, _ in ids)
    for name, heading in ids:
        assert found[name].title in html.unescape(heading)
        assert found[name].title_es in html.unescape(heading)
    targets = set(re.findall(r' id="([\w-]+)"', text))
    for target in re.findall(r'href="#([\w-]+)"', text):
        assert target in targets, target
    loss = section(text, "section-2-4")
    both = [
        f"{found[name].title} ({where})" for name, where in (("loss_as_error_rate", "2.1"), ("chosen_on_what_is_reported", "2.2"))
    ]
    assert f"Also concerned by: {', '.join(both)}" in words(loss)
    assert 'href="#erratum-loss_as_error_rate"' in loss.split('id="claim-augmentation_loss"')[1].split("</tr>")[0]
    assert 'href="#claim-memory_table_head"' in text.split('id="erratum-table1_head"')[1].split("</div>")[0]
    numbers = [spec["number"] for spec in WRITTEN.sections]
    assert statements.sections_of("2.1 to 3", numbers) == ["2.1", "2.2", "2.3", "2.4", "3"]
    assert statements.sections_of("3, 3.1", numbers) == ["3", "3.1"]


def test_each_section_answers_its_question_by_its_verdicts(config: dict[str, Any], reference: list[Run]) -> None:
    before = page_of(config, reference)
    for number in SECTIONS:
        assert 'class="answer"' in section(before, f"section-{number.replace('.', '-')}"), number
    assert "Whether it curbs overfitting is open; whether test accuracies" in words(section(before, "section-2-1"))
    several = section(page_of(config, studies.repeated(reference, 5, deviation=0.0005)), "section-2-1")
    assert "It curbs overfitting; test accuracies with and without it are alike." in words(several)
    assert "rise of the validation loss" in words(section(before, "section-2-3"))
    assert "VGG-16 has 138,357,544 parameters; the report counts them right" in words(section(before, "section-1"))
    assert "On overfitting, and more on speed: Speed and overfitting" in words(section(before, "section-2-3"))
    config["claims"] = {name: claim for name, claim in config["claims"].items() if not name.startswith("dropout_")}
    assert 'class="answer"' not in section(page_of(config, reference), "section-2-1")


def test_answers_rest_on_claims_that_there_are(config: dict[str, Any]) -> None:
    for spec in WRITTEN.sections:
        for part in spec["answer"]:
            assert config["claims"][part["claim"]]["section"] == spec["number"]
            assert set(part) == {"claim", *verdicts.VERDICTS}


def test_an_answer_names_a_number_of_a_claim_about_one_number_only(config: dict[str, Any], reference: list[Run]) -> None:
    lines = list(statements.claim_lines(material_of(config, reference), WRITTEN))
    several = next(line for line in lines if len(line.measures) > 1)
    said = dict.fromkeys(verdicts.VERDICTS, Text("{here} parameters", "{here} parámetros"))
    with pytest.raises(KeyError, match="here"):
        statements.answer([{"claim": several.claim.id, **said}], lines)


def test_every_metric_has_a_name_in_both_languages() -> None:
    units = {quantity.rpartition(".")[2] for quantity in quantities.exact_numbers()}
    assert {*METRICS, *units} <= set(WRITTEN.metrics)


def test_what_formulas_give_is_computed_not_measured(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    for number, heading in (("1", "Computed"), ("3-1", "Computed"), ("2-2", "Measured")):
        assert f" {heading} " in words(section(text, f"section-{number}"))


def test_a_figure_stands_in_the_page_once_and_in_halves(config: dict[str, Any], reference: list[Run]) -> None:
    shown = section(page_of(config, reference), "section-2-2")
    assert shown.count("data:image/svg+xml") == 3  # with its texts in two languages
    boxes = re.findall(r'<svg class="(?:whole|half)" viewBox="([^"]+)"', shown)
    assert boxes == ["0 0 792.0 316.8", "0 16.0 396.0 300.8", "396.0 16.0 396.0 300.8"]
    assert shown.count('href="#picture-depth"') == 2
    assert "wider than the screen" in words(section(page_of(config, reference), "section-1"))


def test_a_verdict_that_changes_is_shown(config: dict[str, Any], reference: list[Run]) -> None:
    """Verdicts are those of the table, nothing is judged again."""
    found = material_of(config, reference)
    found.tables["claims"].loc[0, "verdict"] = "contradicted"
    lines = list(statements.claim_lines(found, WRITTEN))
    assert Counter(line.verdict for line in lines) == {"reproduced": 10, "contradicted": 8, "inconclusive": 41}
    assert lines[0].verdict == "contradicted"
