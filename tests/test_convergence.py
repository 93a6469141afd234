"""The table of convergence, and the memory that formulas give."""

import csv
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import studies
from hypothesis import HealthCheck, given, settings
from studies import tabulate

from convnets.study import configuration
from convnets.findings import convergence, wording
from convnets.networks import footprint
from convnets.runs import histories, layout, reading, records, run as runs
from convnets.training import loop as training
from convnets.runs.records import Epoch, Record, Usage
from convnets.runs.run import Run
from convnets.settings import Network, Optimizer

RECORD = Record("t", 0.0, "a processor", "CPU", 1, True, 2**30, {}, [], [[1]])


@pytest.fixture
def run(config: dict[str, Any]) -> Run:
    """A run of four epochs of 2 s, ten iterations each."""
    (found,) = (run for run in studies.reference(config) if run.variant == "mlp100")
    curve = [(2.0, 0.20, 1.9, 0.30), (1.5, 0.40, 1.2, 0.55), (1.0, 0.60, 1.1, 0.60), (0.5, 0.80, 1.4, 0.60)]
    history = tuple(Epoch(number, 10 * number, *row, 2.0) for number, row in enumerate(curve, 1))
    return studies.with_history(found, history)


def test_a_runs_metrics_follow_from_its_curve(run: Run) -> None:
    expected = {
        "epochs": 4, "iterations": 40, "best_epoch": 3, "best_val_accuracy": 0.6, "min_val_loss": 1.1,
        "epochs_to_min_val_loss": 3, "iterations_to_min_val_loss": 30, "seconds_to_min_val_loss": 6.0,
        "val_accuracy_at_min_val_loss": 0.6, "loss_gap_at_min_val_loss": 0.1, "accuracy_gap_at_min_val_loss": 0.0,
        "final_val_loss": 1.4, "final_val_accuracy": 0.6, "final_train_loss": 0.5, "final_train_accuracy": 0.8,
        "final_loss_gap": 0.9, "final_accuracy_gap": 0.2, "val_loss_rise": 0.3, "train_seconds": 8.0, "seconds_per_epoch": 2.0,
        "images_per_second": 40 * 64 / 8, "parameters": 308_310, "megabytes": 1.23324, "convolution_parameters": 0,
        "dense_parameters": 308_310, "head_parameters": 308_310,
        "test_accuracy": run.metrics.test_accuracy, "test_loss": run.metrics.test_loss,
    }  # fmt: skip
    assert set(expected) == set(runs.METRICS)
    assert {metric: run.value(metric) for metric in runs.METRICS} == pytest.approx(expected)
    assert set(runs.ACCURACIES) < set(runs.METRICS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the run is not changed
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=30),
    accuracy=st.integers(0, 9),
)
def test_the_landmarks_say_all_that_the_whole_history_says(rows: list[tuple[int, int, int]], accuracy: int, run: Run) -> None:
    history = [
        Epoch(number, 10 * number, 0.3, 0.5, loss / 4, best / 10, seconds / 3)
        for number, (loss, best, seconds) in enumerate(rows, start=1)
    ]
    whole = studies.with_history(run, history)
    kept = histories.landmarks_of(history)
    reduced = replace(whole, landmarks=tuple(history[k] for k in kept), elapsed=tuple(whole.elapsed[k] for k in kept))
    assert [reduced.value(metric) for metric in runs.METRICS] == [whole.value(metric) for metric in runs.METRICS]
    assert reduced.first_reaching(accuracy / 10) == whole.first_reaching(accuracy / 10)


def test_metrics_are_those_of_the_summary_where_it_has_them(config: dict[str, Any]) -> None:
    for run in studies.reference(config):
        for name, value in run.metrics.numbers().items():
            assert run.value(name) == pytest.approx(value), (run.variant, name)


def test_accuracies_that_not_every_seed_reaches(run: Run) -> None:
    variants = {"mlp100": run.settings}
    slower = replace(run, seed=2, landmarks=tuple(replace(row, val_accuracy=row.val_accuracy - 0.04) for row in run.landmarks))
    table = convergence.table([run, slower], variants, {"mlp100": "MLP"}, [0.3, 0.55, 0.6, 0.7])
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
    assert histories.was_disturbed(history, [Usage(1.0, percent, 1) for percent in percents]) == disturbed


def test_the_fluctuation_of_late_epochs_leaves_out_their_trend() -> None:
    """By hand: differences of 0.1 and -0.3 among the last; a trend of 0.01 an epoch adds next to nothing."""
    rows = [Epoch(number, number, 1, 0.5, loss, 0.5, 1) for number, loss in enumerate([1.0, 1.1, 0.8])]
    assert histories.fluctuation(rows) == pytest.approx(math.sqrt((0.1**2 + 0.3**2) / 2 / 2))
    assert math.isnan(histories.fluctuation(rows[:1]))
    noise = np.random.default_rng(8).normal(0, 0.05, 2_000)
    found = [
        histories.fluctuation([Epoch(n, n, 1, 0.5, 1 + 0.01 * n + value, 0.5, 1) for n, value in enumerate(part)])
        for part in np.split(noise, 200)
    ]
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(0.05, rel=0.05)


