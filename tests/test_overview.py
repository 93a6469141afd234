"""The overview: what its page says of the committed runs, of several seeds, and of what a user adds."""

import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import studies
from conftest import ROOT

from convnets.report import appendix, overview, page as overview_page, provenance, subject as study, texts
from convnets.findings import claim_tables, convergence, verdicts, wording
from convnets.study import claims, comparisons, configuration
from convnets.runs import layout, records
from convnets.freshness import stamps
from convnets.errors import InputError
from convnets.report.provenance import Made
from convnets.runs.records import Record, Usage
from convnets.runs.run import Run
from convnets.freshness.stamps import Stamp
from convnets.freshness.steps import TEXTS, Steps
from convnets.report.subject import Study

TABLES, FIGURES = studies.REFERENCE.parent / "tables", studies.REFERENCE.parent / "figures"
WRITTEN = texts.read(TEXTS / "texts.yaml")
SECTIONS = ["1", "2.1", "2.2", "2.3", "2.4", "3", "3.1"]
APPENDIX = ["changes", "convergence", "configuration", "software", "hardware"]
RECORD = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, [Usage(1.0, 90.0, 1), Usage(2.0, 100.0, 1)], [[1]])


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the step as its script gets them."""
    return json.loads(stamps.to_json(Steps(configuration.resolve(config)).all["write_overview"].settings))


def study_of(config: dict[str, Any], runs: list[Run]) -> Study:
    """Return a study of these runs; tables that no run changes are the committed ones."""
    resolved = configuration.resolve(config)
    judged = verdicts.judge(resolved.claims, runs)
    found = {name: pd.read_csv(TABLES / f"{name}.csv") for name in ("vgg16", "memory", "errata")}
    found["claims"] = pd.read_csv(io.StringIO(claim_tables.claims(judged, ["a note"] * len(judged)).to_csv(index=False)))
    found["convergence"] = convergence.table(runs, resolved.variants, resolved.labels, resolved.accuracies)
    chosen = settings_of(config)
    return Study(
        {value["id"]: claims.from_dict(value) for value in chosen["claims"]},
        {value["id"]: comparisons.from_dict(value) for value in chosen["comparisons"]},
        chosen["labels"],
        runs,
        found,
    )


def page_of(
    config: dict[str, Any],
    runs: list[Run],
    made: list[Made] | None = None,
    published: dict[str, Any] | None = None,
    own: Any = None,
) -> str:
    """Return the page as HTML."""
    found = study_of(config, runs)
    made = made or [Made(run, None, None) for run in runs]
    page = overview_page.compose(found, made, settings_of(config), own or {"numpy": "2"}, published or {}, WRITTEN)
    figures = {
        name: FIGURES / f"{name if (FIGURES / f'{name}.svg').is_file() else 'depth'}.svg" for name in [*found.comparisons, "vgg16"]
    }
    return overview_page.render(page, figures, WRITTEN, TEXTS)


def words(text: str) -> str:
    """Return what a reader of the English page sees, with single spaces."""
    text = re.sub(r"<style>.*?</style>|<span class=\"lang\" lang=\"es\">.*?</span>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def section(text: str, name: str) -> str:
    return text.split(f'<section id="{name}">')[1].split("</section>")[0]


@pytest.fixture(scope="module")
def reference() -> list[Run]:
    import yaml

    return studies.reference(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))


def test_sections_follow_the_report(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    ids = re.findall(r'<section id="([\w-]+)">', text)
    assert ids == [*(f"section-{number.replace('.', '-')}" for number in SECTIONS), *APPENDIX]
    contents = text.split('<nav class="contents"')[1].split("</nav>")[0]
    assert re.findall(r'<a href="#([\w-]+)">', contents) == ids
    for name in ids:
        assert 'class="question"' in section(text, name), name
    for name in ids[:6]:
        assert section(text, name).count("data:image/svg+xml;base64,") == 1, name
        assert section(text, name).count("<figcaption>") == 1, name
    assert text.count("<image ") == 6
    claims_shown = re.findall(r'<tr id="claim-(\w+)">', text)
    assert claims_shown == list(config["claims"])  # which stand there as the report makes them
    for claim in config["claims"].values():
        assert claim["statement"] in words(text)
        assert claim["original"] in html.unescape(text)
        assert claim["statement"] in words(section(text, f"section-{claim['section'].replace('.', '-')}"))


def test_verdicts_are_counted(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    assert "Of 51 claims 10 reproduced 7 contradicted 34 inconclusive" in words(text)
    table = study_of(config, reference).tables["claims"]
    for number in SECTIONS:
        rows = table[[config["claims"][name]["section"] == number for name in table["id"]]]
        shown = section(text, f"section-{number.replace('.', '-')}")
        found = re.findall(r'<tr id="claim-(\w+)">.*?<span class="verdict (\w+)">', shown, re.DOTALL)
        assert dict(found) == dict(zip(rows["id"], rows["verdict"], strict=True))


def test_numbers_stand_beside_those_of_2021(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference)
    assert "0.7140 2021: 0.7002" in words(section(text, "section-2-1"))
    assert "138,357,544 as in 2021" in words(section(text, "section-1"))
    assert "117,072 2021: 138,357,544" in words(section(text, "section-3-1"))
    assert "VGG-16 parameters 138,357,544 as in 2021 MB 553.43 as in 2021" in words(section(text, "section-3-1"))
    changes = words(section(text, "changes"))
    assert "3 · 1x1 head: best validation accuracy 2021 0.7309 here 0.7448 difference +0.0139" in changes
    assert "2.1 · dropout 0.0 / dropout 0.5: final validation loss 2021 2 here 2.0981 difference +0.0981" in changes
    assert "2.4 · with augmentation \u2212 without: final validation loss 2021 \u22120.17 here" in changes
    measured, computed = changes.split("Measured: the number printed in 2021, from one run each")
    assert "0.7309" in measured
    assert "3.1 · 3 conv layers, 1x1 head: MB 2021 0.8856 here 0.2638 difference \u22120.6218" in computed
    assert "1 · VGG-16: parameters (the last of 9) 2021 138,357,544 here 138,357,544 difference 0" in computed
    printed = [claim for claim in config["claims"].values() if "reported" in claim]
    rows = set(re.findall(r"\b(\d[\d.]*) · ", changes))
    assert rows == {claim["section"] for claim in printed}
    assert "One seed tells nothing" in words(text)
    assert "[" not in words(section(text, "section-2-1"))


def test_several_seeds_have_intervals(config: dict[str, Any], reference: list[Run]) -> None:
    runs = studies.repeated(reference, 5)
    config["seeds"] = [1, 2, 3, 4, 5]
    text = page_of(config, runs)
    assert "7 networks, 5 seeds each." in words(text)
    assert "One seed tells nothing" not in words(text)
    assert "Mean and standard deviation of 5 seeds" in words(section(text, "section-2-1"))
    values = [run.best_val_accuracy for run in runs if run.variant == "conv2_dropout00"]
    low, high = overview.inference.estimate(values).interval()
    assert f"{sum(values) / 5:.4f} [{low:.4f}, {high:.4f}] 2021: 0.7002" in words(section(text, "section-2-1"))
    assert "117,072 [" not in words(text)  # what does not vary has none


def test_an_interval_below_zero_has_true_minus_signs() -> None:
    assert study.bracket(-0.25, -0.125, "{:.3f}".format) == "[\u22120.250, \u22120.125]"
    assert study.bracket(float("nan"), float("nan"), str) == ""
    assert study.as_printed(float("nan")) == ""
    assert [study.as_printed(number) for number in (138357544.0, 553.43, 0.8856, -0.17)] == [
        *("138,357,544", "553.43", "0.8856", "\u22120.17"),
    ]


def test_how_the_runs_were_made(config: dict[str, Any], reference: list[Run]) -> None:
    stamp = Stamp("f", {"libraries": {"tensorflow": "2.21.0", "keras": "3.15.1"}}, {}, {}, {}, 1.0)
    text = page_of(config, reference, [Made(run, RECORD, stamp) for run in reference])
    assert "keras version 3.15.1 tensorflow version 2.21.0" in words(section(text, "software"))
    hardware = words(section(text, "hardware"))
    assert "processor: a processor (CPU)." in hardware
    assert "processor use 95 % peak memory (MB) 1,074 threads 1" in hardware
    assert "Not recorded" not in words(text)


def test_runs_that_shared_their_core_are_named(config: dict[str, Any], reference: list[Run]) -> None:
    assert "share their core" not in words(section(page_of(config, reference), "convergence"))
    runs = [replace(run, is_disturbed=run.variant == "mlp100") for run in reference]
    text = words(section(page_of(config, runs), "convergence"))
    assert "less than 85 % of one: mlp100 seed 1. Their times are upper bounds" in text
    assert "s/epoch 1.2 runs that shared their core 1" in text
    (slowest,) = (each for each in verdicts.judge(configuration.resolve(config).claims, runs) if each.claim.id == "mlp_slowest")
    assert "had to share their core are upper bounds: mlp100 seed 1." in wording.note(slowest, runs, {"validation": 1, "test": 1})


def test_what_is_not_recorded_is_said(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, reference, [Made(run, RECORD if run.variant == "mlp100" else None, None) for run in reference])
    assert "Not recorded for 7 of 7 runs." in words(section(text, "software"))
    assert "Not recorded for 6 of 7 runs." in words(section(text, "hardware"))
    hours = sum(run.train_seconds for run in reference) / 3600
    assert f"All trainings together: {hours:.1f} h." in words(section(text, "hardware"))


def test_records_are_read_where_there_are_any(reference: list[Run], tmp_path: Path) -> None:
    folders = [tmp_path / run.variant / "seed1" for run in reference]
    records.write_record(folders[0] / layout.RECORD, RECORD)
    made = provenance.read(reference, folders)
    kept = replace(RECORD, usage=[Usage(2.0, 95.0, 1)], confusion=[])  # little, since there may be thousands of runs
    assert [one.record for one in made] == [kept, *[None] * (len(made) - 1)]
    (folders[0] / layout.RECORD).write_text("{}")
    with pytest.raises(InputError, match=r"record\.json cannot be read"):
        provenance.read(reference, folders)


PUBLISHED = {
    "runs": "#/experiments/1/runs",
    "curves": {"dropout": "#/curves"},
    "compare": {"dropout": '#/compare-runs?runs=["a"]'},
    "pending": [],
    "problem": "",
}


@pytest.mark.parametrize(
    ("uri", "root", "how"),
    [(None, "http://127.0.0.1:5000", "make ui"), ("https://mlflow.example", "https://mlflow.example", "tracking server")],
)
def test_links_lead_into_mlflow(uri: str | None, root: str, how: str, config: dict[str, Any], reference: list[Run]) -> None:
    config["tracking"]["uri"] = uri
    text = page_of(config, reference, published=PUBLISHED)
    addresses = [html.unescape(address) for address in re.findall(r'href="(http[^"]+)"', text)]
    assert addresses == [f"{root}/#/curves", f'{root}/#/compare-runs?runs=["a"]', f"{root}/#/experiments/1/runs"]
    assert how in words(section(text, "mlflow"))


def test_what_is_not_published_has_no_links(config: dict[str, Any], reference: list[Run]) -> None:
    for published in ({}, {**PUBLISHED, "runs": "", "curves": {}, "compare": {}, "problem": "away"}):
        text = page_of(config, reference, published=published)
        assert "http" not in text
        assert "MLflow" not in words(text)


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
    assert text.count("<image ") == 1  # VGG-16
    assert '<tr id="claim-' not in text
    assert 'href="#claim-' not in text


def test_a_subset_and_runs_from_elsewhere_are_said(config: dict[str, Any], reference: list[Run]) -> None:
    config["dataset"]["subset"] = {"train": 2048, "validation": 512, "test": 512}
    config["runs_from"] = str(studies.REFERENCE.parent)
    text = words(page_of(config, reference))
    assert "2,048 images to train on" in text
    assert "a small part of the images only" in text
    assert "made from finished runs that were given as they are" in text


def test_settings_that_differ_have_a_column(config: dict[str, Any], reference: list[Run]) -> None:
    text = words(section(page_of(config, reference), "configuration"))
    assert "All variants have: batch size 64, optimizer name rmsprop" in text
    assert "MLP, 100 hidden units filters none kernel size 0 head dense dense units 100 dropout 0.5 epochs 50" in text
    one = {"only": next(iter(reference)).settings}
    assert provenance.common_and_differing(one)[1] == {"only": {}}
    assert appendix.configuration(one, {"only": "Only"}, config["dataset"] | {"subset": None}, [1], WRITTEN).tables == ()


def test_every_text_is_in_both_languages() -> None:
    def walk(value: object) -> None:
        if isinstance(value, texts.Text):
            assert value.en.strip()
            assert value.es.strip()
            assert set(re.findall(r"{\w+}", value.en)) == set(re.findall(r"{\w+}", value.es))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    walk([vars(WRITTEN)[name] for name in vars(WRITTEN)])


def test_damaged_texts_are_named(tmp_path: Path) -> None:
    for text in ("labels: {", "labels: {}", "- 1"):
        (tmp_path / "texts.yaml").write_text(text)
        with pytest.raises(InputError, match=r"texts\.yaml cannot be read"):
            texts.read(tmp_path / "texts.yaml")


def test_the_step_depends_on_its_texts_and_on_all_that_it_shows(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = Steps(configuration.resolve(config)).all
    for name in ("overview.css", "overview.html.jinja", "texts.yaml"):
        (tmp_path / name).write_text((TEXTS / name).read_text(encoding="utf-8") + "\n")
    monkeypatch.setattr("convnets.steps.TEXTS", tmp_path)
    after = Steps(configuration.resolve(config)).all
    assert {key for key, step in before.items() if after[key].fingerprint != step.fingerprint} == {"write_overview"}
    assert set(before["write_overview"].after) == set(before) - {"write_overview", "prepare_dataset", "create_store"}


def test_runs_that_are_given_are_no_steps(config: dict[str, Any]) -> None:
    config["runs_from"] = str(studies.REFERENCE.parent)
    steps = Steps(configuration.resolve(config))
    assert {step.rule for step in steps.all.values()}.isdisjoint(
        {"train_variant", "prepare_dataset", "create_store", "publish_comparisons"}
    )
    assert steps.left() == []
    for step in steps.all.values():
        assert set(step.after) <= set(steps.all)
    config["runs_from"] = str(studies.REFERENCE.parent / "figures" / "..")  # as another folder
    elsewhere = Steps(configuration.resolve(config)).all
    same = {key for key, step in steps.all.items() if elsewhere[key].fingerprint == step.fingerprint}
    assert same == {"tabulate_errata", "tabulate_vgg16", "draw_vgg16"}  # which read no runs
    config["seeds"] = [1, 6]
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    assert "has no history.csv and no metrics.json in runs/mlp100/seed6" in str(caught.value)
