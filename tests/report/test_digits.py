"""As many digits of a number as are known."""

import math

import pytest

from convnets.report import material


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (0.731512, 0.0077, "0.7315"),
        (0.932345, 0.0832, "0.932"),
        (1.968122, 0.11, "1.97"),
        (8295.4, 4158, "8,300"),
        (14060.0, 12.0, "14,060"),
        (123.456, 1.0, "123.5"),
    ],
)
def test_a_number_has_two_figures_of_its_intervals_half_width(value: float, half: float, shown: str) -> None:
    assert material.known(value, (value - half, value + half)) == shown


@pytest.mark.parametrize(
    ("value", "printed", "shown"),
    [
        (553.430176, 553.43, "553.43"),
        (0.263848, 0.8856, "0.2638"),
        (138_357_544, 138_000_000, "138,357,544"),
        (117_072, 138_357_544, "117,072"),
        (0.263848, math.nan, "0.2638"),
    ],
)
def test_an_exact_number_has_the_digits_of_the_printed_one(value: float, printed: float, shown: str) -> None:
    assert material.known(value, (math.nan, math.nan), printed) == shown
