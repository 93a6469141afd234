"""A finished run: what follows from its curve, and what is kept of its record and stamp."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import studies
from hypothesis import HealthCheck, given, settings
from images import FORMAT

from convnets.errors import InputError
from convnets.findings import wording
from convnets.runs import layout, reading, records
from convnets.runs.records import Epoch, Record, Usage
from convnets.runs.run import METRICS, Run
from convnets.study import configuration


@pytest.fixture
def run(config: dict[str, Any]) -> Run:
    return studies.four_epochs(config)


def test_a_runs_metrics_follow_from_its_curve(run: Run) -> None:
    expected = {
        "epochs": 4, "iterations": 40, "best_epoch": 3, "best_val_accuracy": 0.6, "min_val_loss": 1.1,
        "epochs_to_min_val_loss": 3, "iterations_to_min_val_loss": 30, "seconds_to_min_val_loss": 6.0,
        "val_accuracy_at_min_val_loss": 0.6, "loss_gap_at_min_val_loss": 0.1, "accuracy_gap_at_min_val_loss": 0.0,
        "final_val_loss": 1.4, "final_val_accuracy": 0.6, "final_train_loss": 0.5, "final_train_accuracy": 0.8,
        "final_loss_gap": 0.9, "final_accuracy_gap": 0.2, "val_loss_rise": 0.3, "train_seconds": 8.0, "seconds_per_epoch": 2.0,
        "final_train_eval_loss": 0.4, "final_train_eval_accuracy": 0.85, "final_eval_loss_gap": 1.0,
        "final_eval_accuracy_gap": 0.25, "mean_val_loss_of_last_5": 1.4, "mean_val_loss": 1.4, "mean_val_accuracy": 2.05 / 4,
        "mean_val_accuracy_of_last_5": 2.05 / 4,
        "images_per_second": 40 * 64 / 8, "parameters": 308_310, "megabytes": 1.23324, "convolution_parameters": 0,
        "dense_parameters": 308_310, "head_parameters": 308_310,
        "test_accuracy": run.metrics.test_accuracy, "test_loss": run.metrics.test_loss,
    }  # fmt: skip
    assert set(expected) == set(METRICS)
    assert {metric: run.value(metric) for metric in METRICS} == pytest.approx(expected)


def test_a_metric_that_an_older_history_lacks_is_an_error(run: Run) -> None:
    older = studies.with_history(run, [replace(row, train_eval_loss=None, train_eval_accuracy=None) for row in run.landmarks])
    assert older.value("final_val_loss") == 1.4
    with pytest.raises(InputError, match=rf"mlp100/{studies.FIRST} has no final_eval_loss_gap: .* train it again"):
        older.value("final_eval_loss_gap")


def test_the_last_five_epochs_are_averaged(run: Run) -> None:
    history = [Epoch(number, 10 * number, 1, 0.5, 2 - number / 10, number / 20, 1.0) for number in range(1, 9)]
    kept = [history[position] for position in reading.landmarks_of(history)]
    assert studies.with_history(run, kept).value("mean_val_loss_of_last_5") == pytest.approx(1.4)
    assert studies.with_history(run, kept).value("mean_val_accuracy_of_last_5") == pytest.approx(0.3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the run is not changed
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=30),
    accuracy=st.integers(0, 9),
)
def test_the_landmarks_say_all_that_the_whole_history_says(rows: list[tuple[int, int, int]], accuracy: int, run: Run) -> None:
    history = [
        Epoch(number, 10 * number, 0.3, 0.5, loss / 4, best / 10, seconds / 3, loss / 5, best / 11)
        for number, (loss, best, seconds) in enumerate(rows, start=1)
    ]
    whole = studies.with_history(run, history)
    kept = reading.landmarks_of(history)
    reduced = replace(whole, landmarks=tuple(history[k] for k in kept), elapsed=tuple(whole.elapsed[k] for k in kept))
    assert [reduced.value(metric) for metric in METRICS] == [whole.value(metric) for metric in METRICS]
    assert reduced.first_reaching(accuracy / 10) == whole.first_reaching(accuracy / 10)


def test_metrics_are_those_of_the_summary_where_it_has_them(config: dict[str, Any]) -> None:
    for run in studies.reference(config):
        for name, value in run.metrics.numbers().items():
            assert run.value(name) == pytest.approx(value), (run.variant, name)


@pytest.mark.parametrize(
    ("percents", "seconds", "disturbed"),
    [
        ([97.0, 98.0, 86.0], 1.1, False),
        ([50.0, 98.0, 97.0], 1.1, False),  # the first epoch sets things up
        ([97.0, 98.0, 84.9], 1.1, True),
        ([97.0, 60.0, 60.0], 0.3, False),  # too short to tell
        ([97.0], 9.0, False),
    ],
)
def test_a_run_that_had_to_share_its_core_is_told_by_its_epochs(percents: list[float], seconds: float, disturbed: bool) -> None:
    history = [Epoch(number, number, 1, 0.5, 1, 0.5, seconds) for number in range(1, len(percents) + 1)]
    assert reading.was_disturbed(history, [Usage(1.0, percent, 1) for percent in percents]) == disturbed


def test_the_committed_runs_that_shared_their_core(config: dict[str, Any]) -> None:
    """None did. Those that do are named by variant and seed."""
    found = reading.read(studies.REFERENCE.glob("*/*"), configuration.resolve(config).variants, FORMAT)
    assert [(run.variant, run.seed) for run in found if run.is_disturbed] == []
    doctored = [replace(run, is_disturbed=run.variant != "mlp100" and run.seed in (12, 13)) for run in found]
    named = [run for run in doctored if run.variant in ("conv3_augment", "conv3_dropout05", "mlp100")]
    assert wording.disturbed(named) == "conv3_augment seed 12, 13; conv3_dropout05 seed 12, 13"


@pytest.mark.parametrize(("changes", "is_disturbed"), [({}, True), ({"threads": 2}, None), ({"device": "GPU"}, None)])
def test_only_a_run_of_one_thread_tells_whether_it_was_disturbed(
    changes: dict[str, Any], is_disturbed: bool | None, config: dict[str, Any], tmp_path: Path
) -> None:
    """The processor's use is in percent of one core, which tells nothing where threads or a GPU are waited for."""
    folder = tmp_path / "conv3_augment" / studies.FIRST
    shutil.copytree(studies.REFERENCE / "conv3_augment" / studies.FIRST, folder)
    record = reading.read_record(folder / layout.RECORD)
    shared = tuple(replace(used, cpu_percent=60.0) for used in record.usage)
    records.write_record(folder / layout.RECORD, replace(record, usage=shared, **changes))
    (found,) = reading.read([folder], configuration.resolve(config).variants, FORMAT)
    assert found.is_disturbed is is_disturbed


