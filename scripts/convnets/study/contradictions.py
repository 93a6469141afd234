"""Contradictions between keys of a configuration."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, product
from pathlib import Path
from urllib.parse import urlsplit

from convnets import settings
from convnets.errors import InputError, suggest
from convnets.report2021 import errata
from convnets.runs import reading
from convnets.runs.layout import HISTORY, METRICS, Layout
from convnets.settings import Optimizer, keras_names
from convnets.study import claims, credentials, declared_comparisons, grids, own_networks
from convnets.study.declaration import Dataset, Declaration, Looks, Variant
from convnets.study.places import name_of
from convnets.study.stores import DATABASE, SQLITE, own_database

ENGINES = ("postgresql", "mysql", "mssql")  # databases that MLflow can use, besides SQLite
# Folders of a study's results. Those of config.yaml lie in `results`, beside the results of other studies.
INNER = ("data", "figures", "mlflow", "reference", "report", "runs", "stamps", "tables", "tracking", "unfinished")


def find(declared: Declaration) -> Iterator[str]:
    """Yield one message per contradiction between keys that are valid one by one."""
    if name_of(declared.study) in INNER and Path(declared.pathvars.results).parent == Path("results"):
        remedy = "name the file otherwise, or set pathvars.results"
        yield f"the results of {declared.study} would lie within those of config.yaml; {remedy}"
    if isinstance(declared.seeds, Looks):
        yield from _of_looks(declared.seeds)
    members = {name: grids.members(name, grid) for name, grid in declared.grids.items()}
    known = list(dict.fromkeys([*declared.variants, *chain.from_iterable(members.values())]))
    try:
        declared.dataset.describe()
    except InputError as error:
        yield str(error)
        return  # what follows compares settings with the data
    yield from _of_data(declared)
    if not declared.network.kernel_size:
        yield "network.kernel_size is 0, below the minimum of 1"
    yield from _of_optimizer("training", declared.training.optimizer)
    yield from _of_variants(declared, members)
    studies = {name: reading.runs_by_variant(Path(folder)) for name, folder in declared.studies.items()}
    folders: dict[Path, str] = {}
    for name, found in studies.items():
        if (other := folders.setdefault(Path(declared.studies[name]).resolve(), name)) != name:
            yield f"studies.{name} is the folder of studies.{other}; name each folder once"
        if not found:
            yield f"studies.{name} is {declared.studies[name]}, which holds no finished runs: no runs/VARIANT/seedN with all files"
    for name, comparison in declared.comparisons.items():
        yield from declared_comparisons.problems(name, comparison, known, members, studies, declared.replicates)
    yield from claims.problems(declared.claims, known, members, studies)
    yield from own_networks.problems_of_claims(declared)
    for name, claim in declared.claims.items():
        if claim.erratum and not declared.replicates:
            yield f"claims.{name}.erratum names an erratum of the report of 2021; set replicates: report2021, or leave it out"
        for erratum in claim.erratum:
            if erratum not in errata.ids():
                yield f"claims.{name}.erratum names {erratum!r}, which is no erratum{suggest(erratum, errata.ids())}"
    for head, name in declared.memory or ():
        variant = declared.variants.get(name)
        if name not in known:
            yield f"memory.{head} names {name!r}, which is no variant{suggest(name, known)}"
        elif variant and (found := variant.changes().get("head", declared.network.head)) != head:
            yield f"memory.{head} names {name}, whose head is {found}; name a variant with head: {head}"
    for name, seed in product(known, seeds_of(declared)) if declared.runs_from else ():
        run = Layout(Path(declared.runs_from or "")).run(name, seed)
        if missing := [name for name in (HISTORY, METRICS) if not (run / name).is_file()]:
            yield f"runs_from is {declared.runs_from}, which has no {' and no '.join(missing)} in runs/{name}/{run.name}"
    yield from _of_tracking(declared.tracking.uri or "", own_database(Path(declared.pathvars.results)))


def seeds_of(declared: Declaration) -> tuple[int, ...]:
    """Return the seeds of a study, those of the present look where looks are planned."""
    return declared.seeds.seeds if isinstance(declared.seeds, Looks) else declared.seeds


def _of_looks(seeds: Looks) -> Iterator[str]:
    if list(seeds.looks) != sorted(seeds.looks):
        yield f"seeds.looks is {list(seeds.looks)}; the numbers of seeds should grow from look to look"
    if seeds.look > len(seeds.looks):
        yield f"seeds.look is {seeds.look}; seeds.looks plans {len(seeds.looks)}, and another look would have no share of the error"
    if seeds.first + max(seeds.looks) > 2**32:
        yield f"seeds.from is {seeds.first}, so the last seed would be above 4294967295"


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


def _of_variants(declared: Declaration, members: Mapping[str, Mapping[str, grids.Values]]) -> Iterator[str]:
    """Yield what is wrong with variants; of a member of a grid, only what is not wrong with the variant that it comes from."""
    grid_of = {member: name for name, found in members.items() for member in found}
    said: set[str] = set()
    labels: dict[str, str] = {}
    for name, variant in declared.variants.items():
        if (other := labels.setdefault(variant.label, name)) != name and name not in grid_of:
            yield f"variants.{name}.label is {variant.label!r}, as that of {other}; figures and tables could not tell the two apart"
        if name not in grid_of:
            said.update(found := list(_of_variant(f"variants.{name}", variant, declared)))
            yield from found
            continue
        grid = grid_of[name]
        values = members[grid][name]
        for problem in _of_variant("", variant, declared):
            is_varied = any(grids.overlap(problem[1:].split()[0], key) for key in values)
            text = f"{f'grids.{grid}.vary' if is_varied else f'variants.{declared.grids[grid].origin}'}{problem}"
            if text not in said:
                said.add(text)
                yield f"{text} (in the member of grids.{grid} with {grids.assignment(values)})"


def _of_variant(where: str, variant: Variant, declared: Declaration) -> Iterator[str]:
    changes = variant.changes()
    if variant.network:
        yield from own_networks.problems(where, variant)
    elif variant.arguments:
        yield f"{where}.arguments has no effect without {where}.network; remove it"
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
    if "optimizer" in changes:
        yield from _of_optimizer(where, training.optimizer)
    images = split_sizes(declared.dataset)["train"]
    if training.batch_size > images:
        yield f"{where}.batch_size is {training.batch_size:,}; there are only {images:,} training images"


def _of_optimizer(where: str, optimizer: Optimizer) -> Iterator[str]:
    if optimizer.momentum and keras_names.momentum_of(optimizer.name) is None:
        yield f"{where}.optimizer.momentum has no effect with {optimizer.name}; set it to 0"
    for key, wrong in keras_names.problems("optimizers", keras_names.OPTIMIZERS[optimizer.name], optimizer.arguments):
        yield f"{where}.optimizer.{key} {wrong}"


def _of_tracking(uri: str, own: Path) -> Iterator[str]:
    """Yield what is wrong with the address of a store. Messages do not repeat the address, since it may hold a password."""
    if uri and not (uri.startswith((SQLITE, "http://", "https://")) or DATABASE.match(uri)):
        yield "tracking.uri should be the address of a server (http://, https://), an SQLite file (sqlite:///PATH) or a database"
    elif uri.startswith("http") and not _names_host(uri):
        yield "tracking.uri should name a host, with a port up to 65535 if any, and hold no space: http://HOST:PORT"
    elif found := credentials.held_by(uri):
        names = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        if DATABASE.match(uri):
            names = "PGPASSWORD, say, or in a file of the database's own, as ~/.pgpass"
        yield f"tracking.uri holds {found}; give it in the environment: {names}"
    elif uri.startswith(SQLITE) or not uri:
        yield from _of_file(uri.removeprefix(SQLITE) if uri else str(own))
    elif DATABASE.match(uri):
        yield from _of_driver(uri)


def _names_host(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", uri)
    except ValueError:  # no port, or no IPv6 address
        return False


def _of_file(path: str) -> Iterator[str]:
    """Yield why this cannot be the file of an SQLite store."""
    file = Path(path)
    above = next(parent for parent in file.absolute().parents if parent.exists())
    if re.search(r"^~|\$", path):
        yield "tracking.uri should hold the whole path; neither ~ nor variables are expanded in it"
    elif "?" in path:
        yield f"the tracking store cannot be {path}: MLflow takes what follows a question mark for options"
    elif path in ("", ":memory:") or path.endswith("/") or file.is_dir():
        yield "tracking.uri names no file; give it as sqlite:///PATH/mlflow.db"
    elif not above.is_dir():
        yield f"the tracking store cannot be {path}, since {above} is no folder"


def _of_driver(uri: str) -> Iterator[str]:
    """Yield why MLflow cannot reach this database, as far as that is known without trying."""
    from sqlalchemy import exc, make_url  # takes a third of a second, which a study without a database need not wait for

    try:
        url = make_url(uri)
        if url.get_backend_name() not in ENGINES:
            yield f"tracking.uri names a database that MLflow cannot use; it can use {', '.join(ENGINES)}"
        else:
            url.get_dialect().import_dbapi()
    except ImportError as error:
        yield f"tracking.uri needs the Python module {error.name}, which is not installed; install it into the environment"
    except (exc.ArgumentError, ValueError):
        yield "tracking.uri should be written as postgresql://USER@HOST:PORT/DATABASE"
