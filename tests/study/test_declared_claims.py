"""Claims as a configuration declares them: what is refused, what is left out, in which order they come."""

import json
from typing import Any, get_args

import pytest
from conftest import ROOT
from pydantic import TypeAdapter
from snakemake.utils import update_config

from convnets.errors import InputError
from convnets.freshness import fingerprint
from convnets.report2021 import errata
from convnets.runs import run as runs
from convnets.study import claims, configuration

REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown variant": (
        {"quantities": ["mlp10.epochs", "conv3_1x1.epochs"]},
        [
            "claims.mine.quantities.0 names 'mlp10', which is no variant; did you mean mlp100?",
            "claims.mine: null leaves the claim out",
        ],
    ),
    "unknown metric": (
        {"quantities": ["mlp100.epochs", "mlp100.final_loss"]},
        ["claims.mine.quantities.1 names 'final_loss', which is no metric; did you mean final_val_loss?"],
    ),
    "unknown block": (
        {"quantities": ["vgg16.conv6.bits", "vgg16.fc1.bits"]},
        ["claims.mine.quantities.0 is 'vgg16.conv6.bits', which is no number of VGG-16; did you mean vgg16.conv"],
    ),
    "no metric": ({"quantities": ["mlp100", "mlp100.epochs"]}, ["claims.mine.quantities.0 is 'mlp100'", "written variant.metric"]),
    "unknown test": ({"test": "bigger"}, ['claims.mine.test is "bigger"', "'equals', 'single_run', 'equivalent'"]),
    "one quantity": (
        {"test": "highest", "quantities": ["mlp100.epochs"]},
        ["claims.mine.quantities lists 1", "highest takes 2 or more quantities"],
    ),
    "three quantities": (
        {"test": "ratio", "target": 1, "margin": 2, "quantities": ["mlp100.epochs", "mlp100.iterations", "mlp100.parameters"]},
        ["claims.mine.quantities lists 3; the test ratio takes 2 quantities"],
    ),
    "the same twice": ({"quantities": ["mlp100.epochs"] * 2}, ["claims.mine.quantities", "lists something twice"]),
    "no number to equal": ({"test": "equals"}, ["claims.mine.reported must give one number for each of the 2 quantities"]),
    "a list of numbers": (
        {"reported": [1, 2]},
        ["claims.mine.reported is a list, which only the tests equals and single_run take"],
    ),
    "no number for each": (
        {"test": "single_run", "margin": 1, "quantities": ["mlp100.test_loss", "mlp100.test_accuracy"], "reported": 1},
        ["claims.mine.reported must give one number for each of the 2 quantities of the test single_run"],
    ),
    "a single run of what is exact": (
        {"test": "single_run", "margin": 1, "quantities": ["mlp100.epochs"], "reported": 1},
        ["claims.mine.quantities holds what is exact (mlp100.epochs); the test single_run is of what varies by seed"],
    ),
    "no margin": ({"test": "equivalent"}, ["claims.mine.margin is missing; the test equivalent means nothing without one"]),
    "no target": ({"test": "ratio", "margin": 1.2}, ["claims.mine.target must be above 0"]),
    "no factor": ({"test": "ratio", "target": 2, "margin": 0.1}, ["claims.mine.margin is 0.1; the margin of a ratio is a factor"]),
    "idle target": ({"target": 2}, ["claims.mine.target has no effect with the test greater"]),
    "unknown erratum": ({"erratum": "chances"}, ["claims.mine.erratum names 'chances', which is no erratum; did you mean chance?"]),
    "one unknown erratum of two": (
        {"erratum": ["chance", "chances"]},
        ["claims.mine.erratum names 'chances', which is no erratum; did you mean chance?"],
    ),
    "misspelt key": ({"statment": "x"}, ["claims.mine.statment is not a key here; did you mean statement?"]),
    "exact and not": (
        {"test": "equals", "reported": [1, 2], "quantities": ["mlp100.parameters", "mlp100.test_accuracy"]},
        ["claims.mine.quantities holds what is exact (mlp100.parameters) beside what varies by seed"],
    ),
    "unlike numbers": (
        {"quantities": ["mlp100.test_accuracy", "conv3_1x1.final_val_loss"]},
        ["claims.mine.quantities compares unlike numbers (accuracy, loss); name metrics that measure the same"],
    ),
    "epochs and iterations to the same loss": (
        {"quantities": ["mlp100.epochs_to_min_val_loss", "conv3_1x1.iterations_to_min_val_loss"]},
        ["claims.mine.quantities compares unlike numbers (epoch, iterations)"],
    ),
    "negative margin": ({"margin": -1}, ["claims.mine.margin is -1; it should be greater than or equal to 0"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_configuration_refuses(case: str, config: dict[str, Any]) -> None:
    changes, expected = REFUSED[case]
    quantities = ["mlp100.final_val_loss", "conv3_1x1.final_val_loss"]
    config["claims"]["mine"] = {"section": "x", "statement": "x", "test": "greater", "quantities": quantities, **changes}
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    for text in expected:
        assert text in str(caught.value)


def test_what_is_null_is_left_out(config: dict[str, Any]) -> None:
    update_config(config, {"claims": {"mlp_loss": None}, "comparisons": {"depth": None}})
    resolved = configuration.resolve(config)
    assert "mlp_loss" not in {one.id for one in resolved.claims}
    assert "depth" not in resolved.comparisons
    update_config(config, {"variants": {"conv3_augment": None}, "comparisons": {"augmentation": None}})
    with pytest.raises(InputError, match=r"claims\.augmentation_loss\.quantities\.0 names 'conv3_augment', which is no variant"):
        configuration.resolve(config)
    update_config(config, {"claims": {name: None for name in config["claims"] if name.startswith("augmentation")}})
    assert "conv3_augment" not in configuration.resolve(config).variants


def test_equal_claims_are_written_in_one_way(config: dict[str, Any]) -> None:
    before = configuration.resolve(config).claims
    config["claims"]["dropout_loss_ratio"]["target"] = 2.0
    config["claims"] = dict(reversed(config["claims"].items()))
    after = configuration.resolve(config).claims
    assert fingerprint.to_json({"claims": [one.model_dump() for one in after]}) == fingerprint.to_json(
        {"claims": [one.model_dump() for one in before]}
    )
    assert TypeAdapter(tuple[claims.Claim, ...]).validate_json(json.dumps([one.model_dump() for one in after])) == before


def test_claims_come_as_the_report_makes_them(config: dict[str, Any]) -> None:
    """By section as numbers, then by their order in it, then by id; those of a user's own sections follow."""
    written = list(config["claims"])
    mine = {"statement": "x", "test": "less", "quantities": ["mlp100.epochs", "conv3_1x1.epochs"]}
    added = {"b": {"section": "10"}, "a": {"section": "mine"}, "z": {"section": "2.4"}, "y": {"section": "2.4"}}
    config["claims"] = {**{name: {**mine, **value} for name, value in added.items()}, **dict(reversed(config["claims"].items()))}
    found = [one.id for one in configuration.resolve(config).claims]
    last = written.index("conv1x1_accuracy")
    assert found == [*written[:last], "y", "z", *written[last:], "b", "a"]


def test_every_test_that_can_be_declared_is_known() -> None:
    assert get_args(claims.Claim.model_fields["test"].annotation) == tuple(claims.TESTS)


def test_every_claim_quotes_the_report(config: dict[str, Any]) -> None:
    """Word by word, in the section that it names; " ... " leaves something out."""
    text = " ".join((ROOT / "tests" / "report2021" / "report.txt").read_text(encoding="utf-8").split())
    headings = {"1": "1 Parte Teórica", "2.1": "2.1 Dropout", "2.2": "2.2 Impacto", "2.3": "2.3 Comparación", "2.4": "2.4 Data"}
    headings |= {"3": "3 Parte de Programación", "3.1": "3.1 Comparación", "end": "4 Anexos"}
    starts = {section: text.index(heading) for section, heading in headings.items()}
    ends = dict(zip(starts, [*list(starts.values())[1:], len(text)], strict=True))
    for one in configuration.resolve(config).claims:
        position = starts[one.section]
        for part in one.original.split(" ... "):
            position = text.find(" ".join(part.split()), position, ends[one.section])
            assert position >= 0, (one.id, part)


def test_the_document_explains_every_metric_test_and_erratum(config: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for name in (*runs.METRICS, *claims.TESTS, *errata.ids()):
        assert f"`{name}`" in text, name
    used = {one.margin for one in configuration.resolve(config).claims if not one.is_exact and one.margin}
    for margin in used:
        assert f"{margin:,}" in text, margin
