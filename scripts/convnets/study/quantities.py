"""Quantities that claims name, as text.

`variant.metric` has a metric of `runs.run.METRICS`; `study:variant.metric` is of runs of another study. `variant.val_loss@other`
and `variant.val_accuracy@other` are taken at the iteration of the lowest validation loss of the other variant's run of that seed.
`vgg16.block.unit` is a number of VGG-16 by formula. Quantities that do not vary by seed are exact.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

from convnets.errors import suggest
from convnets.networks import vgg16
from convnets.networks.formulas import BYTES_PER_PARAMETER, megabytes
from convnets.runs.run import CURVES, FIXED_METRICS, METRICS

Named = Mapping[str, Collection[str]]  # the variants of a grid, or of another study, by its id


@cache
def exact_numbers() -> Mapping[str, float]:
    """Return the numbers of VGG-16 that a claim can name: by block its layers, parameters, and bits and megabytes in float32.

    `conv` and `fc` are the sums of the convolution blocks and of the fully connected layers, `total` is all of them. Parameters
    can be named by layer too: `conv1_1` is the first of the block `conv1`.
    """
    layers = vgg16.layer_parameters()
    found: dict[str, float] = {f"vgg16.{layer}.parameters": count for layer, count in layers.items()}
    for block in (*(block.name for block in vgg16.BLOCKS), "conv", "fc", "total"):
        counts = [count for layer, count in layers.items() if block == "total" or layer.startswith(block)]
        found[f"vgg16.{block}.layers"] = len(counts)
        found[f"vgg16.{block}.parameters"] = sum(counts)
        found[f"vgg16.{block}.bits"] = sum(counts) * BYTES_PER_PARAMETER * 8
        found[f"vgg16.{block}.megabytes"] = megabytes(sum(counts))
    return found


def reference_of(quantity: str) -> str:
    """Return the variant at whose lowest validation loss a quantity is taken: of `mlp.val_loss@other` "other", else ""."""
    return quantity.partition("@")[2]


def variant_and_metric(quantity: str) -> tuple[str, str]:
    """Return the two parts of `variant.metric`."""
    variant, _, metric = quantity.partition(".")
    return variant, metric


def study_of(subject: str) -> tuple[str, str]:
    """Return the study of a variant and its id there: of `before:mlp` "before" and "mlp", of `mlp` "" and "mlp"."""
    study, _, variant = subject.rpartition(":")
    return study, variant


# What metrics measure, by a part of their names; the first that fits.
MEASURES = ("accuracy", "loss", "images_per_second", "seconds", "iterations", "epoch", "parameters", "megabytes", "bits", "layers")


def measure_of(quantity: str) -> str:
    """Return what a quantity measures, so that only like is compared with like: of `mlp.best_val_accuracy` "accuracy"."""
    metric = re.split("@|_at_|_to_", quantity.rpartition(".")[2])[0]
    return next((measure for measure in MEASURES if measure in metric), metric)


def is_exact(quantity: str) -> bool:
    """Return whether a quantity does not vary by seed."""
    return quantity in exact_numbers() or variant_and_metric(quantity)[1] in FIXED_METRICS


def problems(claim: str, index: int, quantity: str, variants: Sequence[str], grids: Named, studies: Named) -> Iterator[str]:
    """Yield one message for each fault of a quantity of a claim; parameters as those of `claims.problems`."""
    where, (variant, metric) = f"{claim}.quantities.{index}", variant_and_metric(quantity)
    known = [*variants, *grids]
    if variant == "vgg16" and variant not in known:
        yield f"{where} is {quantity!r}, which is no number of VGG-16{suggest(quantity, list(exact_numbers()))}"
    elif not metric:
        yield f"{where} is {quantity!r}; a quantity is written variant.metric, such as {variants[0]}.final_val_loss"
    else:
        if ":" in variant:
            yield from (f"{where} names {problem}" for problem in problems_of_subject(variant, studies))
        elif variant not in known:
            yield f"{where} names {variant!r}, which is no variant{suggest(variant, known)} ({claim}: null leaves the claim out)"
        if metric in FIXED_METRICS and (members := [*grids.get(variant, ())]):
            yield f"{where} is {quantity}, which the settings of each member fix; name a member, as in {members[0]}.{metric}"
        if "@" in metric:
            yield from _problems_of_reference(where, quantity, variants)
        elif metric not in METRICS:
            yield f"{where} names {metric!r}, which is no metric{suggest(metric, list(METRICS))}"


def _problems_of_reference(where: str, quantity: str, variants: Sequence[str]) -> Iterator[str]:
    variant, curve = variant_and_metric(quantity)
    metric, _, reference = curve.partition("@")
    if metric not in CURVES:
        yield f"{where} names {metric!r} at another network's lowest loss; that can be {' or '.join(CURVES)}"
    for name in (variant, reference):
        if name not in variants:
            yield f"{where} names {name!r}, which is no variant of this study{suggest(name, list(variants))}"


def problems_of_subject(subject: str, studies: Named) -> Iterator[str]:
    """Yield what is wrong with `study:variant`, as words that follow "names"."""
    study, variant = study_of(subject)
    if study not in studies:
        yield f"the study {study!r}, which is not among studies{suggest(study, list(studies))}"
    elif variant not in studies[study]:
        yield f"{subject!r}, but studies.{study} has no finished run of {variant!r}{suggest(variant, sorted(studies[study]))}"
