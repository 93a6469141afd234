"""The study of bfloat16: what the document says of it follows from the committed runs."""

import copy
import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jobs
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from convnets import files
from convnets.freshness import stamps
from convnets.runs import layout, reading
from convnets.study import configfiles, configuration

REFERENCE = ROOT / "results" / "reference"
RUNS = REFERENCE / "bfloat16" / "runs"
STUDY = ROOT / "studies" / "bfloat16.yaml"
SECTION = "bfloat16"


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the committed study with what is asked of bfloat16; folders do not depend on where it is read."""
    merged = copy.deepcopy(config)
    for name in ("config.reference.yaml", "config.bfloat16.yaml"):
        update_config(merged, yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))
    assert merged["studies"] == {"bfloat16": "results/reference/bfloat16"}
    return {**merged, "runs_from": str(REFERENCE), "studies": {"bfloat16": str(RUNS.parent)}}


def test_the_documents_table_follows_from_the_committed_runs(config: dict[str, Any], tmp_path: Path) -> None:
    job = jobs.make("tabulate_claims", configured(config), tmp_path)
    lines = job.output("markdown").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(f"| {SECTION} ")]
    assert len(cells) == 12
    document = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    shown = document.split("<!-- results/reference/bfloat16 -->\n")[1].split("<!-- end -->")[0].splitlines()
    assert shown == [f"| {statement} | {here} | {verdict} |" for _, _, statement, _, here, _, verdict, *_ in cells]
    with job.output("csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["section"] == SECTION]
    accuracies = [row for row in rows if "accuracy" in row["id"]]
    prose = " ".join(document.split())
    verdicts = {row["id"]: row["verdict"] for row in rows}
    assert "Eight of twelve are shown, all four of the MLP among them, and none is contradicted." in prose
    assert sorted(verdicts.values()) == 4 * ["inconclusive"] + 8 * ["reproduced"]
    assert {verdict for claim, verdict in verdicts.items() if "mlp" in claim} == {"reproduced"}
    assert "Accuracies differ by 0.0043 at most, and no 95 % interval of one by itself reaches beyond 0.0078." in prose
    assert 0.00425 < max(abs(float(row["measured"])) for row in accuracies) < 0.00435
    assert 0.00775 < max(abs(float(row[bound])) for row in accuracies for bound in ("ci_low", "ci_high")) < 0.00785
    assert all("Runs of the studies are paired by seed" in row["note"] for row in rows)
    needed = {row["id"]: int(found[1]) for row in rows if (found := re.search(r"about (\d+) seeds", row["note"]))}
    assert "about 17, 18 and 23 seeds would decide at this spread with a probability of 80 %" in prose
    assert "and the last loss of three layers, which would need 34." in prose
    assert needed.pop("bfloat16_conv3_final_loss") == 34
    assert sorted(needed.values()) == [17, 18, 23]
    assert needed.keys() <= {row["id"] for row in accuracies}
    assert "As not all of it is shown, the default stays float32." in prose
    assert config["training"]["precision"] == "float32"


def test_the_runs_are_set_as_their_counterparts_but_for_the_precision(config: dict[str, Any]) -> None:
    """In their settings, data, code and processor's name: those committed, and those that the study would train."""
    merged = configured(config)
    claims = [claim for claim in merged["claims"].values() if claim["section"] == SECTION]
    pairs = {tuple(quantity.split(".")[0] for quantity in claim["quantities"]) for claim in claims}
    assert len(pairs) == 3
    study, here = configuration.resolve(configfiles.read_study([STUDY])), configuration.resolve(config)
    assert study.dataset == here.dataset
    assert {f"bfloat16:{name}" for name in study.variants} == {narrow for narrow, _ in pairs}
    for narrow, wide in ((narrow.removeprefix("bfloat16:"), wide) for narrow, wide in pairs):
        assert without_precision(study.variants[narrow].canonical()) == (
            "mixed_bfloat16",
            without_precision(here.variants[wide].canonical())[1],
        )
        for seed in study.seeds:
            folders = [RUNS / narrow / f"seed{seed}", REFERENCE / "runs" / wide / f"seed{seed}"]
            components, others = (files.read_json(folder / stamps.STAMP)["components"] for folder in folders)
            trained = [without_precision(each.pop("settings")) for each in (components, others)]
            assert [precision for precision, _ in trained] == ["mixed_bfloat16", "float32"]
            assert trained[0][1] == trained[1][1]
            assert components == others
            record, other = (reading.read_record(folder / layout.RECORD) for folder in folders)
            assert record.precision == "mixed_bfloat16"
            assert (record.data, record.processor) == (other.data, other.processor)
    assert {path.name for path in RUNS.iterdir()} == set(study.variants)


def without_precision(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the precision of a variant's settings, and the others."""
    found = copy.deepcopy(dict(settings))
    return found["training"].pop("precision"), found
