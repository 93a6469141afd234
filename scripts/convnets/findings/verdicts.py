"""What the runs say of each claim: reproduced, contradicted, or neither.

A claim is a set of conditions; each says that a mean lies in an interval. A claim is reproduced when tests show that all its
conditions hold, and contradicted when a test shows that one does not. Every claim that varies by seed has two hypotheses, "it does
not hold" and "it holds", and exactly one of them is true. n claims thus have 2 n hypotheses, of which n are true. Holm's procedure
with that bound keeps the probability of any wrong verdict, of either kind, at or below 5 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from convnets.errors import InputError
from convnets.findings import inference, pairing
from convnets.findings.inference import ALPHA, CONFIDENCE, Estimate
from convnets.runs.run import Run
from convnets.study.claims import SELECTED_BY, Claim, exact_numbers, is_exact, study_of, variant_and_metric

REPRODUCED, CONTRADICTED, INCONCLUSIVE = "reproduced", "contradicted", "inconclusive"
VERDICTS = (REPRODUCED, CONTRADICTED, INCONCLUSIVE)

RunsBySubject = Mapping[str, Sequence[Run]]  # of variants and grids


@dataclass(frozen=True)
class Condition:
    """A quantity, the difference of two, or the logarithm of a ratio lies between `low` and `high`, which may be infinite."""

    first: str
    second: str
    is_ratio: bool
    low: float
    high: float


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
        return math.exp(self.estimate.mean) if self.condition.is_ratio else self.estimate.mean

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """Return the confidence interval on the scale of the statement."""
        low, high = self.estimate.interval(level)
        return (math.exp(low), math.exp(high)) if self.condition.is_ratio else (low, high)


@dataclass(frozen=True)
class Judgement:
    """A claim with its findings and its verdict.

    `decisive` is the finding that decides: the least certain one if all conditions seem to hold, else the most clearly violated
    one. `runs` holds one run of each seed for each variant and grid in the quantities; for a grid it is the run of the member that
    was selected in that seed. `p_not` and `p_so` are the p-values of the hypotheses that the claim does not hold, and that it
    holds, adjusted for all claims; None for an exact claim. `level` is that of a single test, for the number of seeds needed.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    decisive: Finding
    runs: RunsBySubject
    p_not: float | None
    p_so: float | None
    verdict: str
    level: float

    @property
    def seeds(self) -> int:
        """The number of seeds of each variant, the smallest if they differ; 0 for a claim without runs."""
        return min((len(found) for found in self.runs.values()), default=0)

    @property
    def adjusted_interval(self) -> tuple[float, float]:
        """The decisive finding's interval, its error shared among all claims, then among the claim's conditions (Bonferroni).

        So the claim is decided where it lies wholly inside or wholly outside of the bounds.
        """
        return self.decisive.interval(1 - self.level / len(self.findings))


def conditions(claim: Claim) -> list[Condition]:
    """Return the conditions that a claim consists of."""
    quantities, margin, target = claim.quantities, claim.margin, claim.target
    if claim.test == "equals":
        numbers = zip(quantities, claim.reported, strict=True)
        return [Condition(quantity, "", False, number - margin, number + margin) for quantity, number in numbers]
    first, *others = quantities
    if claim.test == "equivalent":
        return [Condition(first, other, False, target - margin, target + margin) for other in others]
    if claim.test == "ratio":
        return [Condition(first, others[0], True, math.log(target / margin), math.log(target * margin))]
    low, high = (margin, math.inf) if claim.test in ("greater", "highest") else (-math.inf, -margin)
    pairs = pairwise(quantities) if claim.test in ("greater", "less") else ((first, other) for other in others)
    return [Condition(*pair, False, low, high) for pair in pairs]


def judge(claims: Sequence[Claim], runs: Sequence[Run], alpha: float = ALPHA) -> list[Judgement]:
    """Judge all claims together, from the runs of the variants that they name.

    `alpha` is the probability of any wrong verdict that is allowed: that of a look, where several are planned (`looks`).

    Raises
    ------
    InputError
        There is no seed with a run of each variant that a claim names.
    """
    used = [_used(claim, runs) for claim in claims]
    found = [tuple(_finding(condition, own) for condition in conditions(claim)) for claim, own in zip(claims, used, strict=True)]
    raw = [p for claim, findings in zip(claims, found, strict=True) if not claim.is_exact for p in _p_values(findings)]
    varying = len(raw) // 2
    adjusted = iter(inference.holm(raw, most_true=varying))
    return [
        _judge(claim, findings, own, None if claim.is_exact else (next(adjusted), next(adjusted)), alpha, varying)
        for claim, findings, own in zip(claims, found, used, strict=True)
    ]


