"""Published curves: their file, and how much of each lies within the band for one more run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import stats

from convnets import tables
from convnets.errors import InputError
from convnets.findings import published
from convnets.study import published_curves

CURVES = ROOT / "report" / "curves2021.csv"
POINTS = 200


def runs(count: int, seed: int = 1) -> list[pd.DataFrame]:
    rng = np.random.default_rng(seed)
    iterations = 10 * np.arange(1, POINTS + 1)
    return [
        pd.DataFrame({"iteration": iterations, "val_loss": 1 + rng.normal(0, 0.1, POINTS), "val_accuracy": 0.5})
        for _ in range(count)
    ]


def curve(values: np.ndarray, **changes: object) -> pd.DataFrame:
    given = {"figure": "1", "run_of_figure": "1", "variant": "mlp", "split": "validation", "metric": "loss", "uncertainty": 0.0}
    return pd.DataFrame({**given, "iteration": 10 * np.arange(1, POINTS + 1), "value": values, **changes})


def test_the_band_is_the_prediction_interval_at_each_point() -> None:
    values = np.array([[1.0, 2.0], [1.5, 2.0], [0.5, 2.6], [1.2, 2.1]])
    expected = stats.t.ppf(0.975, 3) * values.std(0, ddof=1) * np.sqrt(1.25)
    np.testing.assert_allclose(published.half_width(values), expected)


def test_one_more_run_lies_within_the_band_as_often_as_the_others_do() -> None:
    (row,) = published.table(curve(runs(6)[5]["val_loss"].to_numpy()), {"mlp": runs(5)}, {"mlp": "MLP"}).to_dict("records")
    assert (row["variant"], row["label"], row["metric"], row["seeds"], row["points"]) == ("mlp", "MLP", "loss", 5, POINTS)
    assert row["share"] == row["inside"] / POINTS == pytest.approx(0.95, abs=0.05)
    assert row["own_share_mean"] == pytest.approx(0.95, abs=0.03)
    assert row["own_share_lowest"] <= row["own_share_mean"]


def test_what_lies_outside_is_named_and_a_reading_error_widens_the_band() -> None:
    ours = runs(5)
    mean = np.mean([run["val_loss"] for run in ours], axis=0)
    away = mean.copy()
    away[[3, 4, 5, 9]] += 5
    (row,) = published.table(curve(away), {"mlp": ours}, {"mlp": "MLP"}).to_dict("records")
    assert (row["inside"], row["outside"]) == (POINTS - 4, "40 to 60; 100")
    assert row["mean_difference"] == pytest.approx(20 / POINTS)
    (row,) = published.table(curve(away, uncertainty=5.0), {"mlp": ours}, {"mlp": "MLP"}).to_dict("records")
    assert row["inside"] == POINTS


def test_a_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Also without a figure, and where the only iteration outside looks like a number."""
    ours = runs(5)
    away = np.mean([run["val_loss"] for run in ours], axis=0)
    away[4] += 5
    found = published.table(curve(away, figure="", run_of_figure=""), {"mlp": ours}, {"mlp": "MLP"})
    tables.write_csv(found, tmp_path / "curves.csv")
    assert published.readable(tables.read(tmp_path / "curves.csv")).iloc[0][["figure", published.OUTSIDE]].tolist() == ["", "50"]


def test_a_curve_without_common_iterations_is_left_out() -> None:
    elsewhere = curve(np.ones(POINTS)).assign(iteration=7)
    assert published.table(elsewhere.drop_duplicates("iteration"), {"mlp": runs(5)}, {"mlp": "MLP"}).empty


def test_each_run_is_tested_once_and_few_runs_are_not() -> None:
    ours = runs(3)
    mean = np.mean([run["val_loss"] for run in ours], axis=0)
    twice = pd.concat([curve(mean), curve(mean, figure="2"), curve(mean, split="train"), curve(mean, variant="other")])
    assert len(published.table(twice, {"mlp": ours}, {"mlp": "MLP"})) == 1
    assert published.table(twice, {"mlp": ours[:2]}, {"mlp": "MLP"}).empty
    assert published.markdown(pd.DataFrame()) == "No published curve has three runs or more beside it.\n"


def test_points_at_other_iterations_do_not_count() -> None:
    more = pd.concat([curve(np.ones(POINTS)), curve(np.ones(POINTS)).assign(iteration=7)])
    (row,) = published.table(more, {"mlp": runs(3)}, {"mlp": "MLP"}).to_dict("records")
    assert row["points"] == POINTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variant,split\nmlp,train\n", "it has no column metric, iteration, value"),
        ("variant,split,metric,iteration,value\nmlp,test,loss,1,2\n", "the column split should hold validation and train only"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_curves_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "curves.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        published_curves.read(tmp_path / "curves.csv")


def test_optional_columns_have_defaults(tmp_path: Path) -> None:
    (tmp_path / "curves.csv").write_text("variant,split,metric,iteration,value\nmlp,train,loss,1,2\n")
    (row,) = published_curves.read(tmp_path / "curves.csv").to_dict("records")
    assert (row["figure"], row["run_of_figure"], row["uncertainty"]) == ("", "", 0.0)


def test_the_reports_curves_are_whole() -> None:
    """Numbers of points, and values that the report's text prints or its figures mark, by the description of the readings."""
    frame = published_curves.read(CURVES)
    of = frame[frame["split"] == "validation"].set_index(["figure", "variant", "metric", "iteration"])["value"]
    assert of.loc["1", "conv2_dropout00", "loss", 20_387] == 1.8085
    assert of.loc["2", "conv1_dropout05", "loss", 20_387] == pytest.approx(1.159, abs=5e-4)
    assert of.loc["4", "conv3_augment", "loss", 20_387] == pytest.approx(0.87, abs=0.005)
    assert of.loc["3", "mlp100", "accuracy"].index.max() == 34_447
    assert len(frame) == 820
    tested = frame[(frame["split"] == "validation") & (frame["figure"] == frame["run_of_figure"])]
    assert sorted(set(zip(tested["figure"], tested["variant"], strict=True))) == [
        *(("1", "conv2_dropout00"), ("1", "conv2_dropout05"), ("2", "conv1_dropout05"), ("2", "conv2_dropout05")),
        *(("2", "conv3_dropout05"), ("3", "mlp100"), ("4", "conv3_augment"), ("6", "conv3_1x1")),
    ]
