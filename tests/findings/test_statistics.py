"""The statistics: published worked examples, properties, and simulation with known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convnets.findings import inference
from convnets.findings.conditions import Condition, Finding
from convnets.findings.inference import Estimate, estimate, holm, runs_needed

# Student, "The probable error of a mean", Biometrika 6, 1908, table 1: additional hours of sleep with the second drug over the
# first, for ten patients. R's documentation of `t.test` gives t = 4.0621, df = 9, p = 0.002833, interval 0.7001 to 2.4599.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]


def test_students_sleep() -> None:
    found = estimate(SLEEP)
    assert (found.count, found.mean) == (10, pytest.approx(1.58))
    assert found.mean / found.deviation * math.sqrt(10) == pytest.approx(4.0621, abs=5e-5)
    assert 2 * found.p_above(0) == pytest.approx(0.002833, abs=5e-7)
    assert found.interval() == pytest.approx((0.7001142, 2.4598858), abs=5e-8)
    assert found.standardised() == pytest.approx(1.2846, abs=5e-5)  # Cohen's d_z, Lakens 2013: t / sqrt(n)


def test_minitabs_equivalence_of_contact_lens_solutions() -> None:
    """The example of Minitab's manual, "Equivalence Test with Paired Data": 14 pairs, limits -0.5 and 0.5."""
    found = Estimate(14, -0.11929, 0.42324)
    root = math.sqrt(14) / 0.42324
    assert ((found.mean + 0.5) * root, (found.mean - 0.5) * root) == pytest.approx((3.3657, -5.4748), abs=5e-5)
    assert found.p_above(-0.5) == pytest.approx(0.003, abs=5e-4)
    assert found.p_below(0.5) == pytest.approx(0, abs=5e-4)
    assert found.p_inside(-0.5, 0.5) == found.p_above(-0.5)
    assert found.interval(0.9) == pytest.approx((-0.31960, 0.081034), abs=1e-4)
    assert found.p_outside(-0.5, 0.5) > 0.99


def test_powertosts_bioequivalence_of_a_ratio() -> None:
    """The example of `CI.BE` in the R package PowerTOST: a ratio of 0.95 from 24 subjects with a coefficient of variation of 0.3.

    Of a two-way crossover, the standard error of the logarithm is sqrt(2 ln(1 + CV^2) / n), with n - 2 = 22 degrees of freedom; an
    estimate from 23 values has as many. Its 90 % interval is given as 0.8213465 to 1.0988055, which lies within 0.8 and 1.25.
    """
    error = math.sqrt(2 * math.log(1 + 0.3**2) / 24)
    low, high = math.log(0.8), math.log(1.25)
    found = Finding(Condition("a", "b", True, low, high), Estimate(23, math.log(0.95), error * math.sqrt(23)))
    assert found.measured == pytest.approx(0.95)
    assert [math.exp(bound) for bound in found.estimate.interval(0.9)] == pytest.approx([0.8213465, 1.0988055], abs=5e-8)
    assert found.p_inside <= 0.05
    assert Finding(Condition("a", "b", True, math.log(0.8214), high), found.estimate).p_inside > 0.05


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        # The usual textbook case: of 0.01, 0.04, 0.03, 0.005 the fourth and the first are rejected at 5 %, the third is not.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        # The example of `Holm` in the R package HDLSSkST: at 5 % the third and the seventh are rejected.
        ([0.50, 0.01, 0.001, 0.69, 0.02, 0.05, 0.0025], [1, 0.05, 0.007, 1, 0.08, 0.15, 0.015]),
    ],
)
def test_holms_procedure(raw: list[float], adjusted: list[float]) -> None:
    assert holm(raw) == pytest.approx(adjusted)


def test_shaffers_bound_on_what_can_be_true() -> None:
    """Of two pairs of contraries two are true, so no factor is above 2; the later factors are Holm's own."""
    assert holm([0.01, 0.99, 0.02, 0.98], most_true=2) == pytest.approx([0.02, 1, 0.04, 1])
    assert holm([0.01, 0.99, 0.02, 0.98]) == pytest.approx([0.04, 1, 0.06, 1])


