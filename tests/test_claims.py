"""Claims as data: what the configuration refuses, the errata, the tables and the document."""

import copy
import csv
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import studies
import yaml
from conftest import ROOT
from snakemake.utils import update_config
from studies import tabulate

from convnets.findings import claim_tables, verdicts
from convnets.study import claims, configuration
from convnets.report2021 import errata
from convnets.runs import run as runs
from convnets.freshness import stamps
from convnets.errors import InputError

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
    "unknown test": ({"test": "bigger"}, ['claims.mine.test is "bigger"; allowed: equals, equivalent']),
    "one quantity": ({"quantities": ["mlp100.epochs"]}, ["claims.mine.quantities lists 1", "greater takes 2 or more quantities"]),
    "three quantities": (
        {"test": "ratio", "target": 1, "margin": 2, "quantities": ["mlp100.epochs", "mlp100.iterations", "mlp100.parameters"]},
        ["claims.mine.quantities lists 3; the test ratio takes 2 quantities"],
    ),
    "the same twice": ({"quantities": ["mlp100.epochs"] * 2}, ["claims.mine.quantities lists something twice"]),
    "no number to equal": ({"test": "equals"}, ["claims.mine.reported must give one number for each of the 2 quantities"]),
    "a list of numbers": ({"reported": [1, 2]}, ["claims.mine.reported is a list, which only the test equals takes"]),
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
    "negative margin": ({"margin": -1}, ["claims.mine.margin", "minimum of 0"]),
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
    assert stamps.to_json({"claims": [asdict(one) for one in after]}) == stamps.to_json({"claims": [asdict(one) for one in before]})
    assert [claims.from_dict(json.loads(json.dumps(asdict(one)))) for one in after] == list(before)


def test_claims_come_as_the_report_makes_them(config: dict[str, Any]) -> None:
    """By section as numbers, then by their order in it, then by id; those of a user's own sections follow."""
    written = list(config["claims"])
    mine = {"statement": "x", "test": "less", "quantities": ["mlp100.epochs", "conv3_1x1.epochs"]}
    added = {"b": {"section": "10"}, "a": {"section": "mine"}, "z": {"section": "2.4"}, "y": {"section": "2.4"}}
    config["claims"] = {**{name: {**mine, **value} for name, value in added.items()}, **dict(reversed(config["claims"].items()))}
    found = [one.id for one in configuration.resolve(config).claims]
    last = written.index("conv1x1_accuracy")
    assert found == [*written[:last], "y", "z", *written[last:], "b", "a"]


def test_every_claim_quotes_the_report(config: dict[str, Any]) -> None:
    """Word by word, in the section that it names; " ... " leaves something out."""
    text = " ".join((ROOT / "tests" / "data" / "report.txt").read_text(encoding="utf-8").split())
    headings = {"1": "1 Parte Teórica", "2.1": "2.1 Dropout", "2.2": "2.2 Impacto", "2.3": "2.3 Comparación", "2.4": "2.4 Data"}
    headings |= {"3": "3 Parte de Programación", "3.1": "3.1 Comparación", "end": "4 Anexos"}
    starts = {section: text.index(heading) for section, heading in headings.items()}
    ends = dict(zip(starts, [*list(starts.values())[1:], len(text)], strict=True))
    for one in configuration.resolve(config).claims:
        position = starts[one.section]
        for part in one.original.split(" ... "):
            position = text.find(" ".join(part.split()), position, ends[one.section])
            assert position >= 0, (one.id, part)


def test_errata_are_computed() -> None:
    found = {erratum.id: erratum for erratum in errata.find()}
    for name, texts in {
        "chance": ["0.0035", "0.0092", "0.4 deviations"],
        "loss_as_error_rate": ["0.2998 and 0.3033", "0.99"],
        "epoch_budgets": ["14,060", "(50 - 30) epochs of 703"],
        "table1_dense": ["117,072 parameters, 468,288 bytes", "factor of 1.77"],
        "table1_convolutions": ["65,312", "65,962", "14,714,688", "14,719,818"],
        "table1_head": ["5,130", "1x1x64x10+10 = 650"],
        "table1_megabytes": ["28.34 MB", "885,569", "28,338,216", "32 times"],
        "fully_connected_majority": ["89.4%", "44.2%", "in 2 fully connected layers"],
    }.items():
        for text in texts:
            assert text in " ".join(vars(found[name]).values()), (name, text)


def test_errata_stand_in_the_order_of_the_report() -> None:
    assert len(set(errata.ids())) == len(errata.ids())
    first = [[int(part) for part in re.findall(r"\d+", erratum.section.split()[0])] for erratum in errata.find()]
    assert first == sorted(first)


def test_errata_are_about_the_reports_networks(config: dict[str, Any]) -> None:
    """Those are the ones of the default configuration."""
    resolved = configuration.resolve(config)
    assert resolved.variants["conv3_dropout05"].network == errata.DENSE
    assert resolved.variants["conv3_1x1"].network == errata.CONV1X1
    assert (resolved.images["train"], resolved.images["validation"]) == (errata.TRAINING_IMAGES, errata.VALIDATION_IMAGES)
    trainings = {name: variant.training for name, variant in resolved.variants.items()}
    assert {training.batch_size for training in trainings.values()} == {errata.BATCH_SIZE}
    assert {name: training.epochs for name, training in trainings.items()} == {
        name: errata.MLP_EPOCHS if name == "mlp100" else errata.EPOCHS for name in trainings
    }


