"""Statistical inference from few runs: intervals, one-sided tests, equivalence, multiple tests, and sample sizes.

The methods assume independent values, one per seed, such as the difference of two variants trained with the same seed. They also
assume that the values are roughly normal, so that Student's t applies. Five seeds are too few to check that. Tests without this
assumption could not reject anything: the smallest p-value of a sign test of five values is 1/32.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

ALPHA = 0.05  # family-wise error rate
CONFIDENCE = 0.95  # of an interval
POWER = 0.8  # probability that the number of runs of `runs_needed` decides
ROUNDING = 1e-12  # a relative deviation below this is rounding, and counts as 0
MOST_RUNS = 1000  # the largest number of runs that `runs_needed` tries


@dataclass(frozen=True)
class Estimate:
    """A mean estimated from `count` independent values, whose sample standard deviation is `deviation`.

    It may also be the difference of two independent means (`difference`): then `count` is the smaller number of values,
    `deviation` that of a difference of one value each, and `error` and `freedom` are the standard error and the degrees of freedom.
    A single value has no deviation (NaN), and equal values have a deviation of 0. Neither says how much values vary, so there is
    no interval, and every test gives a p-value of 1.
    """

    count: int
    mean: float
    deviation: float
    error: float | None = None
    freedom: float | None = None

    @property
    def has_spread(self) -> bool:
        """Whether the values tell how much they vary."""
        return self.count > 1 and self.deviation > 0

    @property
    def is_paired(self) -> bool:
        """Whether it is of one series of values, such as differences of pairs, and not of two."""
        return self.error is None

    @property
    def _scale(self) -> tuple[float, float]:
        """The degrees of freedom and the standard error."""
        if self.error is None or self.freedom is None:
            return self.count - 1, self.deviation / math.sqrt(self.count)
        return self.freedom, self.error

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """Return the two-sided confidence interval of the mean (Student, 1908), NaN without a spread."""
        if not self.has_spread:
            return math.nan, math.nan
        freedom, error = self._scale
        half = float(special.stdtrit(freedom, (1 + level) / 2)) * error
        return self.mean - half, self.mean + half

    def prediction_interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """Return the interval in which one more independent value lies with this probability, NaN without a spread."""
        half = float(one_more(self.count, level)) * self.deviation if self.has_spread else math.nan
        return self.mean - half, self.mean + half

    def p_one_more(self, value: float) -> float:
        """Return the p-value of the hypothesis that a value is one more of them; small values show that it is not."""
        if not self.has_spread:
            return 1.0
        distance = abs(value - self.mean) / (self.deviation * math.sqrt(1 + 1 / self.count))
        return float(2 * special.stdtr(self.count - 1, -distance))

    def p_above(self, bound: float) -> float:
        """Return the p-value of the hypothesis that the mean is `bound` or less; small values show that it lies above."""
        if math.isinf(bound):
            return 0.0 if bound < 0 else 1.0
        if not self.has_spread:
            return 1.0
        freedom, error = self._scale
        return float(special.stdtr(freedom, (bound - self.mean) / error))

    def p_below(self, bound: float) -> float:
        """Return the p-value of the hypothesis that the mean is `bound` or more; small values show that it lies below."""
        return replace(self, mean=-self.mean).p_above(-bound)

    def p_inside(self, low: float, high: float) -> float:
        """Return the p-value of the hypothesis that the mean lies outside of (low, high), either of which may be infinite.

        Two one-sided tests, each of which has to reject (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).
        """
        return max(self.p_above(low), self.p_below(high))

    def p_outside(self, low: float, high: float) -> float:
        """Return the p-value of the hypothesis that the mean lies inside of [low, high], either of which may be infinite.

        Two one-sided tests, one of which has to reject, hence the factor of Bonferroni.
        """
        bounds = 2 - math.isinf(low) - math.isinf(high)
        return min(1.0, bounds * min(self.p_below(low), self.p_above(high)))

    def standardised(self, origin: float = 0.0) -> float:
        """Return how many deviations the mean lies above `origin`.

        Of paired differences that is Cohen's d_z, of two series Cohen's d, by the root mean square of their deviations (Lakens,
        Front. Psychol. 4, 2013).
        """
        deviation = self.deviation if self.is_paired else self.deviation / math.sqrt(2)
        return (self.mean - origin) / deviation if self.has_spread else math.nan


def estimate(values: Sequence[float], magnitude: float = 0.0) -> Estimate:
    """Return the estimate of the mean of independent values, one per run; a ValueError if there are none.

    `magnitude` is the size of the numbers that the values were computed from, such as the two terms of a difference. Deviations
    that are tiny beside it are rounding errors.
    """
    if not values:
        raise ValueError("an estimate needs at least one value")
    if len(values) == 1:
        return Estimate(1, float(values[0]), math.nan)
    deviation = float(np.std(values, ddof=1))
    rounding = ROUNDING * max(magnitude, *map(abs, values))
    return Estimate(len(values), float(np.mean(values)), deviation if deviation > rounding else 0.0)


def difference(first: Sequence[float], second: Sequence[float], magnitude: float = 0.0) -> Estimate:
    """Return the estimate of the difference of two means of independent values, whose variances may differ.

    Welch's approximation (Biometrika 34, 1947). `magnitude` is as in `estimate`.
    """
    one, other = estimate(first, magnitude), estimate(second, magnitude)
    mean, count = one.mean - other.mean, min(one.count, other.count)
    if count == 1:
        return Estimate(1, mean, math.nan)
    parts = [found.deviation**2 / found.count for found in (one, other)]
    total = sum(parts)
    freedom = total**2 / sum(part**2 / (found.count - 1) for part, found in zip(parts, (one, other), strict=True)) if total else 0.0
    return Estimate(count, mean, math.hypot(one.deviation, other.deviation), math.sqrt(total), freedom)


def holm(p_values: Sequence[float], most_true: int | None = None) -> list[float]:
    """Return adjusted p-values. Rejecting those up to a level keeps the family-wise error rate at that level.

    Holm's step-down procedure (Scand. J. Stat. 6, 1979), which holds however the tests depend on each other. `most_true` is the
    largest number of hypotheses that can be true at once, None if all can; it bounds the factor of each step (Shaffer, J. Am. Stat.
    Assoc. 81, 1986).
    """
    values, count = np.asarray(p_values, float), len(p_values)
    order = np.argsort(values)
    factors = np.minimum(np.arange(count, 0, -1), count if most_true is None else most_true)
    adjusted = np.empty(count)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, factors * values[order]))
    return [float(p) for p in adjusted]


def one_more(count: int | NDArray[np.int64], level: float = CONFIDENCE) -> NDArray[np.float64]:
    """Return the half-width of the prediction interval for one more value after so many, in their standard deviations."""
    return np.asarray(special.stdtrit(count - 1, (1 + level) / 2) * np.sqrt(1 + 1 / count))


def runs_needed_to_predict(deviation: float, margin: float) -> int | None:
    """Return the number of runs with which the prediction interval of one more is as narrow as the margin on either side.

    None if `MOST_RUNS` are not enough, which is so where the margin is less than about two standard deviations of a run.
    """
    counts = np.arange(2, MOST_RUNS + 1)
    (enough,) = np.nonzero(one_more(counts) * deviation <= margin)
    return int(counts[enough[0]]) if len(enough) else None


def runs_needed(distances: Sequence[tuple[float, float]], level: float) -> int | None:
    """Return the number of runs with which one-sided t-tests will all reject, with a probability of at least `POWER`.

    `distances` holds for each test the distance of the true mean from the bound, and the standard deviation of a single value;
    `level` is that of each test. The tests may depend on each other: the probabilities of missing are added (Bonferroni). The
    number is at least 2, and None if `MOST_RUNS` are not enough.
    """
    counts = np.arange(2, MOST_RUNS + 1)
    missed: NDArray[np.float64] = np.zeros(len(counts))
    critical = special.stdtrit(counts - 1, 1 - level)
    for distance, deviation in distances:
        # SciPy gives NaN for probabilities that are just too small to be represented.
        missed += np.nan_to_num(special.nctdtr(counts - 1, distance / deviation * np.sqrt(counts), critical))
    (enough,) = np.nonzero(missed <= 1 - POWER)
    return int(counts[enough[0]]) if len(enough) else None
