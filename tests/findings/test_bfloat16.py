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

REFERENCE = ROOT / "results" / "reference"
STUDIES = {"bfloat16": "results/reference/bfloat16", "float32": "results/reference/bfloat16/float32"}
SEEDS = range(1, 6)
SECTION = "bfloat16"


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the committed study with what is asked of bfloat16; folders do not depend on where it is read."""
    merged = copy.deepcopy(config)
    for name in ("config.reference.yaml", "config.bfloat16.yaml"):
        update_config(merged, yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))
    assert merged["studies"] == STUDIES
    return {**merged, "runs_from": str(REFERENCE), "studies": {name: str(ROOT / folder) for name, folder in STUDIES.items()}}


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
    assert "Accuracies differ by 0.0035 at most, and no interval reaches beyond 0.012." in prose
    assert max(abs(float(row["measured"])) for row in accuracies) < 0.0035
    assert max(abs(float(row[bound])) for row in accuracies for bound in ("ci_low", "ci_high")) < 0.012
    assert all("Runs of the studies are paired by seed" in row["note"] for row in rows)
    needed = {row["id"]: int(found[1]) for row in rows if (found := re.search(r"about (\d+) seeds", row["note"]))}
    assert "At this spread, 8 to 22 seeds would show it with a probability of 80 %. The last loss of three layers" in prose
    assert "from epoch to epoch, would need 50." in prose
    assert needed.pop("bfloat16_conv3_final_loss") == 50
    assert (min(needed.values()), max(needed.values())) == (8, 22)
    assert "So the default stays float32." in prose
    assert config["training"]["precision"] == "float32"


def test_the_runs_are_set_as_their_counterparts_but_for_the_precision(config: dict[str, Any]) -> None:
    """In their settings and their data, not in their processor and code. Today's protocol is another, and its runs are to come."""
    merged = configured(config)
    claims = [claim for claim in merged["claims"].values() if claim["section"] == SECTION]
    pairs = {tuple(quantity.split(".")[0] for quantity in claim["quantities"]) for claim in claims}
    assert len(pairs) == 3
    for pair in pairs:
        for seed in SEEDS:
            studies, variants = zip(*(variant.split(":") for variant in pair), strict=True)
            assert studies == ("bfloat16", "float32")
            folders = [ROOT / STUDIES[study] / "runs" / name / f"seed{seed}" for study, name in zip(studies, variants, strict=True)]
            trained = [without_precision(files.read_json(folder / stamps.STAMP)["components"]["settings"]) for folder in folders]
            assert [precision for precision, _ in trained] == ["mixed_bfloat16", "float32"]
            assert trained[0][1] == trained[1][1]
            record, other = (reading.read_record(folder / layout.RECORD) for folder in folders)
            assert record.precision == "mixed_bfloat16"
            assert record.data == other.data


def without_precision(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the precision of a variant's settings, and the others."""
    found = copy.deepcopy(dict(settings))
    return found["training"].pop("precision"), found
