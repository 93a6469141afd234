"""The note beside the verdict of a claim."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from convnets.findings import inference, pairing
from convnets.findings.conditions import Prediction, RunsBySubject, values_of
from convnets.findings.phrases import ENGLISH, Phrases
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement
from convnets.runs.run import METRICS, Run
from convnets.study.claims import OF_NUMBERS, SINGLE_RUN, Choice, Claim
from convnets.study.quantities import measure_of, study_of, variant_and_metric

OF_LOSS_OR_ACCURACY = {metric for metric in METRICS if measure_of(metric) in ("loss", "accuracy")}
TIMES = {"train_seconds", "seconds_per_epoch", "seconds_to_min_val_loss", "images_per_second"}
TRAINING = {metric for metric in OF_LOSS_OR_ACCURACY if ("train" in metric or "gap" in metric) and "eval" not in metric}
REMARKS = (({"epochs", "iterations"}, "configured"), (TRAINING, "while_training"), (TIMES, "times"))
WELCH = "Welch's test"  # of runs that are not paired
MAXIMISED = "best_val_accuracy"  # over the epochs, on the images for which it is reported
# The metrics that are taken on the images by which a grid's member is selected.
OF_VALIDATION = {metric for metric in OF_LOSS_OR_ACCURACY if not metric.startswith(("final_train", "test"))}


def note(judgement: Judgement, phrases: Phrases | None = None) -> str:
    """Return the note of a claim, as the tables have it or in other phrases."""
    claim, used, write = judgement.claim, judgement.runs, phrases or PLAIN
    metrics = {variant_and_metric(quantity)[1] for quantity in claim.quantities}
    parts = [write.say("means", means=write.means(_means(claim.quantities, used))), *_selections(judgement, write)]
    parts += [_tested(claim, write), _pairing(judgement, write)]
    if len(judgement.findings) > 1 and not (claim.is_exact and judgement.verdict == REPRODUCED):
        condition = judgement.decisive.condition
        what = write.difference(condition.first, condition.second, is_ratio=condition.is_ratio)
        parts.append(write.say("decides", what=what))
    if not claim.is_exact:
        parts.append(_evidence(judgement, write))
        if judgement.verdict == INCONCLUSIVE:
            parts.append(_advice(judgement, write))
    if MAXIMISED in metrics:
        tested = _means([f"{variant}.test_accuracy" for variant in claim.subjects], used)
        parts.append(write.say("maxima", means=write.means(tested)))
    parts += [write.say(remark) for named, remark in REMARKS if metrics & named]
    if metrics & TIMES and (shared := disturbed([run for found in used.values() for run in found], write)):
        parts.append(write.say("disturbed", runs=shared))
    return " ".join(filter(None, parts))


def number(value: float) -> str:
    """Format a number: whole ones, and from 1,000 on, without decimals; below 0.001 with two digits; others with four decimals."""
    if math.isinf(value) or math.isnan(value):
        return str(value)
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.4f}" if abs(value) >= 0.001 else f"{value:.2g}"


def printed(value: float) -> str:
    """Format a number with the digits that its source prints; an empty text for NaN."""
    return "" if math.isnan(value) else f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


PLAIN = Phrases(number, ENGLISH)


def interval(low: float, high: float, number: Callable[[float], str] = number) -> str:
    """Format an interval in brackets; an empty text if a bound is NaN."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"


def selected(judgement: Judgement, grid: Choice) -> Mapping[str, int]:
    """Return how often each member of a grid was selected, without those that never were."""
    counts = Counter(run.variant for run in judgement.runs[grid.id])
    return {member: counts[member] for member in grid.members if counts[member]}


def _selections(judgement: Judgement, write: Phrases) -> Iterator[str]:
    """Yield for each grid what was selected, and what that means for what was measured."""
    for grid in judgement.claim.grids:
        counts = selected(judgement, grid).items()
        listed = write.between.join(write.item.format(write.subject(member), count) for member, count in counts)
        yield write.say("selected", grid=grid.id, count=len(grid.members), members=listed)
    named = map(variant_and_metric, judgement.claim.quantities)
    if any(metric in OF_VALIDATION and name in {grid.id for grid in judgement.claim.grids} for name, metric in named):
        yield write.say("selected_on_the_same")


def disturbed(runs: Iterable[Run], phrases: Phrases | None = None) -> str:
    """List the disturbed runs as text, each once."""
    write = phrases or PLAIN
    shared = {(run.variant, run.seed): run for run in runs if run.is_disturbed}
    found = groupby((run for _, run in sorted(shared.items())), key=lambda run: run.variant)
    seeds = ((write.subject(variant), ", ".join(str(run.seed) for run in own)) for variant, own in found)
    return "; ".join(write.say("seeds_of", subject=subject, seeds=named) for subject, named in seeds)


