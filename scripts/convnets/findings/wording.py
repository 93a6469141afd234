"""The note beside the verdict of a claim."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from convnets.findings import inference, pairing
from convnets.findings.conditions import Finding, Prediction, RunsBySubject, values_of
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement
from convnets.runs.run import METRICS, Run
from convnets.study.claims import SINGLE_RUN, Choice, Claim
from convnets.study.quantities import exact_numbers, measure_of, study_of, variant_and_metric

OF_LOSS_OR_ACCURACY = {metric for metric in METRICS if measure_of(metric) in ("loss", "accuracy")}
TIMES = {"train_seconds", "seconds_per_epoch", "seconds_to_min_val_loss", "images_per_second"}
TRAINING = {metric for metric in OF_LOSS_OR_ACCURACY if ("train" in metric or "gap" in metric) and "eval" not in metric}
REMARKS = (
    ({"epochs", "iterations"}, "That is set by the configuration, not found by training."),
    (
        TRAINING,
        "Training values are taken with dropout and augmentation acting: by construction, these make a training loss "
        "higher and a gap to validation smaller.",
    ),
    (TIMES, "Times depend on the machine and on what else it did."),
)
WELCH = "Welch's test"  # of runs that are not paired
MAXIMISED = "best_val_accuracy"  # over the epochs, on the images for which it is reported
# The metrics that are taken on the images by which a grid's member is selected.
OF_VALIDATION = {metric for metric in OF_LOSS_OR_ACCURACY if not metric.startswith(("final_train", "test"))}


def note(judgement: Judgement) -> str:
    """Return the note of a claim."""
    claim, used = judgement.claim, judgement.runs
    metrics = {variant_and_metric(quantity)[1] for quantity in claim.quantities}
    parts = [_values(claim.quantities, used), *_selections(judgement), _tested(claim), _pairing(judgement)]
    if len(judgement.findings) > 1 and not (claim.is_exact and judgement.verdict == REPRODUCED):
        parts.append(f"What decides: {_name(judgement.decisive)}.")
    if not claim.is_exact:
        parts.append(_evidence(judgement))
        if judgement.verdict == INCONCLUSIVE:
            parts.append(_advice(judgement))
    if MAXIMISED in metrics:
        tested = _values([f"{variant}.test_accuracy" for variant in claim.subjects], used)
        parts.append(f"Validation accuracies are maxima over the epochs, hence optimistic; of those epochs' weights, {tested}")
    parts += [remark for named, remark in REMARKS if metrics & named]
    if metrics & TIMES and (shared := disturbed([run for found in used.values() for run in found])):
        parts.append(f"Those of runs that had to share their core are upper bounds: {shared}.")
    if claim.erratum:
        parts.append(f"See {'errata' if len(claim.erratum) > 1 else 'erratum'} {', '.join(claim.erratum)}.")
    return " ".join(filter(None, parts))


def number(value: float) -> str:
    """Format a number: whole ones without decimals, those below 0.001 with two significant digits, others with four decimals."""
    if math.isinf(value) or math.isnan(value):
        return str(value)
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4f}" if abs(value) >= 0.001 else f"{value:.2g}"


def interval(low: float, high: float, number: Callable[[float], str] = number) -> str:
    """Format an interval in brackets; an empty text if a bound is NaN."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"


def selected(judgement: Judgement, grid: Choice) -> Mapping[str, int]:
    """Return how often each member of a grid was selected, without those that never were."""
    counts = Counter(run.variant for run in judgement.runs[grid.id])
    return {member: counts[member] for member in grid.members if counts[member]}


def _selections(judgement: Judgement) -> Iterator[str]:
    """Yield for each grid what was selected, and what that means for what was measured."""
    for grid in judgement.claim.grids:
        counts = ", ".join(f"{member} {count}" for member, count in selected(judgement, grid).items())
        yield (
            f"{grid.id} is the best of the grid {grid.id} by validation accuracy, selected in each seed (of {len(grid.members)} "
            f"members, with the number of seeds: {counts})."
        )
    named = map(variant_and_metric, judgement.claim.quantities)
    if any(metric in OF_VALIDATION and name in {grid.id for grid in judgement.claim.grids} for name, metric in named):
        yield "The validation images that select also measure here, so this maximum over the grid is optimistic."


