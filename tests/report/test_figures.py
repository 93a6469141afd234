"""Figures: their lines, labels and files."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from convnets import style
from convnets.errors import InputError
from convnets.report import confusion, figures, line_labels
from convnets.study import comparisons, configuration


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
            "train_eval_loss": 1.8 / numbers + offset,
            "train_eval_accuracy": 1 - 0.8 / numbers,
        }
    )


def test_histories_that_are_not_alike_are_refused() -> None:
    assert figures.curves([history(4), history(4, 0.1)]).runs == 2
    with pytest.raises(InputError, match="histories of one variant have 4 and 5 epochs"):
        figures.curves([history(4), history(5)])


def drawn(config: dict[str, Any], name: str, seeds: int) -> tuple[comparisons.Comparison, Any]:
    spec = configuration.resolve(config).comparisons[name]
    runs = {
        member.variant: figures.curves(history(5, number + 0.1 * seed) for seed in range(seeds))
        for number, member in enumerate(spec.members)
    }
    return spec, figures.comparison(spec, runs)


@pytest.mark.parametrize(("name", "panels", "lines"), [("dropout", 2, 2), ("mlp", 2, 4), ("augmentation", 4, 3), ("conv1x1", 2, 4)])
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
        column = {"validation": "val_loss", "train": "train_loss", "train_eval": "train_eval_loss"}[split]
        np.testing.assert_allclose(line.get_ydata(), history(5, number)[column])
        assert line.get_color() == color
        assert line.is_dashed() == (split != "validation")


def test_evaluated_training_images_are_drawn_where_histories_have_them(config: dict[str, Any]) -> None:
    config["comparisons"]["augmentation"]["rows"] = [["train_eval"]]
    spec = configuration.resolve(config).comparisons["augmentation"]
    evaluated = history(5).assign(train_eval_loss=[5, 4, 3, 2, 1.0], train_eval_accuracy=[0.1, 0.2, 0.3, 0.4, 0.5])
    whole = {member.variant: figures.curves([evaluated]) for member in spec.members}
    loss, accuracy = figures.comparison(spec, whole).axes
    assert [list(line.get_ydata()) for line in loss.lines[:5:2]] == [[5, 4, 3, 2, 1]] * 3
    assert loss.get_title(loc="left") == "Loss (cross-entropy), training images"
    assert [line.get_color() for line in accuracy.lines[:5:2]] == [member.colors["train"] for member in spec.members]
    with pytest.raises(InputError, match="the histories of 'with augmentation' have no train_eval_loss; train its runs again"):
        figures.comparison(spec, {**whole, "conv3_augment": figures.curves([evaluated, history(5).iloc[:, :7]])})


def test_published_curves_are_thin_lines_with_labels_beside(config: dict[str, Any]) -> None:
    spec = configuration.resolve(config).comparisons["conv1x1"]
    beside = figures.read_published(ROOT / "report" / "curves2021.csv", spec)
    assert sorted(beside) == [("conv3_1x1", "train"), ("conv3_1x1", "validation")]
    runs = {member.variant: figures.curves([history(5, number)]) for number, member in enumerate(spec.members)}
    loss, accuracy = figures.comparison(spec, runs, beside).axes
    thin = [line for line in loss.lines if line.get_linewidth() < 1]
    assert [line.get_color() for line in thin] == [spec.members[0].colors[split] for split in ("train_eval", "validation")]
    assert [line.is_dashed() for line in thin] == [True, False]
    assert len(thin[1].get_xdata()) == 28
    assert (thin[1].get_xdata()[-1], thin[1].get_ydata()[-1]) == (20_387, 0.8484)
    for axes in (loss, accuracy):
        labels = {text.get_text() for text in axes.texts}
        assert {"1x1 head, training images", "1x1 head, batches, 2021", "1x1 head, validation, 2021"} < labels
        assert len(labels) == 6


def test_a_published_curve_keeps_the_gaps_of_its_figure(config: dict[str, Any]) -> None:
    """Figure 4 hides losses with augmentation below 0.80: no line may be drawn over them."""
    spec = configuration.resolve(config).comparisons["augmentation"]
    beside = figures.read_published(ROOT / "report" / "curves2021.csv", spec)
    runs = {member.variant: figures.curves([history(5, number)]) for number, member in enumerate(spec.members)}
    loss = figures.comparison(spec, runs, beside).axes[0]
    color = next(member for member in spec.members if member.variant == "conv3_augment").colors["validation"]
    (line,) = (line for line in loss.lines if line.get_linewidth() < 1 and line.get_color() == color)
    values = np.asarray(line.get_ydata())
    assert (np.isfinite(values).sum(), len(values)) == (21, 27)
    assert np.nanmin(values) >= 0.80
    dots = [line.get_xdata().tolist() for line in loss.lines if line.get_linestyle() == "None" and line.get_color() == color]
    assert [12_654] in dots  # a point without neighbours


def test_several_seeds_draw_their_mean_and_spread(config: dict[str, Any]) -> None:
    _, figure = drawn(config, "dropout", seeds=3)
    loss = figure.axes[0]
    assert len(loss.collections) == 2
    np.testing.assert_allclose(loss.lines[0].get_ydata(), history(5, 0.1)["val_loss"])
    assert "Mean and standard deviation of 3 seeds" in figure._supxlabel.get_text()


def test_a_figure_grows_with_its_lines_so_that_labels_do_not_overlap(config: dict[str, Any]) -> None:
    config["grids"] = {"e": {"from": "mlp100", "vary": {"epochs": list(range(1, 41))}}}
    config["comparisons"]["e"] = {"title": "Epochs", "variants": ["e"], "rows": [["validation"]]}
    few, many = drawn(config, "mlp", seeds=1)[1], drawn(config, "e", seeds=1)[1]
    assert few.get_figheight() == pytest.approx(0.5 + figures.ROW_HEIGHT_IN)
    assert many.get_figheight() == pytest.approx(0.5 + figures.ROW_HEIGHT_IN * 40 * figures.LABEL_HEIGHT)
    for axes in many.axes:
        low, high = axes.get_ylim()
        heights = sorted(text.xyann[1] for text in axes.texts)
        assert len(heights) == 40
        assert low <= heights[0] <= heights[-1] <= high
        assert min(after - before for before, after in pairwise(heights)) >= (high - low) / 40 * 0.999


def test_equal_figures_are_equal_files_and_hold_their_text(config: dict[str, Any], tmp_path: Path) -> None:
    for name in ("one", "two"):
        style.save(drawn(config, "depth", seeds=2)[1], tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert "Figure 2. Number of convolutional layers" in text
    assert ">3 layers<" in text
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_title_with_dollars_stays_as_it_is(config: dict[str, Any], tmp_path: Path) -> None:
    config["comparisons"]["depth"]["title"] = r"$\lr$ for $5"
    style.save(drawn(config, "depth", seeds=1)[1], tmp_path / "figure.svg")
    assert r">Figure 2. $\lr$ for $5<" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).map(sorted), st.floats(0.001, 0.1))
def test_labels_are_spread_out(positions: list[float], gap: float) -> None:
    moved = line_labels.spread_out(positions, gap, 0, 1)
    assert all(after - before >= gap - 1e-9 for before, after in pairwise(moved))
    assert moved[0] >= 0
    assert moved[-1] <= 1 + 1e-9
    if all(after - before >= gap for before, after in pairwise(positions)):
        assert moved == pytest.approx(positions)


@pytest.mark.parametrize(("classes", "named", "numbers"), [(3, 3, 9), (40, 40, 1600), (41, 21, 0), (1000, 40, 0)])
def test_a_confusion_matrix_of_many_classes_names_some(classes: int, named: int, numbers: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    figure = confusion.confusion_matrix(np.eye(classes, dtype=int).tolist(), names, "title")
    (axes,) = figure.axes
    step = -(-classes // 40)
    assert [label.get_text() for label in axes.get_yticklabels()] == names[::step]
    assert (len(names[::step]), len(axes.texts)) == (named, numbers)