def test_the_committed_runs_that_shared_their_core(config: dict[str, Any]) -> None:
    """Those beside which other work was done; on a GPU, or without a record, nothing is said."""
    files = [path for name in (layout.HISTORY, layout.METRICS, layout.RECORD) for path in studies.REFERENCE.glob(f"*/*/{name}")]
    found = runs.read(files, configuration.resolve(config).variants)
    shared = [(run.variant, run.seed) for run in found if run.is_disturbed]
    assert shared == [("conv3_augment", 2), ("conv3_augment", 3), ("conv3_dropout05", 4), ("conv3_dropout05", 5)]
    assert wording.disturbed(found) == "conv3_augment seed 2, 3; conv3_dropout05 seed 4, 5"
    without = runs.read([path for path in files if path.name != layout.RECORD], configuration.resolve(config).variants)
    assert {run.is_disturbed for run in without} == {None}


@pytest.mark.parametrize(("changes", "is_disturbed"), [({}, True), ({"threads": 2}, None), ({"device": "GPU"}, None)])
def test_only_a_run_of_one_thread_tells_whether_it_was_disturbed(
    changes: dict[str, Any], is_disturbed: bool | None, config: dict[str, Any], tmp_path: Path
) -> None:
    """The processor's use is in percent of one core, which tells nothing where threads or a GPU are waited for."""
    folder = tmp_path / "conv3_augment" / "seed2"
    shutil.copytree(studies.REFERENCE / "conv3_augment" / "seed2", folder)
    record = reading.read_record(folder / layout.RECORD)
    records.write_record(folder / layout.RECORD, replace(record, **changes))
    (found,) = runs.read(list(folder.iterdir()), configuration.resolve(config).variants)
    assert found.is_disturbed is is_disturbed


def test_activations_by_hand() -> None:
    two = 3072 + (32 * 32 * 16 + 16 * 16 * 16) + (16 * 16 * 32 + 8 * 8 * 32)
    assert footprint.activations(Network((16, 32), 5, "dense", (50,), 0.5)) == two + 3 * 50 + 10
    assert footprint.activations(Network((16, 32), 5, "dense", (50,), 0.0)) == two + 50 + 10
    assert footprint.activations(Network((16, 32), 5, "conv1x1", (), 0.0)) == two + 8 * 8 * 10 + 10
    assert footprint.activations(Network((), 0, "dense", (100,), 0.5)) == 3072 + 300 + 10


def test_bytes_follow_the_precision_of_activations_only(config: dict[str, Any]) -> None:
    chosen = configuration.resolve(config).variants["conv3_1x1"]
    low = replace(chosen, training=replace(chosen.training, precision="mixed_bfloat16"))
    assert footprint.activation_bytes(chosen) == 2 * footprint.activation_bytes(low)
    assert footprint.activation_bytes(chosen) == footprint.activations(chosen.network) * 64 * 4
    assert footprint.optimizer_bytes(chosen) == footprint.optimizer_bytes(low) == 65_962 * 4


@pytest.mark.parametrize("name", ["rmsprop", "sgd", "adam"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_optimizers_keep_so_many_values_in_keras(name: str, momentum: float) -> None:
    settings = Optimizer(name, 0.1, 0.0 if name == "adam" else momentum)
    optimizer = training.make_optimizer(settings)
    optimizer.build([keras.Variable([0.0] * 7)])
    kept = sum(variable.shape.num_elements() for variable in optimizer.variables if variable.shape.rank)
    assert kept == 7 * footprint.optimizer_slots(settings)


def test_the_table(config: dict[str, Any], tmp_path: Path) -> None:
    files = studies.write(tmp_path / "runs", studies.repeated(studies.reference(config), 2))
    for run in ("conv3_1x1/seed1", "conv3_1x1/seed2"):
        path = tmp_path / "runs" / run / "record.json"
        usage = [Usage(1.0, 97.0 if run.endswith("1") else 60.0, 1)] * 30
        records.write_record(path, replace(RECORD, peak_memory_bytes=800_000_000 + int(run[-1]), usage=usage))
        files.append(path)
    done = tabulate("convergence", config, tmp_path, "--runs", *files)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "convergence.csv").open(newline="", encoding="utf-8") as file:
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
    text = (tmp_path / "convergence.md").read_text(encoding="utf-8")
    assert "not reached" in text
    assert "with dropout and augmentation acting" in text
    assert "nan" not in text.lower()
