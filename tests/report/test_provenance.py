"""What the overview says of how the runs were made, and its links into MLflow."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from pages import WRITTEN, page_of, section, words

from convnets.findings import verdicts, wording
from convnets.report.material import Material
from convnets.runs.records import Record
from convnets.runs.run import Run
from convnets.study import configuration

RECORD = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, (), ())


def test_how_the_runs_were_made(config: dict[str, Any], reference: list[Run]) -> None:
    libraries = {"tensorflow": "2.21.0", "keras": "3.15.1"}
    text = page_of(config, [replace(run, record=RECORD, cpu_percent=95.0, libraries=libraries) for run in reference])
    assert "keras version 3.15.1 tensorflow version 2.21.0" in words(section(text, "software"))
    hardware = words(section(text, "hardware"))
    assert "processor: a processor (CPU)." in hardware
    assert "processor use 95 % peak memory (MB) 1,074 threads 1" in hardware
    assert "Not recorded" not in words(text)


def test_runs_that_shared_their_core_are_named(config: dict[str, Any], reference: list[Run]) -> None:
    assert "share their core" not in words(section(page_of(config, reference), "convergence"))
    runs = [replace(run, is_disturbed=run.variant == "mlp100") for run in reference]
    text = words(section(page_of(config, runs), "convergence"))
    mlp = f"mlp100 seed {reference[0].seed}"
    assert f"less than 85 % of one: MLP, 100 hidden units seed {reference[0].seed}. Their times are upper bounds" in text
    (own,) = (run for run in reference if run.variant == "mlp100")
    assert f"s/epoch {own.value('seconds_per_epoch'):.1f} runs that shared their core 1" in text
    (slowest,) = (each for each in verdicts.judge(configuration.resolve(config).claims, runs) if each.claim.id == "mlp_slowest")
    assert f"had to share their core are upper bounds: {mlp}." in wording.note(slowest)


def test_what_is_not_recorded_is_said(config: dict[str, Any], reference: list[Run]) -> None:
    text = page_of(config, [replace(run, record=RECORD if run.variant == "mlp100" else None, libraries=None) for run in reference])
    assert "Not recorded for 8 of 8 runs." in words(section(text, "software"))
    assert "Not recorded for 7 of 8 runs." in words(section(text, "hardware"))
    minutes = sum(run.seconds for run in reference) / 60
    assert f"All trainings together: {minutes:,.0f} min." in words(section(text, "hardware"))


def test_verified_runs_are_counted_apart(config: dict[str, Any], reference: list[Run]) -> None:
    text = words(section(page_of(config, reference, verified=["mlp100", "conv3_1x1"]), "software"))
    assert "2 of 8 runs count as fresh by a verification" in text
    assert "verification" not in words(section(page_of(config, reference), "software"))


def test_settings_that_differ_have_a_column(config: dict[str, Any], reference: list[Run]) -> None:
    text = words(section(page_of(config, reference), "configuration"))
    assert "All variants have: batch size 64, optimizer name rmsprop" in text
    assert "Images are standardised by mean and deviation of each channel of the training images." in text
    assert "tamaño de lote 64, optimizador rmsprop" in section(
        page_of(config, reference), "configuration"
    )  # and each name that the page shows has its Spanish
    names = {re.sub(r"[._]", " ", name) for run in reference for name in run.settings.flat()} - {"dropout"}
    assert {name for name in names if name.rpartition(" ")[2] in text} - WRITTEN.words.keys() == set()
    nothing = "\N{EM DASH}"  # a network without convolutions has no kernels, and a 1x1 head no dropout
    assert f"MLP, 100 hidden units filters none kernel size {nothing} head dense dense units 100 dropout 0.5 epochs 49" in text
    assert f"1x1 head filters 16, 32, 64 kernel size 5 head conv1x1 dense units {nothing} dropout {nothing} epochs 29" in text
    one = next(iter(reference))
    shared, differing = Material({}, {}, {}, {one.variant: "Only"}, [one], [], {}).configuration()
    assert len(shared) == len(one.settings.flat())
    assert differing.columns.empty


def test_an_argument_of_one_optimizer_differs_from_none(reference: list[Run]) -> None:
    first, second = reference[:2]
    schedule = {"PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 9}}
    changes = {"optimizer": {"name": "adamw", "learning_rate": schedule, "weight_decay": 0.5}}
    runs = [replace(first, settings=first.settings.updated({"training": changes})), second]
    _, differing = Material({}, {}, {}, {first.variant: "A", second.variant: "B"}, runs, [], {}).configuration()
    assert list(differing["optimizer weight decay"]) == ["0.5", "\N{EM DASH}"]
    assert list(differing["optimizer momentum"]) == ["\N{EM DASH}", "0.0"]  # adamw has none
    rates = list(differing["optimizer learning rate"])
    assert rates == ['{"PolynomialDecay": {"decay_steps": 9, "initial_learning_rate": 0.1}}', "0.0005"]


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
