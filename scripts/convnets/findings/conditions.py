"""What a claim says of numbers, as conditions, and what the runs say of each condition."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from convnets.findings import inference, pairing
from convnets.findings.inference import CONFIDENCE, Estimate
from convnets.runs.run import Run
from convnets.study.claims import OF_NUMBERS, SINGLE_RUN, Claim
from convnets.study.quantities import exact_numbers, is_exact, reference_of, variant_and_metric

RunsBySubject = Mapping[str, Sequence[Run]]  # of variants and grids


@dataclass(frozen=True)
class Condition:
    """A quantity, the difference of two, or the logarithm of a ratio lies between `low` and `high`, which may be infinite."""

    first: str
    second: str
    is_ratio: bool
    low: float
    high: float

    def on_scale(self, value: float) -> float:
        """Return a value on the scale of the statement; of a ratio, it is a logarithm."""
        return math.exp(value) if self.is_ratio else value


@dataclass(frozen=True)
class Finding:
    """A condition with its estimate; of a ratio, that of the logarithm.

    `values` holds the value of each seed that the estimate is made from; it is empty for runs that are not paired.
    """

    condition: Condition
    estimate: Estimate
    values: tuple[float, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The bounds of the condition."""
        return self.condition.low, self.condition.high

    @property
    def slack(self) -> float:
        """The distance of the estimate from the nearer bound; negative outside of the interval."""
        return min(self.estimate.mean - self.condition.low, self.condition.high - self.estimate.mean)

    @property
    def p_inside(self) -> float:
        """The p-value of the hypothesis that the condition does not hold."""
        return self.estimate.p_inside(*self.bounds)

    @property
    def p_outside(self) -> float:
        """The p-value of the hypothesis that the condition holds."""
        return self.estimate.p_outside(*self.bounds)

    @property
    def measured(self) -> float:
        """The estimate on the scale of the statement; of ratios the geometric mean."""
        return self.condition.on_scale(self.estimate.mean)

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """Return the confidence interval on the scale of the statement."""
        low, high = self.estimate.interval(level)
        return self.condition.on_scale(low), self.condition.on_scale(high)


@dataclass(frozen=True)
class Prediction(Finding):
    """A finding on a number that was printed of a single run, and on whether one more run could give it.

    Its condition is the number with the margin on either side. It is refuted by a prediction interval, and borne out if it lies in
    the plain interval, which is no wider than the margin. That is no test, so how often it is wrong has no bound.
    """

    @property
    def number(self) -> float:
        """The number printed."""
        return (self.condition.low + self.condition.high) / 2

    @property
    def margin(self) -> float:
        """The largest half-width of an interval that bears it out."""
        return (self.condition.high - self.condition.low) / 2

    @property
    def p_inside(self) -> float:
        """0 if the number is borne out, else 1."""
        low, high = self.interval()
        return 0.0 if low <= self.number <= high and (high - low) / 2 <= self.margin else 1.0

    @property
    def p_outside(self) -> float:
        """The p-value of the hypothesis that the number is of one more run."""
        return self.estimate.p_one_more(self.number)

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """Return the prediction interval for one more run."""
        return self.estimate.prediction_interval(level)


def conditions(claim: Claim) -> list[Condition]:
    """Return the conditions that a claim consists of."""
    quantities, margin, target = claim.quantities, claim.margin, claim.target
    if claim.test in OF_NUMBERS:
        numbers = zip(quantities, claim.reported, strict=True)
        return [Condition(quantity, "", False, number - margin, number + margin) for quantity, number in numbers]
    first, *others = quantities
    if claim.test == "equivalent":
        return [Condition(first, other, False, target - margin, target + margin) for other in others]
    if claim.test == "ratio":
        return [Condition(first, others[0], True, math.log(target / margin), math.log(target * margin))]
    low, high = (target + margin, math.inf) if claim.test in ("greater", "highest") else (-math.inf, target - margin)
    if not others:
        return [Condition(first, "", False, low, high)]
    pairs = pairwise(quantities) if claim.test in ("greater", "less") else ((first, other) for other in others)
    return [Condition(*pair, False, low, high) for pair in pairs]


def findings_of(claim: Claim, runs: RunsBySubject) -> tuple[Finding, ...]:
    """Return what the runs say of each condition of a claim."""
    kind = Prediction if claim.test == SINGLE_RUN else Finding
    return tuple(kind(condition, *_estimated(condition, runs)) for condition in conditions(claim))


def _estimated(condition: Condition, runs: RunsBySubject) -> tuple[Estimate, tuple[float, ...]]:
    """Return the estimate of a condition's quantity, difference or logarithm, and the value of each seed if runs are paired."""
    named = [values_of(name, runs) for name in (condition.first, condition.second) if name]
    magnitude = max(abs(value) for values in named for value in values)
    if condition.is_ratio:
        if any(value <= 0 for values in named for value in values):
            return Estimate(min(map(len, named)), math.nan, math.nan), ()  # a ratio of such values says nothing
        # The mean of logarithms has an exact interval; Fieller's interval for the ratio of means can be unbounded.
        named, magnitude = [[math.log(value) for value in values] for values in named], 1
    if not pairing.is_paired(condition.first, condition.second, runs):
        return inference.difference(named[0], named[1], magnitude), ()
    # An exact quantity is the same for all seeds.
    values = np.subtract(named[0], named[1]).tolist() if condition.second else named[0]
    return inference.estimate(values, magnitude), tuple(values)


def values_of(quantity: str, runs: RunsBySubject) -> list[float]:
    """Return the value of a quantity in each run of its variant or grid, one value if it is exact."""
    if quantity in exact_numbers():
        return [exact_numbers()[quantity]]
    subject, metric = variant_and_metric(quantity)
    if reference := reference_of(quantity):
        pairs = zip(runs[subject], runs[reference], strict=True)
        return [run.at_lowest_loss_of(other, metric.partition("@")[0]) for run, other in pairs]
    values = [run.value(metric) for run in runs[subject]]
    return values[:1] if is_exact(quantity) else values