def test_what_is_kept_of_a_record_and_a_stamp(config: dict[str, Any], tmp_path: Path) -> None:
    """Little, since there may be thousands of runs."""
    variants = configuration.resolve(config).variants
    folder = tmp_path / "mlp100" / studies.FIRST
    shutil.copytree(studies.REFERENCE / "mlp100" / studies.FIRST, folder)
    usage = [Usage(1.0, 90.0, 1), Usage(2.0, 100.0, 1)]
    record = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, usage, [[1]])
    records.write_record(folder / layout.RECORD, record)
    (found,) = reading.read([folder], variants, FORMAT)
    assert (found.record, found.cpu_percent) == (replace(record, usage=(), confusion=(), weights=[], classes=[]), 95.0)
    assert found.libraries == {"keras": "3.15.1", "numpy": "2.4.6", "tensorflow": "2.21.0"}
    for name in (layout.RECORD, layout.STAMP):
        (folder / name).unlink()
    (without,) = reading.read([folder], variants, FORMAT)
    assert (without.record, without.cpu_percent, without.is_disturbed, without.libraries) == (None,) * 4
    for name in (layout.RECORD, layout.STAMP):
        (folder / name).write_text("{}")
        with pytest.raises(InputError, match=rf"{name} cannot be read"):
            reading.read([folder], variants, FORMAT)
        (folder / name).unlink()