def _tested(claim: Claim, write: Phrases) -> str:
    """Return the tested form of the statement, with its margin."""
    target, margin, count = claim.target, claim.margin, len(claim.quantities)
    values = {"margin": f"{margin:,g}", "target": f"{target:,g}", "level": f"{inference.CONFIDENCE:.0%}"}
    subject = "difference" if count < 3 else "first_less_others"
    if claim.test in OF_NUMBERS:
        subject = "each" if count > 1 else "it"
        relation = "near_printed" if margin else "as_printed"
        if claim.test == SINGLE_RUN:
            subject, relation = f"{subject}_of_a_run", "predicted"
    elif claim.test == "equivalent":
        relation = "near" if margin else "is"
    elif claim.test == "ratio":
        subject, relation = "ratio", "between"
        values |= {"low": f"{target / margin:,g}", "high": f"{target * margin:,g}"}
    else:
        is_above, is_ordered = claim.test in ("greater", "highest"), claim.test in ("greater", "less")
        subject = "it" if count == 1 else "each_less_next" if is_ordered and count > 2 else subject
        relation, values["bound"] = "above" if is_above else "below", f"{target + margin if is_above else target - margin:,g}"
    return write.say("tested", subject=write.say(subject), relation=write.say(relation, **values))


def _pairing(judgement: Judgement, write: Phrases) -> str:
    """Return how the runs of several studies were compared; empty for a claim on one, or on exact numbers."""
    if len(judgement.claim.studies) < 2 or judgement.claim.is_exact:
        return ""
    of_study = {study_of(found[0].variant)[0]: {run.seed: run for run in found} for found in judgement.runs.values()}
    if not (why := pairing.obstacle(list(of_study.values()))):
        return write.say("paired")
    counts = [write.say("runs_of", count=len(runs), study=study or write.say("this_study")) for study, runs in of_study.items()]
    return write.say("not_paired", why=write.say(why), counts=", ".join(counts), test=write.say(WELCH))


def _means(quantities: Sequence[str], runs: RunsBySubject) -> dict[str, float]:
    """Return the means of quantities."""
    values = {quantity: values_of(quantity, runs) for quantity in quantities}
    return {quantity: sum(found) / len(found) for quantity, found in values.items()}


def _evidence(judgement: Judgement, write: Phrases) -> str:
    """Return the p-values of the verdict and the effect size."""
    if not all(item.estimate.has_spread for item in judgement.findings):
        return ""
    verdict, p_not, p_so = judgement.verdict, p_value(judgement.p_not or 0.0), p_value(judgement.p_so or 0.0)
    if judgement.claim.test == SINGLE_RUN:
        return write.say({REPRODUCED: "so", CONTRADICTED: "not_so", INCONCLUSIVE: "open"}[verdict], p=p_so)
    finding = judgement.decisive
    if finding.condition.second:
        name = "d_z" if finding.estimate.is_paired else "d"
        size = write.say("effect_size", name=name, value=f"{finding.estimate.standardised():.1f}")
    else:
        bounds = [bound for bound in finding.bounds if math.isfinite(bound)]
        away = f"{finding.estimate.standardised(sum(bounds) / len(bounds)):.1f}"
        what = write.say("the_printed" if judgement.claim.reported else "the_bound")
        size = write.say("deviations", value=away, what=what)
    key = {REPRODUCED: "shown", CONTRADICTED: "contrary_shown", INCONCLUSIVE: "neither_shown"}[verdict]
    return write.say(key, p=p_not if verdict == REPRODUCED else p_so, p_not=p_not, p_so=p_so, size=size)


def p_value(value: float) -> str:
    """Format a p-value with its relation: "= 0.02", "< 0.0001"."""
    return "= 1" if value >= 1 else f"= {value:.2g}" if value >= 0.0001 else "< 0.0001"


def _advice(judgement: Judgement, write: Phrases) -> str:
    """Return how many seeds would probably decide the claim, or why that cannot be said."""
    findings = judgement.findings
    if any(math.isnan(item.estimate.mean) for item in findings):
        return write.say("no_ratio")
    if not all(item.estimate.has_spread for item in findings):
        return write.say("no_spread" if judgement.seeds > 1 else "one_seed")
    needed = seeds_needed(judgement)
    if judgement.claim.test == SINGLE_RUN:
        return write.say("narrow_enough", count=needed) if needed else write.say("hardly")
    if _is_on_bound(judgement):
        return write.say("on_bound")
    seeds = write.say("about", count=needed) if needed else write.say("more_than", count=f"{inference.MOST_RUNS:,}")
    if len(judgement.claim.studies) > 1:
        seeds = write.say("of_each", seeds=seeds)
    return write.say("would_decide", seeds=seeds, power=f"{inference.POWER:.0%}")


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
