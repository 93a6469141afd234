"""The table of convergence."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import jobs
import pytest
import studies

from convnets.findings import convergence
from convnets.runs import records
from convnets.runs.records import Record, Usage

RECORD = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, [], [[1]])


def test_accuracies_that_not_every_seed_reaches(config: dict[str, Any]) -> None:
    run = studies.four_epochs(config)
    slower = replace(run, seed=2, landmarks=tuple(replace(row, val_accuracy=row.val_accuracy - 0.04) for row in run.landmarks))
    table = convergence.table([run, slower], {"mlp100": "MLP"}, [0.3, 0.55, 0.6, 0.7])
    (row,) = table.to_dict("records")
    assert (row["seeds"], row["reached_0.3"], row["reached_0.55"], row["reached_0.6"], row["reached_0.7"]) == (2, 2, 2, 1, 0)
    assert (row["iterations_to_0.3_mean"], row["iterations_to_0.55_mean"]) == (15, 25)
    assert (row["seconds_to_0.55_mean"], row["seconds_to_0.6_mean"]) == (5, 6)
    assert row["final_loss_gap_mean"] == pytest.approx(0.9)
    shown = convergence.readable(table, [0.3, 0.55, 0.6, 0.7])
    assert shown["iterations (s) to 0.3"][0] == "15 (3)"
    assert shown["iterations (s) to 0.6"][0] == "30 (6), 1 of 2 seeds"
    assert shown["iterations (s) to 0.7"][0] == "not reached"
    assert "nan" not in shown.to_string().lower()


def test_memory_that_is_not_known_is_left_empty(config: dict[str, Any]) -> None:
    run = studies.four_epochs(config)
    settings = run.settings.updated({"training": {"optimizer": {"name": "muon", "learning_rate": 0.01}}})
    other = replace(run, variant="muon", settings=settings)
    table = convergence.table([run, other], {"mlp100": "MLP", "muon": "MLP, Muon"}, [0.5])
    assert list(table["optimizer_bytes"].isna()) == [False, True]
    assert list(convergence.readable(table, [0.5])["optimizer (MB)"]) == ["1.23", ""]


def test_the_table(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", studies.repeated(studies.reference(config), 2))
    for run in ("conv3_1x1/seed1", "conv3_1x1/seed2"):
        path = tmp_path / "runs" / run / "record.json"
        usage = [Usage(1.0, 97.0 if run.endswith("1") else 60.0, 1)] * 30
        records.write_record(path, replace(RECORD, peak_memory_bytes=800_000_000 + int(run[-1]), usage=usage))
        files.append(path)
    job = jobs.make("tabulate_convergence", config, tmp_path, runs=files)
    with job.output("csv").open(newline="", encoding="utf-8") as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    assert list(rows) == sorted(config["variants"])
    head = rows["conv3_1x1"]
    assert (head["parameters"], head["optimizer_bytes"], head["peak_memory_bytes"]) == ("65962", "263848", "800000002")
    assert head["runs_that_shared_their_core"] == "1"
    for column in ("peak_memory_bytes", "runs_that_shared_their_core"):
        assert {rows[name][column] for name in rows if name != "conv3_1x1"} == {""}
    assert (head["reached_0.7"], rows["mlp100"]["reached_0.6"], rows["mlp100"]["iterations_to_0.6_mean"]) == ("2", "0", "")
    assert head["training_flops_per_image"] == str(
        3 * 2 * (2400 * 512 + 400 * 32 * 256 + 800 * 64 * 64 + 640 * 16) - 2 * 2400 * 512
    )
    text = job.output("markdown").read_text(encoding="utf-8")
    assert "not reached" in text
    assert "with dropout and augmentation acting" in text
    assert "nan" not in text.lower()
