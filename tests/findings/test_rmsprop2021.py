"""One layer with RMSprop's form of 2021: what docs/protocol.md says of it follows from the committed runs."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jobs
import pandas as pd
from conftest import ROOT

from convnets import files
from convnets.findings import inference
from convnets.freshness import stamps
from convnets.runs import layout
from convnets.study import configfiles

STUDY = ROOT / "studies" / "rmsprop2021.yaml"
REFERENCE = ROOT / "results" / "reference"
RUNS = REFERENCE / "rmsprop2021" / "runs" / "conv1_dropout05"
COUNTERPARTS = REFERENCE / "runs" / "conv1_dropout05"
SEEDS = range(11, 21)


def final_losses(folder: Path) -> list[float]:
    return [files.read_json(folder / f"seed{seed}" / layout.METRICS)["final_val_loss"] for seed in SEEDS]


def curves(path: Path) -> Mapping[str, Any]:
    """Return the rows of the network with one layer, by metric."""
    found = pd.read_csv(path)
    return {row.metric: row for row in found[found["variant"] == "conv1_dropout05"].itertuples()}


def test_the_document_says_what_the_runs_say(tmp_path: Path) -> None:
    config = {**configfiles.read([STUDY]), "runs_from": str(RUNS.parents[1])}
    published = config["comparisons"]["depth"]["published"]
    published["curves"] = str(ROOT / published["curves"])
    job = jobs.make("tabulate_curves", config, tmp_path)
    form, usual = curves(job.output("csv")), curves(REFERENCE / "tables" / "curves.csv")
    there, here = final_losses(RUNS), final_losses(COUNTERPARTS)
    of_form, of_usual = inference.estimate(there), inference.estimate(here)
    difference = inference.estimate([one - other for one, other in zip(there, here, strict=True)])
    low, high = difference.interval()
    loss, accuracy = (
        f"{form[one].share:.0%}, {usual[one].share:.0%}".replace("%", " %").split(", ") for one in ("loss", "accuracy")
    )
    expected = (
        f"With the former, on the same seeds, the loss of one layer ends at {of_form.mean:.3f} ± {of_form.deviation:.3f}, with "
        f"the latter at {of_usual.mean:.3f} ± {of_usual.deviation:.3f} (difference {difference.mean:.3f}, 95 % interval "
        f"{low:.3f} to {high:.3f}). On average over the curve, the report's loss is {form['loss'].mean_difference:.3f} higher "
        f"than with the former and {usual['loss'].mean_difference:.3f} than with the latter, and {accuracy[0]} of its accuracies "
        f"and {loss[0]} of its losses lie in the band, in place of {accuracy[1]} and {loss[1]}."
    )
    prose = " ".join((ROOT / "docs" / "protocol.md").read_text(encoding="utf-8").split())
    assert expected in prose, expected


def test_the_runs_differ_from_their_counterparts_in_epsilon_alone() -> None:
    for seed in SEEDS:
        own, other = (
            copy.deepcopy(files.read_json(folder / f"seed{seed}" / stamps.STAMP)["components"]["settings"])
            for folder in (RUNS, COUNTERPARTS)
        )
        assert own["training"]["optimizer"].pop("epsilon") == 1e-14
        assert "epsilon" not in other["training"]["optimizer"]  # Keras's own, 1e-7
        assert own == other
