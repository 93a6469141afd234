"""The gate: the verdicts of a study beside those of a baseline, whose finished runs are judged by the same claims.

A verdict that flips between reproduced and contradicted does not pass. One that is lost, so that it is inconclusive now, does not
pass where the two studies differ significantly in what the claim is about. Such differences are tested for all claims together by
Holm's procedure, so that two studies of the same truth fail by that in at most 5 % of cases. Claims about times are never gated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from convnets.errors import InputError
from convnets.findings import inference, pairing
from convnets.findings.conditions import Finding
from convnets.findings.inference import ALPHA, Estimate
from convnets.findings.verdicts import INCONCLUSIVE, Judgement, judge
from convnets.findings.wording import TIMES, p_value
from convnets.runs.run import Run
from convnets.study.claims import Claim
from convnets.study.quantities import variant_and_metric

SAME, FLIPPED, LOST, GAINED, LEFT_OUT = "same", "flipped", "lost", "gained", "not compared"


@dataclass(frozen=True)
class Row:
    """A claim in both studies.

    `difference` is what the claim measures here less what it measures in the baseline (of a ratio: of its logarithm), for the
    condition in which the studies differ most clearly, with its 95 % interval; `p` is adjusted for all claims. These four are None
    for claims that are exact or not compared.
    """

    claim: str
    baseline: str
    verdict: str
    outcome: str
    passes: bool
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    note: str = ""


def compare(claims: Sequence[Claim], runs: Sequence[Run], baseline: Sequence[Run], alpha: float = ALPHA) -> list[Row]:
    """Return a row for each claim, from the runs of this study and of the baseline; `alpha` is the error that verdicts allow."""
    reasons = {claim.id: _reason(claim, baseline) for claim in claims}
    compared = [claim for claim in claims if not reasons[claim.id]]
    # As strict as among all claims of the study, so that its verdicts are those of its table.
    varying_of_all = sum(not claim.is_exact for claim in claims)
    level = alpha * sum(not claim.is_exact for claim in compared) / max(1, varying_of_all)
    pairs = list(zip(judge(compared, runs, level), judge(compared, baseline, level), strict=True))
    varying = [(here, there) for here, there in pairs if not here.claim.is_exact]
    differences = {here.claim.id: _difference(here, there) for here, there in varying}
    adjusted = inference.holm([p for _, p in differences.values()])
    tested = {name: (found, p) for (name, (found, _)), p in zip(differences.items(), adjusted, strict=True)}
    rows = {here.claim.id: _row(here, there, tested.get(here.claim.id)) for here, there in pairs}
    return [rows.get(claim.id) or Row(claim.id, "", "", LEFT_OUT, True, note=reasons[claim.id]) for claim in claims]


def same_bits(runs: Sequence[Run], baseline: Sequence[Run]) -> tuple[int, int]:
    """Return how many runs are equal bit for bit in both studies, and how many stand in both.

    They are equal in the weights after each epoch, in the history without times, and in the evaluation of the best epoch.
    """
    there = {(run.variant, run.seed): run for run in baseline}
    both = [(run, there[run.variant, run.seed]) for run in runs if (run.variant, run.seed) in there]
    return sum(_content(one) == _content(other) for one, other in both), len(both)


def summary(rows: Sequence[Row], bits: tuple[int, int]) -> str:
    """Return in words what became of the verdicts and whether runs are the same bits, with a line for each claim that moved."""
    equal, both = bits
    failed = any(not row.passes for row in rows)
    is_same = both and equal == both
    head = "other verdicts" if failed else "the same bits" if is_same else "the same verdicts, up to chance"
    outcomes = {outcome: sum(row.outcome == outcome for row in rows) for outcome in (SAME, FLIPPED, LOST, GAINED, LEFT_OUT)}
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count)
    lines = [f"- {'FAILS: ' if not row.passes else ''}{row.claim}: {_moved(row)}" for row in rows if row.outcome != SAME]
    of_bits = f"{equal} of {both} runs that both studies have are equal bit for bit"
    return "\n".join([f"{head}: {len(rows)} claims, {counts}; {of_bits}", *lines])


def _moved(row: Row) -> str:
    """Say what became of a claim."""
    if row.outcome == LEFT_OUT:
        return f"{row.outcome}, {row.note}"
    text = f"{row.outcome}, {row.baseline} -> {row.verdict}"
    if row.difference is not None and row.p is not None:
        text += f"; difference {row.difference:.4g}, p {p_value(row.p)} adjusted for all claims"
    return f"{text}; {row.note}" if row.note else text


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a table."""
    return pd.DataFrame(list(rows), dtype=object)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for readers, with fewer digits."""
    return table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value))


def _content(run: Run) -> object:
    """Return what two runs of the same bits have in common; of a run without digests of its weights, the run itself."""
    if not run.record or not run.record.weights:
        return id(run)
    # What older histories lack is left out: it follows from the weights.
    history = [replace(row, seconds=0.0, train_eval_loss=None, train_eval_accuracy=None) for row in run.landmarks]
    validation = (run.val_losses, run.val_accuracies)  # of all epochs, where the history holds landmarks
    return tuple(run.record.weights), history, validation, run.metrics.test_accuracy, run.metrics.test_loss


def _reason(claim: Claim, baseline: Sequence[Run]) -> str:
    """Return why a claim is not compared; empty if it is."""
    if any(claim.studies):
        return "it is about another study"
    if {variant_and_metric(quantity)[1] for quantity in claim.quantities} & TIMES:
        return "it is about times"
    there = {run.variant for run in baseline}
    if missing := [variant for variant in claim.variants if variant not in there]:
        return f"the baseline has no finished run of {', '.join(missing)}"
    try:
        judge([claim], baseline)
    except InputError as error:  # no common seed, or a metric that older histories lack
        return f"in the baseline, {error}"
    return ""


def _row(here: Judgement, there: Judgement, tested: tuple[Estimate, float] | None) -> Row:
    """Return the row of a claim; `tested` is its difference with the p-value adjusted for all claims, None of an exact one."""
    name, verdicts = here.claim.id, (there.verdict, here.verdict)
    if there.verdict == here.verdict:
        outcome = SAME
    elif INCONCLUSIVE not in verdicts:
        outcome = FLIPPED
    else:
        outcome = LOST if here.verdict == INCONCLUSIVE else GAINED
    if tested is None:
        return Row(name, *verdicts, outcome, outcome != FLIPPED)
    found, p = tested
    passes = outcome != FLIPPED and not (outcome == LOST and p <= ALPHA)
    chance = "within chance" if found.has_spread else "not testable: that takes two seeds, which differ"
    note = chance if outcome == LOST and passes else ""
    low, high = map(_number, found.interval())
    return Row(name, *verdicts, outcome, passes, _number(found.mean), low, high, p, note)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _difference(here: Judgement, there: Judgement) -> tuple[Estimate, float]:
    """Return the difference of the condition in which the studies differ most clearly, and the claim's p-value.

    Two-sided, with Bonferroni's factor for several conditions.
    """
    pairs = zip(here.findings, there.findings, strict=True)
    found = [_between(one, other, here, there) for one, other in pairs]
    p_values = [2 * min(estimate.p_above(0), estimate.p_below(0)) for estimate in found]
    least = min(range(len(found)), key=p_values.__getitem__)
    return found[least], min(1.0, len(found) * p_values[least])


def _between(one: Finding, other: Finding, here: Judgement, there: Judgement) -> Estimate:
    """Return the difference of a condition's values: paired by seed where both studies share seeds and data."""
    if not one.values or not other.values:
        return Estimate(1, one.estimate.mean - other.estimate.mean, math.nan)
    seeds = [{run.seed: run for run in next(iter(judgement.runs.values()))} for judgement in (here, there)]  # in values' order
    magnitude = max(map(abs, (*one.values, *other.values)))
    if pairing.obstacle(seeds):
        return inference.difference(one.values, other.values, magnitude)
    values = [dict(zip(runs, finding.values, strict=True)) for runs, finding in zip(seeds, (one, other), strict=True)]
    common = sorted(values[0].keys() & values[1].keys())
    return inference.estimate([values[0][seed] - values[1][seed] for seed in common], magnitude)
