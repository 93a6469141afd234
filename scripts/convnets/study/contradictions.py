"""Contradictions between keys of a configuration."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from convnets import settings
from convnets.errors import InputError, suggest
from convnets.runs.layout import HISTORY, METRICS, Layout
from convnets.study import claims, credentials
from convnets.study.declaration import Comparison, Dataset, Declaration, Variant
from convnets.study.stores import DATABASE, SQLITE, own_database

RESERVED = {"vgg16": "the drawing of VGG-16", "overview": "MLflow's view of all runs"}  # names that no comparison may have


def find(declared: Declaration) -> Iterator[str]:
    """Yield one message per contradiction between keys that are valid one by one."""
    known = list(declared.variants)
    try:
        declared.dataset.describe()
    except InputError as error:
        yield str(error)
        return  # what follows compares settings with the data
    yield from _of_data(declared)
    if not declared.network.kernel_size:
        yield "network.kernel_size is 0, below the minimum of 1"
    for name, variant in declared.variants.items():
        yield from _of_variant(f"variants.{name}", variant, declared)
    for name, comparison in declared.comparisons.items():
        yield from _of_comparison(name, comparison, known)
    yield from claims.problems(declared.claims, known)
    for head, variant in declared.memory.model_dump().items():
        if variant not in known:
            yield f"memory.{head} names {variant!r}, which is no variant{suggest(variant, known)}"
        elif (found := declared.variants[variant].changes().get("head", declared.network.head)) != head:
            yield f"memory.{head} names {variant}, whose head is {found}; name a variant with head: {head}"
    for name, seed in product(known, declared.seeds) if declared.runs_from else ():
        run = Layout(Path(declared.runs_from or "")).run(name, seed)
        if missing := [name for name in (HISTORY, METRICS) if not (run / name).is_file()]:
            yield f"runs_from is {declared.runs_from}, which has no {' and no '.join(missing)} in runs/{name}/{run.name}"
    yield from _of_tracking(declared.tracking.uri or "", own_database(Path(declared.pathvars.results)))


def split_sizes(dataset: Dataset) -> dict[str, int]:
    """Return the number of images of each split."""
    return dataset.subset.model_dump() if dataset.subset else _all_images(dataset)


def _all_images(dataset: Dataset) -> dict[str, int]:
    counts = dataset.describe().counts
    held_out = round(counts["train"] * dataset.validation_fraction)
    return {"train": counts["train"] - held_out, "validation": held_out, "test": counts["test"]}


def _of_data(declared: Declaration) -> Iterator[str]:
    sizes = _all_images(declared.dataset)
    if not sizes["validation"] or not sizes["train"]:
        yield f"dataset.validation_fraction leaves {sizes['train']:,} training and {sizes['validation']:,} validation images"
    for split, count in split_sizes(declared.dataset).items():
        if count > sizes[split]:
            yield f"dataset.subset.{split} is {count:,}; there are only {sizes[split]:,} images"
    kind = declared.dataset.kind
    if declared.dataset.size and kind != "images":
        yield f"dataset.size has no effect with dataset.kind {kind}; remove it"
    batches = Path(declared.pathvars.resources, "cifar10").resolve()
    if kind == "cifar10" and Path(declared.dataset.source).resolve() == batches:
        yield f"dataset.source is {batches}, where the batches are brought to; move them to another folder and name that"


def _of_variant(where: str, variant: Variant, declared: Declaration) -> Iterator[str]:
    changes = variant.changes()
    resolved = settings.resolve(declared.network, declared.training, changes)
    network, training = resolved.network, resolved.training
    side = min(declared.dataset.describe().format.shape[:2])
    if len(network.filters) > (most := side.bit_length() - 1):
        sides = ", ".join(str(side >> times) for times in range(most + 1))
        yield (
            f"{where}.filters has {len(network.filters)} blocks, but {side} pixels can be halved only {most} times: {sides}; "
            f"at most {most} filters are allowed"
        )
    if changes.get("kernel_size") == 0:
        yield f"{where}.kernel_size is 0, below the minimum of 1"
    if network.head == "conv1x1":
        if not network.filters:
            yield f"{where}.head is conv1x1, which needs convolution blocks; give filters, or use head: dense for an MLP"
        for key in ("dense_units", "dropout"):
            if key in changes:
                yield f"{where}.{key} has no effect with head: conv1x1, which has no fully connected layer; remove it"
    if not network.filters and "kernel_size" in changes:
        yield f"{where}.kernel_size has no effect without convolution blocks; remove it"
    if network.head == "dense" and not network.dense_units and "dropout" in changes:
        yield f"{where}.dropout has no effect with dense_units: []; remove it"
    if training.optimizer.name == "adam" and training.optimizer.momentum:
        yield f"{where}.optimizer.momentum has no effect with adam; set it to 0"
    images = split_sizes(declared.dataset)["train"]
    if training.batch_size > images:
        yield f"{where}.batch_size is {training.batch_size:,}; there are only {images:,} training images"


def _of_comparison(name: str, comparison: Comparison, known: list[str]) -> Iterator[str]:
    where = f"comparisons.{name}"
    if name in RESERVED:
        yield f"{where} would overwrite {RESERVED[name]}; name the comparison otherwise"
    for variant in comparison.variants:
        if variant not in known:
            yield f"{where}.variants names {variant!r}, which is no variant{suggest(variant, known)}"
    for key, section in (("labels", comparison.labels), ("colors", comparison.colors)):
        for variant in section:
            if variant not in known:  # one that is merely not shown may stay, since merging files cannot remove it
                yield f"{where}.{key}.{variant} is no variant{suggest(variant, known)}"


def _of_tracking(uri: str, own: Path) -> Iterator[str]:
    """Yield what is wrong with the address of a store. Messages do not repeat the address, since it may hold a password."""
    if found := credentials.held_by(uri):
        names = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        if DATABASE.match(uri):
            names = "PGPASSWORD, say, or in a file of the database's own, as ~/.pgpass"
        yield f"tracking.uri holds {found}; give it in the environment: {names}"
    elif uri and not (uri.startswith((SQLITE, "http://", "https://")) or DATABASE.match(uri)):
        yield "tracking.uri should be the address of a server (http://, https://), an SQLite file (sqlite:///PATH) or a database"
    elif uri.startswith(SQLITE) and re.search(r"^~|\$", uri.removeprefix(SQLITE)):
        yield "tracking.uri should hold the whole path; neither ~ nor variables are expanded in it"
    elif "?" in (database := uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else "" if uri else str(own)):
        yield f"the tracking store cannot be {database}: MLflow takes what follows a question mark for options"
