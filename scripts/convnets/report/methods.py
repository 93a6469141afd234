"""What the methods section of a paper says of networks, trainings and tests, as phrases."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from convnets.findings.wording import WELCH
from convnets.runs.run import Run
from convnets.settings import Settings
from convnets.study.claims import Claim

# Settings that a phrase of their own tells, and the form of each test of a claim that varies by seed.
TOLD = (
    *("epochs", "batch_size", "precision"),
    *(f"augmentation.{name}" for name in ("horizontal_flip", "channel_offset", "accumulate", "layers")),
)
FORMS = {
    "equals": "a mean lies within {margin} of the number printed",
    "equivalent": "a difference lies within {margin} of {target}",
    "ratio": "a ratio lies within a factor of {margin} of {target}",
    "single_run": "a number printed of a single run lies in the prediction interval for one more, of {margin} or less to a side",
    "greater": "a difference exceeds {margin}",
    "less": "a difference falls below {margin}",
    "highest": "one mean exceeds each other by more than {margin}",
    "lowest": "one mean falls below each other by more than {margin}",
}
FLIPS = {True: "horizontal flips of each image", "batch": "horizontal flips of whole batches"}


def grouped(phrases: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    """Return the labels of each phrase, from pairs of a label and its phrase."""
    found: dict[str, list[str]] = {}
    for label, phrase in phrases:
        found.setdefault(phrase, []).append(label)
    return found


def network(run: Run) -> str:
    """Return what a run's network is, with its parameters."""
    own, network, size = run.settings.own, run.settings.network, f"({run.metrics.parameters:,} parameters)"
    if own.network:
        given = ", ".join(f"{name} {value}" for name, value in own.arguments.items())
        return f"{own.function} of {own.file.name}{f' with {given}' if given else ''} {size}"
    parts = []
    if network.filters:
        side = network.kernel_size
        layers = f"a {side}\N{MULTIPLICATION SIGN}{side} convolution, ReLU and 2\N{MULTIPLICATION SIGN}2 max pooling"
        parts.append(f"{_count(len(network.filters), 'block')} of {layers}, with {_listed(network.filters)} filters")
    if network.head == "conv1x1":
        parts.append("a 1\N{MULTIPLICATION SIGN}1 convolution with a filter for each class and average pooling")
    else:
        parts += [f"a fully connected layer of {units} units with ReLU" for units in network.dense_units]
        if network.dense_units and network.dropout:
            parts.append(f"dropout of {network.dropout:g}" + (" after each" if len(network.dense_units) > 1 else ""))
        parts.append("an output layer")
    return f"{', '.join(parts)} {size}"


def training(settings: Settings) -> Mapping[str, str]:
    """Return how a network is trained, by aspect."""
    chosen, flat = settings.training, settings.training.flat()
    arguments = {name.removeprefix("optimizer."): value for name, value in flat.items() if name.startswith("optimizer.")}
    name = arguments.pop("name")
    spelt = [f"{argument.replace('_', ' ')} {value}" for argument, value in arguments.items() if value not in (0, None, False)]
    changes = []
    if chosen.augmentation.horizontal_flip:
        changes.append(f"{FLIPS[chosen.augmentation.horizontal_flip]} with probability 1/2")
    if chosen.augmentation.channel_offset:
        kept = ", which adds up from epoch to epoch" if chosen.augmentation.accumulate else ""
        changes.append(f"a Gaussian offset per image and channel of deviation {chosen.augmentation.channel_offset:g}{kept}")
    if chosen.augmentation.layers:
        changes.append(f"layers of Keras, {flat['augmentation.layers']}")
    others = [f"{key.replace('_', ' ')} {value}" for key, value in flat.items() if key not in TOLD and "optimizer." not in key]
    return {
        "optimizer": f"{name} with {', '.join(spelt)}",
        "batches": f"batches of {chosen.batch_size}",
        "epochs": _count(chosen.epochs, "epoch"),
        "precision": f"precision {chosen.precision.replace('_', ' ')}",
        "augmentation": f"augmentation by {' and '.join(changes)}" if changes else "no augmentation",
        "others": ", ".join(others),
    }


def aspects(runs: Sequence[Run], labels: Mapping[str, str]) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return for each aspect of training its phrases with the labels of the variants that they hold for, that of most first."""
    settings = {run.variant: training(run.settings) for run in runs}
    found = {}
    for aspect in next(iter(settings.values())):
        phrases = grouped((label, settings[variant][aspect]) for variant, label in labels.items() if variant in settings)
        said = [(phrase, names) for phrase, names in phrases.items() if phrase]
        found[aspect] = dict(sorted(said, key=lambda pair: -len(pair[1])))
    return found


def forms(claims: Iterable[Claim]) -> Mapping[str, int]:
    """Return the form of each test with its margin, and the number of claims tested by it; exact claims are left out."""
    return Counter(_form(claim) for claim in claims if not claim.is_exact)


def tests(claims: Iterable[Claim], notes: Iterable[str]) -> Mapping[str, bool]:
    """Return which statistics the claims that vary by seed rest on, beside one-sided t tests; `notes` are those of their table."""
    kinds = {claim.test for claim in claims if not claim.is_exact}
    return {
        "are_unpaired": any(WELCH in note for note in notes),
        "have_ratios": "ratio" in kinds,
        "have_margins": not kinds.isdisjoint({"equals", "equivalent", "ratio"}),
        "are_of_single_runs": "single_run" in kinds,
    }


def _form(claim: Claim) -> str:
    margin = f"{claim.margin:,g}"
    if claim.test in ("greater", "less") and len(claim.quantities) == 1:
        bound = claim.target + (claim.margin if claim.test == "greater" else -claim.margin)
        return f"a mean {'exceeds' if claim.test == 'greater' else 'falls below'} {bound:,g}"
    is_negative = claim.test == "less" and claim.margin
    return FORMS[claim.test].format(margin=f"\N{MINUS SIGN}{margin}" if is_negative else margin, target=f"{claim.target:,g}")


def study(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is said of the data, from the params of the step."""
    data, (height, width, channels) = settings["dataset"], settings["format"]["shape"]
    return {
        "kind": data.get("kind", "cifar10"),
        "images": f"{height}\N{MULTIPLICATION SIGN}{width} pixels and {_count(channels, 'channel')}",
        "classes": len(settings["format"]["classes"]),
        "standardise": data.get("standardise", "pixel"),
        "split_seed": data["split_seed"],
        "counts": {split: f"{count:,}" for split, count in settings["images"].items()},
        "is_subset": bool(data["subset"]),
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _listed(values: Iterable[object]) -> str:
    *most, last = map(str, values)
    return f"{', '.join(most)} and {last}" if most else last
