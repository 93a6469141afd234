"""The tables of claims and errata, from runs with one seed and from the committed ones."""

import csv
import shutil
from pathlib import Path
from typing import Any

import commands
import jobs
import pytest
import studies
from conftest import ROOT

from convnets.errors import InputError
from convnets.findings import claim_tables, verdicts, wording
from convnets.findings.verdicts import INCONCLUSIVE, REPRODUCED
from convnets.report2021 import errata
from convnets.runs.run import Run
from convnets.study import configuration


def of_claims(config: dict[str, Any]) -> list[Run]:
    """Return the first committed run of each variant that claims name; the textbook's augmentation is in none."""
    named = configuration.resolve(config).variants_of_claims()
    return [run for run in studies.reference(config) if run.variant in named]


def test_the_tables_of_claims_and_errata(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", of_claims(config))
    job = jobs.make("tabulate_claims", config, tmp_path, runs=files)
    with job.output("csv").open(newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    columns = "id,section,statement,reported,measured,ci_low,ci_high,seeds,verdict,note,adjusted_low,adjusted_high"
    columns += ",at_half_margin,at_double_margin,kind,frozen"
    assert job.output("csv").read_text(encoding="utf-8").splitlines()[0] == columns
    assert set(rows) == set(config["claims"])
    assert {row["verdict"] for row in rows.values()} <= set(verdicts.VERDICTS)
    parameters = rows["theory_parameters"]
    assert (parameters["reported"], parameters["measured"], parameters["seeds"]) == ("138357544", "138357544", "0")
    ratio = rows["dropout_loss_ratio"]
    assert (ratio["reported"], ratio["seeds"], ratio["ci_low"], ratio["ci_high"]) == ("2", "1", "", "")
    loss = {run.variant: run.value("final_val_loss") for run in of_claims(config)}
    assert float(ratio["measured"]) == pytest.approx(loss["conv2_dropout00"] / loss["conv2_dropout05"])
    text = job.output("markdown").read_text(encoding="utf-8")
    assert text.startswith(
        "59 claims. Of 18 exact, 11 reproduced, 7 contradicted. Of 41 about trained networks, 41 inconclusive.\n"
    )
    job = jobs.make("tabulate_errata", config, tmp_path)
    with job.output("csv").open(newline="", encoding="utf-8") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert tuple(found) == errata.ids()
    text = job.output("markdown").read_text(encoding="utf-8")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("## ")] == list(errata.ids())
    assert found["table1_megabytes"]["claims"] == "memory_table_conv1x1_megabytes: contradicted"
    assert found["table1_head"]["claims"] == "memory_table_head: contradicted"
    concerned = [line.split(":")[0] for line in found["loss_as_error_rate"]["claims"].split("; ")]
    assert {"mlp_loss", "depth_one_worst_final_loss", "conv1x1_loss", "augmentation_losses"} < set(concerned)


def test_half_and_double_margins_give_their_own_verdicts() -> None:
    runs = studies.seeds_of(a=[1.04, 1.05, 1.06, 1.05, 1.04], b=[1.0, 1.01, 0.99, 1.0, 1.01])
    quantities = ("a.final_val_loss", "b.final_val_loss")
    listed = [
        studies.claim("equivalent", *quantities, margin=0.06, id="alike"),
        studies.claim("ratio", *quantities, target=1, margin=1.1, id="ratio"),
        studies.claim("greater", *quantities, margin=0.03, id="more"),
        studies.claim("greater", *quantities, id="greater"),
    ]
    half, double = (verdicts.at_margins(listed, runs, share) for share in (0.5, 2))
    assert half == {"alike": INCONCLUSIVE, "ratio": INCONCLUSIVE, "more": REPRODUCED}
    assert double == {"alike": REPRODUCED, "ratio": REPRODUCED, "more": INCONCLUSIVE}
    table = claim_tables.claims(verdicts.judge(listed, runs), half, double)
    assert list(table["at_half_margin"]) == [INCONCLUSIVE, INCONCLUSIVE, REPRODUCED, None]
    text = claim_tables.claims_markdown(table)
    assert "Claims with a margin: 3." in text
    shown = wording.interval(*map(float, table.loc[0, ["adjusted_low", "adjusted_high"]]))
    assert shown in text.split("\n## Other margins")[0].split("- **alike**")[0]  # that of the verdict, not the plain one
    assert "In brackets are intervals with the confidence of the test behind the verdict" in text
    assert "would have another verdict.\n\n| claim" in text.split("## Other margins")[1]


def test_a_damaged_history_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", of_claims(config))
    files[0].write_text("epoch,loss\n1,2\n")
    job = jobs.write_job(jobs.steps_of(config, tmp_path)["tabulate_claims"], tmp_path, runs=files)
    commands.assert_one_line(
        commands.run("tabulate_claims", job, cwd=tmp_path), "history.csv cannot be read", "train this run again"
    )
    files[0].unlink()
    with pytest.raises(InputError, match=r"given without its history\.csv"):
        jobs.make("tabulate_claims", config, tmp_path, runs=files)
    with pytest.raises(InputError, match=r"^claims\.\w+: no seed has a run of each of .*conv1_dropout05"):
        jobs.make("tabulate_claims", config, tmp_path, runs=files[2:])
    assert not list(tmp_path.rglob("claims.csv"))


def test_the_committed_tables_follow_from_the_committed_runs(config: dict[str, Any], tmp_path: Path) -> None:
    """Whoever doubts a number can make it again without training."""
    config["seeds"] = [*range(11, 21)]
    shutil.copy(ROOT / "config.frozen.json", tmp_path)
    files = list(studies.REFERENCE.glob("*/seed*/metrics.json"))
    named = [path for path in files if path.parts[-3] in configuration.resolve(config).variants_of_claims()]
    made = (
        jobs.make("tabulate_claims", config, tmp_path, runs=named),
        jobs.make("tabulate_errata", config, tmp_path),
        jobs.make("tabulate_convergence", config, tmp_path, runs=files),
    )
    for path in (job.output(kind) for job in made for kind in ("csv", "markdown")):
        committed = studies.REFERENCE.parent / "tables" / path.name
        assert path.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8"), committed
