"""The files of a run: written and read back, and refused where they are damaged or another run's."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from studies import summary

from convnets.errors import InputError
from convnets.runs import reading, records
from convnets.runs.reading import read_summary
from convnets.runs.records import Epoch


def test_history_has_the_contracts_columns_and_survives_reading(tmp_path: Path) -> None:
    epochs = [Epoch(1, 10, 2.0, 0.1, 1.9, 0.2, 0.5), Epoch(2, 20, 1 / 3, 0.4, 1e-9, 0.5, 0.25)]
    records.write_history(tmp_path / "history.csv", epochs)
    first_line = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert first_line == "epoch,iteration,train_loss,train_accuracy,val_loss,val_accuracy,seconds"
    assert reading.read_history(tmp_path / "history.csv") == epochs  # one of an older version
    epochs = [dataclasses.replace(epoch, train_eval_loss=0.5, train_eval_accuracy=0.75) for epoch in epochs]
    records.write_history(tmp_path / "history.csv", epochs)
    assert (tmp_path / "history.csv").read_text().splitlines()[0] == f"{first_line},train_eval_loss,train_eval_accuracy"
    read = pd.read_csv(tmp_path / "history.csv")
    assert [Epoch(**row) for row in read.to_dict("records")] == epochs  # to the last bit


def test_metrics_have_the_contracts_keys_and_survive_reading(tmp_path: Path) -> None:
    metrics = summary("v", 5)
    records.write_metrics(tmp_path / "metrics.json", metrics)
    assert reading.read_metrics(tmp_path / "metrics.json") == metrics
    keys = re.findall(r'^  "(\w+)":', (tmp_path / "metrics.json").read_text(), re.MULTILINE)
    assert " ".join(keys) == (
        "variant seed parameters epochs iterations best_epoch best_val_accuracy min_val_loss final_val_loss final_val_accuracy "
        "final_train_loss final_train_accuracy test_accuracy test_loss train_seconds images_per_second fingerprint mlflow_run_id"
    )
    assert set(metrics.numbers()) == set(keys) - {"variant", "seed", "fingerprint", "mlflow_run_id"}


def test_the_committed_trainings_kept_to_their_thread_and_memory() -> None:
    """What a training is given: one core, and 1.5 GiB."""
    found = [reading.read_record(path) for path in (ROOT / "results" / "reference" / "runs").glob("*/*/record.json")]
    assert len(found) == 80
    assert all(record.threads == 1 for record in found)
    assert max(used.cpu_percent for record in found for used in record.usage) < 105
    assert max(record.peak_memory_bytes for record in found) < 1.5 * 2**30


def test_a_summary_in_the_folder_of_another_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v" / "seed1" / "metrics.json"
    records.write_metrics(path, summary("v", 5, seed=1))
    assert read_summary(path).parameters == 5
    records.write_metrics(path, summary("v", 5, seed=2))
    with pytest.raises(InputError, match=r"metrics\.json is the summary of v/seed2, not of v/seed1"):
        read_summary(path)
    path.write_text('{"variant": "v"}')
    with pytest.raises(InputError, match=r"metrics\.json cannot be read: .*train this run again"):
        read_summary(path)
