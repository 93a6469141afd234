"""The picture of an interval: everything in its place on one scale."""

import math

import pytest

from convnets.report.interval_plot import PAD, WIDTH, interval_plot


def test_numbers_lie_on_one_scale() -> None:
    drawn = interval_plot(0.5, (0.25, 0.75), 1.0, (0.0, math.inf))
    assert drawn is not None
    inner = WIDTH - 2 * PAD
    assert drawn.measured == PAD + inner / 2
    assert drawn.interval == (PAD + inner / 4, PAD + 3 * inner / 4)
    assert drawn.printed == WIDTH - PAD
    assert drawn.allowed == (PAD, WIDTH)  # without a bound above, to the edge


def test_what_there_is_not_is_not_drawn() -> None:
    drawn = interval_plot(0.5, (0.25, 0.75), math.nan, (-math.inf, 0.6))
    assert drawn is not None
    assert (drawn.printed, drawn.plain) == (None, None)
    assert drawn.interval == (PAD, WIDTH - PAD)


def test_beside_a_single_run_both_its_intervals_lie_on_the_scale() -> None:
    drawn = interval_plot(0.5, (0.0, 1.0), 0.6, (0.3, 0.7), (0.4, 0.6))
    assert drawn is not None
    assert drawn.plain is not None
    assert drawn.interval == (PAD, WIDTH - PAD)
    assert drawn.allowed[0] < drawn.plain[0] < drawn.measured < drawn.plain[1] < drawn.allowed[1]
    assert drawn.printed == drawn.plain[1]


@pytest.mark.parametrize("interval", [(math.nan, math.nan), (math.nan, 1.0)])
def test_without_an_interval_there_is_no_picture(interval: tuple[float, float]) -> None:
    assert interval_plot(0.5, interval, 1.0, (0.0, 1.0)) is None


def test_a_number_that_does_not_vary_has_no_picture() -> None:
    assert interval_plot(0.5, (0.5, 0.5), math.nan, (0.5, math.inf)) is None
