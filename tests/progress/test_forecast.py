"""When trainings will have ended, by made-up timings."""

from pathlib import Path

import pytest
from finished_runs import write_run
from under_way import begin, held, steps

from convnets.progress.trainings import Forecast, Reader
from convnets.workflow.steps import Steps

__all__ = ["steps"]


def test_nothing_is_known_before_the_first_epoch(steps: Steps) -> None:
    forecast = Forecast(steps.study, [("mlp100", "1")])
    assert forecast.seconds((), 2) is None
    assert Forecast(steps.study, []).seconds((), 2) == 0


def test_a_training_takes_the_time_of_its_epochs_and_its_like_wait_for_as_long(steps: Steps) -> None:
    forecast = Forecast(steps.study, [("mlp100", seed) for seed in ("1", "2", "3")])
    begin(steps, "mlp100", 1, 10)
    with held(steps, "mlp100", 1):
        trainings = Reader(steps).read()
    forecast.begin("mlp100", "1")
    left, whole = 0.5 * 39, 0.5 * 49 + 10
    assert forecast.seconds(trainings, 1) == pytest.approx(left + 2 * whole)
    assert forecast.seconds(trainings, 2) == pytest.approx((left + 2 * whole) / 2)
    assert forecast.seconds(trainings, 8) == pytest.approx(whole)
    for seed in ("2", "3"):
        forecast.begin("mlp100", seed)
    assert forecast.seconds(trainings, 1) == pytest.approx(left)


def test_a_finished_run_of_a_variant_tells_of_the_others(steps: Steps, model: Path) -> None:
    results = steps.study.layout.results
    write_run(results, model, "conv3_1x1", images_per_second=1000.0, train_seconds=2.0)
    assert Forecast(steps.study, [("conv3_1x1", "1")]).seconds((), 1) == pytest.approx(_of(steps, "conv3_1x1"), rel=0.1)
    assert Forecast(steps.study, [("mlp100", "1")]).seconds((), 1) is None  # only its own variants are read
    forecast = Forecast(steps.study, [("mlp100", "1")])
    forecast.end("conv3_1x1", "1")
    assert forecast.seconds((), 1) == pytest.approx(_of(steps, "mlp100"), rel=0.1)


def _of(steps: Steps, variant: str) -> float:
    """Return what `make why` says of a training."""
    from convnets.workflow import estimates

    found = estimates.estimate(steps)[f"train_variant/{variant}/seed1"]
    assert found is not None
    return found
