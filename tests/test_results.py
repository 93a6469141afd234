"""What is made of finished runs: their files, the table of variants, and the figures."""

import json
import re
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from test_theory import summary

from convnets.study import comparisons, configuration
from convnets.report import figures
from convnets.runs import reading, records
from convnets import tables
from convnets.errors import InputError
from convnets.runs.records import Epoch
from convnets.runs.reading import read_summary


def history(epochs: int, offset: float = 0.0) -> pd.DataFrame:
    numbers = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": numbers,
            "iteration": numbers * 10,
            "train_loss": 2 / numbers + offset,
            "train_accuracy": 1 - 0.9 / numbers,
            "val_loss": 1.9 / numbers + offset,
            "val_accuracy": 0.9 - 0.8 / numbers,
            "seconds": 1.0,
        }
    )


def test_history_has_the_contracts_columns_and_survives_reading(tmp_path: Path) -> None:
    epochs = [Epoch(1, 10, 2.0, 0.1, 1.9, 0.2, 0.5), Epoch(2, 20, 1 / 3, 0.4, 1e-9, 0.5, 0.25)]
    records.write_history(tmp_path / "history.csv", epochs)
    first_line = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert first_line == "epoch,iteration,train_loss,train_accuracy,val_loss,val_accuracy,seconds"
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
    assert len(found) == 35
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


def test_histories_that_are_not_alike_are_refused() -> None:
    assert figures.curves([history(4), history(4, 0.1)]).runs == 2
    with pytest.raises(InputError, match="histories of one variant have 4 and 5 epochs"):
        figures.curves([history(4), history(5)])


def test_variants_table_has_mean_and_spread_in_the_order_of_the_labels() -> None:
    runs = [
        summary("b", 10, seed=1, best_val_accuracy=0.5),
        summary("b", 10, seed=2, best_val_accuracy=0.7),
        summary("a", 20, best_val_accuracy=0.4),
    ]
    table = tables.variants(runs, {"a": "first", "b": "second"})
    assert table["variant"].tolist() == ["a", "b"]
    assert table["label"].tolist() == ["first", "second"]
    assert table["runs"].tolist() == [1, 2]
    assert table["best_val_accuracy_mean"].tolist() == pytest.approx([0.4, 0.6])
    assert table["best_val_accuracy_std"][1] == pytest.approx(0.2 / np.sqrt(2))
    assert np.isnan(table["best_val_accuracy_std"][0])
    for metric in records.NUMBER_COLUMNS:
        assert {f"{metric}_mean", f"{metric}_std"} <= set(table.columns)
    markdown = tables.variants_markdown(table)
    assert "0.6000 ± 0.1414" in markdown
    assert "nan" not in markdown.lower()


def test_numbers_in_a_csv_have_the_digits_that_can_be_reproduced(tmp_path: Path) -> None:
    columns = {"a": [1 / 3, float("nan")], "b": pd.array([138_357_544, None], dtype="Int64"), "c": [4_427_441_408, 1]}
    table = pd.DataFrame({**columns, "d": pd.Series([5, 2 / 3], dtype=object), "e": ["x", ""]})
    tables.write_csv(table, tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["a,b,c,d,e", "0.333333333,138357544,4427441408,5,x", ",,1,0.666666667,"]


def drawn(config: dict[str, Any], name: str, seeds: int) -> tuple[comparisons.Comparison, Any]:
    spec = configuration.resolve(config).comparisons[name]
    runs = {
        member.variant: figures.curves(history(5, number + 0.1 * seed) for seed in range(seeds))
        for number, member in enumerate(spec.members)
    }
    return spec, figures.comparison(spec, runs)


@pytest.mark.parametrize(("name", "panels", "lines"), [("dropout", 2, 2), ("mlp", 2, 4), ("augmentation", 4, 2), ("conv1x1", 2, 4)])
def test_a_comparison_has_loss_left_accuracy_right_and_a_labelled_line_each(
    name: str, panels: int, lines: int, config: dict[str, Any]
) -> None:
    spec, figure = drawn(config, name, seeds=1)
    assert len(figure.axes) == panels
    for axes in figure.axes:
        curves = [line for line in axes.lines if len(line.get_xdata()) > 1]
        assert len(curves) == len(axes.texts) == lines
        assert axes.get_xlabel() == "Iterations"
        assert curves[0].get_xdata().tolist() == [10, 20, 30, 40, 50]
        assert not axes.collections  # no band without a spread
    assert [axes.get_title(loc="left").split()[0].strip(",") for axes in figure.axes] == ["Loss", "Accuracy"] * (panels // 2)
    # Each member's loss lies one above the one before, so a label, a colour and a line that do not belong together show.
    splits = spec.rows[0]
    by_height = sorted(figure.axes[0].texts, key=lambda text: text.xy[1])
    assert [text.get_text().split(",")[0] for text in by_height] == [member.label for member in spec.members for _ in splits]
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    expected = [(number, member.colors[split], split) for number, member in enumerate(spec.members) for split in splits]
    for line, (number, color, split) in zip(curves, expected, strict=True):
        column = "val_loss" if split == "validation" else "train_loss"
        np.testing.assert_allclose(line.get_ydata(), history(5, number)[column])
        assert line.get_color() == color
        assert line.is_dashed() == (split == "train")


def test_several_seeds_draw_their_mean_and_spread(config: dict[str, Any]) -> None:
    _, figure = drawn(config, "dropout", seeds=3)
    loss = figure.axes[0]
    assert len(loss.collections) == 2
    np.testing.assert_allclose(loss.lines[0].get_ydata(), history(5, 0.1)["val_loss"])
    assert "Mean and standard deviation of 3 seeds" in figure._supxlabel.get_text()


def test_equal_figures_are_equal_files_and_hold_their_text(config: dict[str, Any], tmp_path: Path) -> None:
    for name in ("one", "two"):
        figures.save(drawn(config, "depth", seeds=2)[1], tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert "Figure 2. Number of convolutional layers" in text
    assert ">3 layers<" in text
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_title_with_dollars_stays_as_it_is(config: dict[str, Any], tmp_path: Path) -> None:
    config["comparisons"]["depth"]["title"] = r"$\lr$ for $5"
    figures.save(drawn(config, "depth", seeds=1)[1], tmp_path / "figure.svg")
    assert r">Figure 2. $\lr$ for $5<" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = pd.DataFrame({"id": ["null", "1e3"], "label": ["None", "0.50"], "value": [0.5, float("nan")], "note": ["NA", "n/a"]})
    tables.write_csv(written, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table.csv"), written)


def test_a_variant_without_a_colour_gets_one_that_is_not_taken(config: dict[str, Any]) -> None:
    config["variants"]["extra"] = {"label": "extra"}
    config["comparisons"]["depth"]["variants"].append("extra")
    members = configuration.resolve(config).comparisons["depth"].members
    assert members[-1].label == "extra"
    assert len({member.colors["validation"] for member in members}) == 4


def test_a_comparison_survives_json(config: dict[str, Any]) -> None:
    for comparison in configuration.resolve(config).comparisons.values():
        assert comparisons.from_dict(json.loads(json.dumps(asdict(comparison)))) == comparison


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).map(sorted), st.floats(0.001, 0.1))
def test_labels_are_spread_out(positions: list[float], gap: float) -> None:
    moved = figures.spread_out(positions, gap, 0, 1)
    assert all(after - before >= gap - 1e-9 for before, after in pairwise(moved))
    assert moved[0] >= 0
    assert moved[-1] <= 1 + 1e-9
    if all(after - before >= gap for before, after in pairwise(positions)):
        assert moved == pytest.approx(positions)