def disturbed(runs: Iterable[Run]) -> str:
    """List the disturbed runs as text, each once."""
    shared = {(run.variant, run.seed): run for run in runs if run.is_disturbed}
    found = groupby((run for _, run in sorted(shared.items())), key=lambda run: run.variant)
    return "; ".join(f"{variant} seed {', '.join(str(run.seed) for run in own)}" for variant, own in found)


def _tested(claim: Claim) -> str:
    """Return the tested form of the statement, with its margin."""
    margin, target = f"{claim.margin:,g}", f"{claim.target:,g}"
    if claim.test == "equals":
        relation = f"lies within {margin} of" if claim.margin else "equals"
        text = f"{'each' if len(claim.quantities) > 1 else 'it'} {relation} the number printed"
    elif claim.test == SINGLE_RUN:
        text = (
            f"{'each' if len(claim.quantities) > 1 else 'the'} number printed, of a single run, lies in the "
            f"{inference.CONFIDENCE:.0%} prediction interval for one more run, of {margin} or less on either side"
        )
    elif claim.test == "equivalent":
        difference = "the first less each of the others" if len(claim.quantities) > 2 else "the difference"
        text = f"{difference} {f'lies within {margin} of' if claim.margin else 'is'} {target}"
    elif claim.test == "ratio":
        text = f"the ratio lies between {claim.target / claim.margin:,g} and {claim.target * claim.margin:,g}"
    else:
        several = "each less the next" if claim.test in ("greater", "less") else "the first less each of the others"
        difference = several if len(claim.quantities) > 2 else "the difference"
        number = claim.target + claim.margin if claim.test in ("greater", "highest") else claim.target - claim.margin
        bound = f"{'above' if claim.test in ('greater', 'highest') else 'below'} {number:,g}"
        text = f"{difference if len(claim.quantities) > 1 else 'it'} is {bound}"
    return f"Tested as: {text}."


def _pairing(judgement: Judgement) -> str:
    """Return how the runs of several studies were compared; empty for a claim on one, or on exact numbers."""
    if len(judgement.claim.studies) < 2 or judgement.claim.is_exact:
        return ""
    of_study = {study_of(found[0].variant)[0]: {run.seed: run for run in found} for found in judgement.runs.values()}
    if not (why := pairing.obstacle(list(of_study.values()))):
        return "Runs of the studies are paired by seed: they share split and data."
    counts = ", ".join(f"{len(found)} of {study or 'this study'}" for study, found in of_study.items())
    return f"Runs of the studies are not paired, since {why}: means of {counts} are compared by {WELCH}."


def _values(quantities: Sequence[str], runs: RunsBySubject) -> str:
    """List the means of quantities; if all are of one metric, its name comes first."""
    values = {quantity: values_of(quantity, runs) for quantity in quantities}
    means = {quantity: number(sum(found) / len(found)) for quantity, found in values.items()}
    metrics = {variant_and_metric(quantity)[1] for quantity in quantities}
    if len(metrics) == 1 and not exact_numbers().keys() & means.keys():
        return f"{metrics.pop()}: {', '.join(f'{variant_and_metric(name)[0]} {mean}' for name, mean in means.items())}."
    return ", ".join(f"{name} {mean}" for name, mean in means.items()) + "."


def _name(finding: Finding) -> str:
    """Name the quantity of a finding, or its two quantities joined by a minus sign or a slash."""
    first, second = finding.condition.first, finding.condition.second
    if not second:
        return first
    same = variant_and_metric(first)[1] == variant_and_metric(second)[1] and first not in exact_numbers()
    names = [variant_and_metric(name)[0] for name in (first, second)] if same else [first, second]
    return f" {'/' if finding.condition.is_ratio else '-'} ".join(names)