def _used(claim: Claim, runs: Sequence[Run]) -> RunsBySubject:
    """Return the runs of a claim's variants and grids, of the seeds that all its variants have, in the order of seeds.

    Where several studies do not share seeds and data (`pairing.obstacle`), those are the seeds that all variants of a study have.
    """
    named = {variant: {run.seed: run for run in runs if run.variant == variant} for variant in claim.variants}
    groups = {study: [variant for variant in named if study_of(variant)[0] == study] for study in claim.studies}
    seeds = {study: set.intersection(*(set(named[variant]) for variant in variants)) for study, variants in groups.items()}
    if empty := next((variants for study, variants in groups.items() if not seeds[study]), None):
        raise InputError(f"claims.{claim.id}: no seed has a run of each of {', '.join(empty)}")
    if not pairing.obstacle([{seed: named[one][seed] for seed in seeds[study]} for study, (one, *_) in groups.items()]):
        common = set.intersection(*seeds.values()) if seeds else set()
        seeds = dict.fromkeys(seeds, common)
    members = {choice.id: choice.members for choice in claim.grids}
    return {
        name: [
            _selected([named[variant][seed] for variant in members.get(name, (name,))])
            for seed in sorted(seeds[study_of(members.get(name, (name,))[0])[0]])
        ]
        for name in claim.subjects
    }


def _selected(runs: Sequence[Run]) -> Run:
    """Return the run that validation selects among those of one seed."""
    return max(runs, key=lambda run: run.value(SELECTED_BY)) if len(runs) > 1 else runs[0]


def _p_values(findings: Sequence[Finding]) -> tuple[float, float]:
    """Return the p-values of "the claim does not hold" and of "it holds".

    Rejecting the first takes all conditions, without correction (Berger, Technometrics 24, 1982), the second any (Bonferroni).
    """
    return max(item.p_inside for item in findings), min(1.0, len(findings) * min(item.p_outside for item in findings))


def _judge(
    claim: Claim, findings: tuple[Finding, ...], runs: RunsBySubject, p: tuple[float, float] | None, alpha: float, varying: int
) -> Judgement:
    p_not, p_so = p or (None, None)
    if p_not is None or p_so is None:
        holds = all(map(_holds_exactly, findings))
        verdict = REPRODUCED if holds else CONTRADICTED
        decisive = findings[-1] if holds else min(findings, key=_relative_slack)
    else:
        verdict = REPRODUCED if p_not <= alpha else CONTRADICTED if p_so <= alpha else INCONCLUSIVE
        if all(item.slack >= 0 for item in findings):
            decisive = max(findings, key=lambda item: (item.p_inside, -item.slack))
        else:
            decisive = min(findings, key=lambda item: (item.p_outside, item.slack))
    return Judgement(claim, findings, decisive, runs, p_not, p_so, verdict, alpha / max(varying, 1))


def _holds_exactly(finding: Finding) -> bool:
    """Return whether an exact value meets its condition. A single bound is exclusive, two bounds are inclusive."""
    if any(map(math.isinf, finding.bounds)):
        return finding.slack > 0
    return finding.slack >= -inference.ROUNDING * abs(finding.estimate.mean)


def _relative_slack(finding: Finding) -> float:
    """Return the slack relative to the bounds, so that conditions in different units can be compared."""
    scale = max((abs(bound) for bound in finding.bounds if math.isfinite(bound)), default=0)
    return finding.slack / (scale or 1)


def _finding(condition: Condition, runs: RunsBySubject) -> Finding:
    named = [values_of(name, runs) for name in (condition.first, condition.second) if name]
    if not pairing.is_paired(condition.first, condition.second, runs):
        return _unpaired(condition, *named)
    values = np.column_stack(np.broadcast_arrays(*named)).tolist()  # an exact quantity is the same for all seeds
    if not condition.is_ratio:
        differences = [pair[0] - pair[1] if condition.second else pair[0] for pair in values]
        return _of(condition, differences, max(abs(value) for pair in values for value in pair))
    if any(value <= 0 for pair in values for value in pair):
        return Finding(condition, Estimate(len(values), math.nan, math.nan))  # a ratio of such values says nothing
    # The mean of logarithms has an exact interval; Fieller's interval for the ratio of means can be unbounded.
    return _of(condition, [math.log(first) - math.log(second) for first, second in values], 1)


def _of(condition: Condition, values: list[float], magnitude: float) -> Finding:
    return Finding(condition, inference.estimate(values, magnitude), tuple(values))


def _unpaired(condition: Condition, first: list[float], second: list[float]) -> Finding:
    """Return the finding of two quantities of runs that do not belong together one by one."""
    if not condition.is_ratio:
        return Finding(condition, inference.difference(first, second, max(map(abs, (*first, *second)))))
    if any(value <= 0 for value in (*first, *second)):
        return Finding(condition, Estimate(min(len(first), len(second)), math.nan, math.nan))
    return Finding(condition, inference.difference([*map(math.log, first)], [*map(math.log, second)], 1))


def values_of(quantity: str, runs: RunsBySubject) -> list[float]:
    """Return the value of a quantity in each run of its variant or grid, one value if it is exact."""
    if quantity in exact_numbers():
        return [exact_numbers()[quantity]]
    subject, metric = variant_and_metric(quantity)
    values = [run.value(metric) for run in runs[subject]]
    return values[:1] if is_exact(quantity) else values