def test_seeds_needed_are_the_sample_sizes_of_the_power_tables() -> None:
    """G*Power's manual and R's `power.t.test` (type "one.sample"): effect 0.5, power 0.8: 27 one-sided at 5 %, 34 two-sided."""
    assert runs_needed([(0.5, 1)], 0.05) == 27
    assert runs_needed([(0.5, 1)], 0.025) == 34
    assert runs_needed([(5, 10), (50, 1)], 0.05) == 27  # a test that never misses costs nothing
    assert runs_needed([(0.5, 1), (0.5, 1)], 0.05) > 27
    assert runs_needed([(0.001, 1)], 0.05) is None
    assert runs_needed([(1e6, 1)], 0.001) == 2


values = st.lists(st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 3)), min_size=2, max_size=12)


@given(values, st.floats(-50, 50))
def test_agrees_with_scipys_t_test(sample: list[float], bound: float) -> None:
    found = estimate(sample)
    if not found.has_spread:
        assert (found.p_above(bound), found.p_below(bound), math.isnan(found.interval()[0])) == (1, 1, True)
        return
    for alternative, p in (("greater", found.p_above(bound)), ("less", found.p_below(bound))):
        assert p == pytest.approx(stats.ttest_1samp(sample, bound, alternative=alternative).pvalue, rel=1e-6, abs=1e-9)
    interval = stats.ttest_1samp(sample, bound).confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)


@given(values, st.floats(-50, 50), st.floats(0, 50))
def test_what_is_shown_excludes_its_contrary(sample: list[float], low: float, width: float) -> None:
    found = estimate(sample)
    for high in (low + width, math.inf):
        inside, outside = found.p_inside(low, high), found.p_outside(low, high)
        assert min(inside, outside) >= 0
        assert max(inside, outside) <= 1
        assert max(inside, outside) >= 0.5 or not found.has_spread


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 20))
def test_adjusting_keeps_the_order_and_never_helps(raw: list[float], most: int) -> None:
    plain, bounded = holm(raw), holm(raw, most)
    assert holm(raw, len(raw)) == plain
    for p, bound, full in zip(raw, bounded, plain, strict=True):
        assert p <= bound <= full <= 1 or bound == p == 1
    assert [x for _, x in sorted(zip(raw, plain, strict=True))] == sorted(plain)


def test_one_value_shows_nothing() -> None:
    found = estimate([3.0])
    assert (found.p_above(0), found.p_below(9), found.p_inside(0, 9), found.p_outside(0, 9)) == (1, 1, 1, 1)
    assert all(map(math.isnan, (*found.interval(), found.deviation, found.standardised())))
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


def test_equal_values_show_nothing() -> None:
    assert estimate([0.1] * 3).p_above(0) == 1


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 20,000 samples of five; the interval is that of `Estimate`, computed for all at once."""
    samples = np.random.default_rng(3).normal(0.7, 0.01, (20_000, 5))
    half = Estimate(5, 0, 1).interval()[1]
    distance = abs(samples.mean(1) - 0.7) / samples.std(1, ddof=1)
    assert np.mean(distance <= half) == pytest.approx(inference.CONFIDENCE, abs=0.005)
    covered = [low <= 0.7 <= high for low, high in (estimate(sample.tolist()).interval() for sample in samples[:500])]
    assert np.mean(covered) == pytest.approx(np.mean(distance[:500] <= half))


@pytest.mark.parametrize(("mean", "rate", "tolerance"), [(-0.02, 0.05, 0.0103), (0.02, 0.05, 0.0103), (0.03, 0, 0)])
def test_equivalence_is_wrongly_shown_as_often_as_allowed(mean: float, rate: float, tolerance: float) -> None:
    """On a limit of (-0.02, 0.02), where it is the most often, within three deviations of 4,000 trials; well outside, never."""
    samples = np.random.default_rng(4).normal(mean, 0.004, (4_000, 5))
    shown = [estimate(sample.tolist()).p_inside(-0.02, 0.02) <= 0.05 for sample in samples]
    assert np.mean(shown) == pytest.approx(rate, abs=tolerance)