def _evidence(judgement: Judgement) -> str:
    """Return the p-values of the verdict and the effect size."""
    if not all(item.estimate.has_spread for item in judgement.findings):
        return ""
    p_not, p_so = judgement.p_not or 0.0, judgement.p_so or 0.0
    if judgement.claim.test == SINGLE_RUN:
        return {
            REPRODUCED: "It does.",
            CONTRADICTED: f"That it is not of one more run is shown, p {p_value(p_so)} adjusted for all claims.",
            INCONCLUSIVE: f"That it is not of one more run is not shown either (p {p_value(p_so)} adjusted for all claims).",
        }[judgement.verdict]
    text = {
        REPRODUCED: f"Shown, p {p_value(p_not)} adjusted for all claims",
        CONTRADICTED: f"That it does not hold, with its margin, is shown, p {p_value(p_so)} adjusted for all claims",
        INCONCLUSIVE: f"Neither it (p {p_value(p_not)}) nor the contrary (p {p_value(p_so)}) is shown, adjusted for all claims",
    }[judgement.verdict]
    finding = judgement.decisive
    if finding.condition.second:
        size = "d_z" if finding.estimate.is_paired else "d"
        return f"{text}; effect size ({size}) {finding.estimate.standardised():.1f}."
    bounds = [bound for bound in finding.bounds if math.isfinite(bound)]
    origin = sum(bounds) / len(bounds)
    what = "the number printed" if judgement.claim.reported else "the bound"
    return f"{text}; {finding.estimate.standardised(origin):.1f} deviations from {what}."


def p_value(value: float) -> str:
    """Format a p-value with its relation: "= 0.02", "< 0.0001"."""
    return "= 1" if value >= 1 else f"= {value:.2g}" if value >= 0.0001 else "< 0.0001"


def _advice(judgement: Judgement) -> str:
    """Return how many seeds would probably decide the claim, or why that cannot be said."""
    findings = judgement.findings
    if any(math.isnan(item.estimate.mean) for item in findings):
        return "A ratio of values that are not all above 0 says nothing."
    if not all(item.estimate.has_spread for item in findings):
        if judgement.seeds > 1:
            return "The values do not differ from seed to seed, which says nothing of how much they vary."
        return "One seed tells nothing of how much runs vary, so how many would decide it cannot be said."
    needed = seeds_needed(judgement)
    if judgement.claim.test == SINGLE_RUN:
        return f"With about {needed} seeds the interval would be narrow enough." if needed else "More seeds would hardly decide it."
    if _is_on_bound(judgement):
        return "What is measured lies on the bound of the claim."
    count = f"about {needed}" if needed else f"more than {inference.MOST_RUNS:,}"
    of_each = " of each study" if len(judgement.claim.studies) > 1 else ""
    return f"At the mean and spread measured, {count} seeds{of_each} would decide it with a probability of {inference.POWER:.0%}."


def _is_on_bound(judgement: Judgement) -> bool:
    return min(item.slack for item in judgement.findings) == 0


def seeds_needed(judgement: Judgement) -> int | None:
    """Return how many seeds would probably decide a claim, at the mean and spread measured; None if that cannot be said.

    Numbers of a single run take as many as make their prediction intervals narrow enough; None if one lies outside of its own.
    """
    findings = judgement.findings
    if not all(item.estimate.has_spread for item in findings) or _is_on_bound(judgement):
        return None
    if predictions := [item for item in findings if isinstance(item, Prediction)]:
        counts = [inference.runs_needed_to_predict(item.estimate.deviation, item.margin) for item in predictions]
        are_inside = all(item.estimate.p_one_more(item.number) >= 1 - inference.CONFIDENCE for item in predictions)
        return max(count or 0 for count in counts) if are_inside and all(counts) else None
    if all(item.slack > 0 for item in findings):
        distances = [
            (distance, item.estimate.deviation)
            for item in findings
            for distance in (item.estimate.mean - item.condition.low, item.condition.high - item.estimate.mean)
            if math.isfinite(distance)
        ]
        return inference.runs_needed(distances, judgement.level)
    # The contrary needs one condition only, the one violated most clearly, at the level that is left for each.
    tests = sum(math.isfinite(bound) for item in findings for bound in item.bounds)
    farthest = min(findings, key=lambda item: item.slack / item.estimate.deviation)
    return inference.runs_needed([(-farthest.slack, farthest.estimate.deviation)], judgement.level / tests)
