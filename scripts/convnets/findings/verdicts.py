"""What the runs say of each claim: reproduced, contradicted, or neither.

A claim is a set of conditions; each says that a mean lies in an interval. A claim is reproduced when tests show that all its
conditions hold, and contradicted when a test shows that one does not. Every claim that varies by seed has two hypotheses, "it does
not hold" and "it holds", and exactly one of them is true. n claims thus have 2 n hypotheses, of which n are true. Holm's procedure
with that bound keeps the probability of any wrong verdict, of either kind, at or below 5 %. Not covered is the verdict
"reproduced" on a number that was printed of a single run (`Prediction`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from convnets.errors import InputError
from convnets.findings import inference, pairing
from convnets.findings.conditions import Finding, RunsBySubject, findings_of
from convnets.findings.inference import ALPHA
from convnets.runs.run import Run
from convnets.study.claims import OF_NUMBERS, SELECTED_BY, SINGLE_RUN, Claim
from convnets.study.quantities import study_of

REPRODUCED, CONTRADICTED, INCONCLUSIVE = "reproduced", "contradicted", "inconclusive"
VERDICTS = (REPRODUCED, CONTRADICTED, INCONCLUSIVE)


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

    def reported(self, finding: Finding) -> float:
        """Return the number that the report prints of a finding; NaN if there is none."""
        numbers = self.claim.reported
        return numbers[self.findings.index(finding)] if self.claim.test in OF_NUMBERS else next(iter(numbers), math.nan)

    def adjusted(self, finding: Finding) -> tuple[float, float]:
        """Return the interval of a finding at the confidence of the test behind the verdict, which is adjusted for all claims.

        That of the decisive finding lies inside of the bounds if the claim is reproduced, outside if it is contradicted, and over a
        bound if neither is shown. To refute a claim takes one of its conditions, at one of its bounds, so these share the level. Of
        a single run, it is the prediction interval outside of which its number is contradicted.
        """
        tests = len(self.findings) * sum(map(math.isfinite, finding.bounds))
        is_shown = self.verdict == REPRODUCED and self.claim.test != SINGLE_RUN
        return finding.interval(1 - 2 * self.level / (1 if is_shown else tests))


def judge(claims: Sequence[Claim], runs: Sequence[Run], alpha: float = ALPHA) -> list[Judgement]:
    """Judge all claims together, from the runs of the variants that they name.

    `alpha` is the probability of any wrong verdict that is allowed: that of a look, where several are planned (`looks`). An
    InputError says that there is no seed with a run of each variant that a claim names.
    """
    used = [_used(claim, runs) for claim in claims]
    found = [findings_of(claim, own) for claim, own in zip(claims, used, strict=True)]
    raw = [p for claim, findings in zip(claims, found, strict=True) if not claim.is_exact for p in _p_values(findings)]
    varying = len(raw) // 2
    adjusted = iter(inference.holm(raw, most_true=varying))
    return [
        _judge(claim, findings, own, None if claim.is_exact else (next(adjusted), next(adjusted)), alpha, varying)
        for claim, findings, own in zip(claims, found, used, strict=True)
    ]


def at_margins(claims: Sequence[Claim], runs: Sequence[Run], share: float, alpha: float = ALPHA) -> dict[str, str]:
    """Return the verdict of each claim that has a margin, by id, with margins multiplied by `share`; a ratio's to that power."""
    scaled = [
        claim.model_copy(update={"margin": claim.margin**share if claim.test == "ratio" else claim.margin * share})
        for claim in claims
    ]
    return {judgement.claim.id: judgement.verdict for judgement in judge(scaled, runs, alpha) if judgement.claim.margin}


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
    members = {name: (name,) for name in claim.subjects} | {grid.id: grid.members for grid in claim.grids}
    return {
        name: [_selected([named[variant][seed] for variant in variants]) for seed in sorted(seeds[study_of(variants[0])[0]])]
        for name, variants in members.items()
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
        if all(item.slack >= 0 for item in findings) and claim.test != SINGLE_RUN:
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