def test_errata_say_the_same_whatever_is_configured(config: dict[str, Any], tmp_path: Path) -> None:
    """Whether few images are trained on for few epochs, nothing is claimed, or other networks bear the names."""
    smoke = yaml.safe_load((ROOT / "config.smoke.yaml").read_text(encoding="utf-8"))
    changes: list[dict[str, Any]] = [{}, smoke, {"claims": {}}, {"network": {"filters": [8, 8]}, "memory": config["memory"]}]
    found = []
    for number, change in enumerate(changes):
        changed = copy.deepcopy(config)
        update_config(changed, change) if change.get("claims") != {} else changed.update(change)
        (folder := tmp_path / str(number)).mkdir()
        done = tabulate("errata", changed, folder, "--claims", studies.REFERENCE.parent / "tables" / "claims.csv")
        assert done.returncode == 0, done.stderr
        with (folder / "errata.csv").open(newline="", encoding="utf-8") as file:
            found.append([{**row, "claims": ""} for row in csv.DictReader(file)])
    assert all(rows == found[0] for rows in found)


def test_the_tables_of_claims_and_errata(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", studies.reference(config))
    done = tabulate("claims", config, tmp_path, "--runs", *files)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "claims.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert (tmp_path / "claims.csv").read_text(encoding="utf-8").splitlines()[0] == ",".join(claim_tables.COLUMNS)
    assert ",".join(claim_tables.COLUMNS) == "id,section,statement,reported,measured,ci_low,ci_high,seeds,verdict,note"
    assert set(rows) == set(config["claims"])
    assert {row["verdict"] for row in rows.values()} <= set(verdicts.VERDICTS)
    parameters = rows["theory_parameters"]
    assert (parameters["reported"], parameters["measured"], parameters["seeds"]) == ("138357544", "138357544", "0")
    ratio = rows["dropout_loss_ratio"]
    assert (ratio["reported"], ratio["seeds"], ratio["ci_low"], ratio["ci_high"]) == ("2", "1", "", "")
    assert float(ratio["measured"]) == pytest.approx(1.9216 / 0.9158, abs=1e-3)
    assert "51 claims: 10 reproduced, 7 contradicted, 34 inconclusive." in (tmp_path / "claims.md").read_text(encoding="utf-8")
    done = tabulate("errata", config, tmp_path, "--claims", tmp_path / "claims.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "errata.csv").open(newline="", encoding="utf-8") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert tuple(found) == errata.ids()
    text = (tmp_path / "errata.md").read_text(encoding="utf-8")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("## ")] == list(errata.ids())
    assert found["table1_megabytes"]["claims"] == "memory_table_conv1x1_megabytes: contradicted"
    assert found["table1_head"]["claims"] == "memory_table_head: contradicted"
    concerned = [line.split(":")[0] for line in found["loss_as_error_rate"]["claims"].split("; ")]
    assert {"mlp_loss", "depth_one_worst_final_loss", "conv1x1_loss", "augmentation_losses"} < set(concerned)


def test_a_configuration_without_claims_has_empty_tables(config: dict[str, Any], tmp_path: Path) -> None:
    config["claims"] = {}
    done = tabulate("claims", config, tmp_path, "--runs")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "claims.csv").read_text() == ",".join(claim_tables.COLUMNS) + "\n"
    done = tabulate("errata", config, tmp_path, "--claims", tmp_path / "claims.csv")
    assert done.returncode == 0, done.stderr


def test_a_damaged_history_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", studies.reference(config))
    files[0].write_text("epoch,loss\n1,2\n")
    done = tabulate("claims", config, tmp_path, "--runs", *files)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(r"error: .*history\.csv cannot be read: .*train this run again", done.stderr)
    done = tabulate("claims", config, tmp_path, "--runs", *files[1:])
    assert "given without its history.csv" in done.stderr
    done = tabulate("claims", config, tmp_path, "--runs", *files[2:])
    assert re.search(r"error: claims\.\w+: no seed has a run of each of .*conv1_dropout05", done.stderr)
    assert not (tmp_path / "claims.csv").exists()


def test_the_committed_tables_follow_from_the_committed_runs(config: dict[str, Any], tmp_path: Path) -> None:
    """Whoever doubts a number can make it again without training."""
    files = [path for name in ("history.csv", "metrics.json", "record.json") for path in studies.REFERENCE.glob(f"*/seed*/{name}")]
    tabulate("claims", config, tmp_path, "--runs", *files)
    tabulate("errata", config, tmp_path, "--claims", tmp_path / "claims.csv")
    tabulate("convergence", config, tmp_path, "--runs", *files)
    for name in ("claims", "errata", "convergence"):
        for kind in ("csv", "md"):
            committed = studies.REFERENCE.parent / "tables" / f"{name}.{kind}"
            assert (tmp_path / committed.name).read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), committed


def test_the_document_explains_every_metric_test_and_erratum(config: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    for name in (*runs.METRICS, *claims.TESTS, *errata.ids()):
        assert f"`{name}`" in text, name
    used = {one.margin for one in configuration.resolve(config).claims if not one.is_exact and one.margin}
    for margin in used:
        assert f"{margin:,}" in text, margin
