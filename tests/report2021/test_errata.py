"""The errata: computed, in the report's order, the same whatever is configured."""

import copy
import csv
import re
from pathlib import Path
from typing import Any

import jobs
import studies
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from convnets.report2021 import errata
from convnets.study import configuration, published_curves


def test_errata_are_computed() -> None:
    found = {erratum.id: erratum for erratum in errata.find()}
    for name, texts in {
        "chance": ["0.0035", "0.0065", "0.5 deviations", "10,000 images", "end 0.013 apart"],
        "test_called_validation": ["4,992 images", "no number of hits gives 0.7002 or 0.7309", "0.6967 could be one"],
        "two_runs_of_one_network": ["0.013 in accuracy at the end", "differ by 0.025"],
        "loss_as_error_rate": ["0.3214 and 0.2968", "1.08", "1.84"],
        "table1_classes": ["4,097,000", "40,970", "134,301,514"],
        "epoch_budgets": ["14,060", "(50 - 30) epochs of 703"],
        "table1_dense": ["117,072 parameters, 468,288 bytes", "factor of 1.77"],
        "table1_convolutions": ["65,312", "65,962", "14,714,688", "14,719,818"],
        "table1_head": ["5,130", "1x1x64x10+10 = 650"],
        "table1_megabytes": ["28.34 MB", "885,569", "28,338,216", "32 times"],
        "fully_connected_majority": ["89.4%", "44.2%", "in 2 fully connected layers"],
    }.items():
        for text in texts:
            assert text in " ".join(vars(found[name]).values()), (name, text)


def test_what_is_read_off_the_figures_is_in_the_curves() -> None:
    """Accuracies at best and at the end, and losses, by figure and network."""
    frame = published_curves.read(ROOT / "report" / "curves2021.csv")
    curves = frame[frame["split"] == "validation"].set_index(["figure", "variant", "metric"]).sort_index()
    texts = {erratum.id: " ".join(vars(erratum).values()) for erratum in errata.find()}
    for name, figure, variant, metrics in (
        ("test_called_validation", "1", "conv2_dropout00", {"accuracy": "best"}),
        ("test_called_validation", "1", "conv2_dropout05", {"accuracy": "best"}),
        ("test_called_validation", "6", "conv3_1x1", {"accuracy": "best"}),
        ("figure1_against_text", "1", "conv2_dropout00", {"accuracy": "best last", "loss": "best"}),
        ("figure1_against_text", "1", "conv2_dropout05", {"accuracy": "best last", "loss": "best"}),
        ("chance", "1", "conv2_dropout05", {"accuracy": "best"}),
        ("chance", "2", "conv2_dropout05", {"accuracy": "best"}),
        ("two_runs_of_one_network", "1", "conv2_dropout05", {"accuracy": "best last", "loss": "last"}),
        ("two_runs_of_one_network", "2", "conv2_dropout05", {"accuracy": "best last", "loss": "last"}),
        ("lower_loss_better", "6", "conv3_1x1", {"accuracy": "best last"}),
        ("lower_loss_better", "4", "conv3_dropout05", {"accuracy": "best last"}),
    ):
        for metric, kinds in metrics.items():
            values = curves.loc[(figure, variant, metric)].sort_values("iteration")["value"]
            found = {"best": values.max() if metric == "accuracy" else values.min(), "last": values.iloc[-1]}
            assert all(f"{found[kind]:.4f}" in texts[name] for kind in kinds.split()), (name, variant, metric, found)
    for (figure, variant), ends in errata.ENDS.items():
        both = [curves.loc[(figure, variant, metric)].sort_values("iteration")["value"].iloc[-1] for metric in ("accuracy", "loss")]
        assert tuple(both) == ends


def test_the_curves_of_figures_4_and_6_part_at_first() -> None:
    frame = published_curves.read(ROOT / "report" / "curves2021.csv")
    validation = frame[frame["split"] == "validation"]
    text = next(" ".join(vars(erratum).values()) for erratum in errata.find() if erratum.id == "curves_part_at_first")
    for metric, early, late in (("accuracy", "0.061 lower", "0.004 lower"), ("loss", "0.13 higher", "0.17 lower")):
        of_metric = validation[validation["metric"] == metric]
        head, dense = (
            of_metric[(of_metric["figure"] == figure) & (of_metric["variant"] == variant)].set_index("iteration")["value"]
            for figure, variant in (("6", "conv3_1x1"), ("4", "conv3_dropout05"))
        )
        apart = (head - dense).dropna()
        for part, words in ((apart[apart.index <= 14 * 703], early), (apart[apart.index > 14 * 703], late)):
            number, direction = words.split()
            digits = len(number.partition(".")[2])
            assert f"{abs(part.mean()):.{digits}f}" == number
            assert (part.mean() < 0) == (direction == "lower")
            assert number in text
        assert len(apart) == 28


def test_errata_stand_in_the_order_of_the_report() -> None:
    assert len(set(errata.ids())) == len(errata.ids())
    first = [[int(part) for part in re.findall(r"\d+", erratum.section.split()[0])] for erratum in errata.find()]
    assert first == sorted(first)


def test_errata_are_about_the_reports_networks(config: dict[str, Any]) -> None:
    """Those are the ones of the default configuration."""
    resolved = configuration.resolve(config)
    assert resolved.variants["conv3_dropout05"].network == errata.DENSE
    assert resolved.variants["conv3_1x1"].network == errata.CONV1X1
    assert (resolved.images["train"], resolved.images["validation"]) == (errata.PROTOCOL["training"], errata.PROTOCOL["validation"])
    trainings = {name: variant.training for name, variant in resolved.variants.items()}
    assert {training.batch_size for training in trainings.values()} == {errata.PROTOCOL["batch"]}
    # Validated after the first iteration of each epoch, the report's curves end before the last of its epochs is trained.
    assert {name: training.epochs + 1 for name, training in trainings.items()} == {
        name: errata.PROTOCOL["mlp_epochs" if name == "mlp100" else "epochs"] for name in trainings
    }


def test_errata_say_the_same_whatever_is_configured(config: dict[str, Any], tmp_path: Path) -> None:
    """Whether few images are trained on for few epochs, one thing is claimed, or other networks bear the names."""
    smoke = yaml.safe_load((ROOT / "config.smoke.yaml").read_text(encoding="utf-8"))
    changes: list[dict[str, Any]] = [
        {},
        smoke,
        {"claims": dict([*config["claims"].items()][:1])},
        {"network": {"filters": [8, 8]}, "memory": config["memory"]},
    ]
    found = []
    for number, change in enumerate(changes):
        changed = copy.deepcopy(config)
        changed.update(change) if "claims" in change else update_config(changed, change)
        (folder := tmp_path / str(number)).mkdir()
        job = jobs.make("tabulate_errata", changed, folder, claims=[studies.REFERENCE.parent / "tables" / "claims.csv"])
        with job.output("csv").open(newline="", encoding="utf-8") as file:
            found.append([{**row, "claims": ""} for row in csv.DictReader(file)])
    assert all(rows == found[0] for rows in found)
