"""The configuration: checked whole before any job starts, and resolved into what each step is given.

The schema holds what can be said of one key; this module adds what several keys decide together. Every message names the key by
its path in the file, says what is allowed, and suggests the nearest name for a misspelt one.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from convnets import settings
from convnets.errors import InputError
from convnets.networks.shapes import feature_map
from convnets.runs.layout import HISTORY, METRICS, Layout
from convnets.settings import Settings
from convnets.study import claims, comparisons, credentials, schema
from convnets.study.claims import Claim
from convnets.study.comparisons import Comparison
from convnets.study.stores import SQLITE, Membership, Plan, Store, own_database
from convnets.suggestions import suggest

SPLIT_SIZES = {"train": 50_000, "test": 10_000}  # the official files; validation is held out of train
RESERVED = {"vgg16": "the drawing of VGG-16", "overview": "MLflow's view of all runs"}  # by names that no comparison may have
DATABASE = re.compile(r"(?!sqlite:)\w*(sql|postgres|oracle|mariadb)\w*(\+\w+)?:", re.IGNORECASE)  # any that is no SQLite file
REMOVABLE = ("variants", "comparisons", "claims")


@dataclass(frozen=True)
class Configuration:
    """A valid configuration, resolved: what each variant is, what each comparison shows.

    `folders` are those of results, logs and so on, by the names that they have in rules. `dataset` holds the fields of
    `dataset.DatasetSettings`, `images` the number of images of each split, `tracking` the URI,
    the experiment, for a database the folder of the artifacts, and whether tracked runs are used in place of training;
    `accuracies` are those that the table of convergence looks for. `runs_from` is the folder whose runs are taken as they are, None
    where they are trained.
    """

    folders: Mapping[str, str]
    variants: Mapping[str, Settings]
    labels: Mapping[str, str]
    comparisons: Mapping[str, Comparison]
    claims: tuple[Claim, ...]
    accuracies: tuple[float, ...]
    seeds: tuple[int, ...]
    dataset: Mapping[str, Any]
    images: Mapping[str, int]
    memory: Mapping[str, str]
    tracking: Mapping[str, str | bool | None]
    runs_from: Path | None

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return Path(self.folders["results"])

    @property
    def layout(self) -> Layout:
        """What stands where under the folder of the results."""
        return Layout(self.results)

    @property
    def members(self) -> Mapping[str, Mapping[str, Any]]:
        """What tracking is told of each variant: its label and its comparisons."""
        return {name: {"label": label, "comparisons": self.comparisons_of(name)} for name, label in self.labels.items()}

    @property
    def store(self) -> Store:
        """Where runs are tracked."""
        return Store(str(self.tracking["uri"]), str(self.tracking["experiment"]))

    @property
    def plan(self) -> Plan:
        """What tracking is told."""
        members = {name: Membership(**member) for name, member in self.members.items()}
        return Plan(self.store, bool(self.tracking["reuse"]), members)

    @property
    def in_report(self) -> list[str]:
        """The ids of the comparisons in the order of the figures that they redraw; those that redraw none come last."""
        numbers = {name: re.search(r"\d+", comparison.figure) for name, comparison in self.comparisons.items()}
        places = {name: float(number[0]) if number else math.inf for name, number in numbers.items()}
        return sorted(self.comparisons, key=lambda name: (places[name], name))

    def require_own_runs(self) -> None:
        """Raise an `InputError` where runs are given: they are not tracked here."""
        if self.runs_from:
            raise InputError(f"runs_from is {self.runs_from}: runs that were trained elsewhere are not tracked here")

    def variants_of_claims(self) -> list[str]:
        """Return the variants that claims are about, by id."""
        return sorted({variant for claim in self.claims for variant in claim.variants})

    def comparisons_of(self, variant: str) -> dict[str, str]:
        """Return the titles of the comparisons that a variant belongs to, by id."""
        return {
            name: comparison.title
            for name, comparison in self.comparisons.items()
            if any(member.variant == variant for member in comparison.members)
        }


def read(paths: Sequence[Path]) -> dict[str, Any]:
    """Read configuration files, each merged over those before it as Snakemake does.

    Raises
    ------
    InputError
        A file is missing or holds no YAML mapping.
    """
    config: dict[str, Any] = {}
    for path in paths:
        try:
            value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"the configuration file {path} cannot be read: {error}") from error
        if not isinstance(value, dict):
            raise InputError(f"the configuration file {path} holds no keys with values")
        update_config(config, value)
    return config


def resolve(config: Mapping[str, Any]) -> Configuration:
    """Check a configuration and resolve it.

    Raises
    ------
    InputError
        Listing everything that is wrong with it, one line each.
    """
    config = _without_removed(config)
    problems = list(schema.problems(config)) or list(_problems(config))
    if problems:
        raise InputError("the configuration cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    variants = dict(sorted(config["variants"].items()))  # by id, since merging two files does not keep their order
    labels = {name: str(variant["label"]) for name, variant in variants.items()}
    subset = config["dataset"]["subset"]
    results = Path(config["pathvars"]["results"])
    own = f"{SQLITE}{own_database(results)}"
    store = Store(config["tracking"]["uri"] or own, config["tracking"]["experiment"])
    return Configuration(
        folders={name: str(Path(folder)) for name, folder in config["pathvars"].items()},
        variants={name: settings.resolve(config["network"], config["training"], value) for name, value in variants.items()},
        labels=labels,
        comparisons={name: comparisons.resolve(name, value, labels) for name, value in sorted(config["comparisons"].items())},
        claims=tuple(claims.resolve(name, value) for name, value in sorted(config["claims"].items(), key=_in_report)),
        accuracies=tuple(sorted(float(accuracy) for accuracy in config["convergence"]["accuracies"])),
        seeds=tuple(sorted(int(seed) for seed in config["seeds"])),
        dataset={
            "validation_fraction": float(config["dataset"]["validation_fraction"]),
            "split_seed": int(config["dataset"]["split_seed"]),
            "subset": [int(subset[split]) for split in ("train", "validation", "test")] if subset else None,
        },
        images={name: int(count) for name, count in (subset or _split_sizes(config)).items()},
        memory=config["memory"],
        tracking={
            **asdict(store),
            "artifacts": str(_artifacts(store, results)) if store.database or DATABASE.match(store.uri) else None,
            "reuse": bool(config["tracking"]["reuse"]),
        },
        runs_from=Path(config["runs_from"]) if config["runs_from"] else None,
    )


def _artifacts(store: Store, results: Path) -> Path:
    """Return the folder of the artifacts of a store that has no server to keep them: beside its file, or with the results."""
    return (store.database or own_database(results)).parent / "artifacts"


def precision_depends_on_host(config: Mapping[str, Any]) -> bool:
    """Return whether any variant of a configuration leaves its precision to the processor."""
    trainings = [config["training"], *filter(None, config["variants"].values())]
    return any(training.get("precision") == "auto" for training in trainings)


def _in_report(claim: tuple[str, Mapping[str, Any]]) -> tuple[bool, list[int], str, float, str]:
    """Return what orders claims as the report makes them.

    Numbered sections come first ("2.1" before "10"), then those with names. Within one decides `order`, then the id: merging files
    does not keep the order in which they are written.
    """
    name, value = claim
    section, parts = value["section"], value["section"].split(".")
    numbers = [int(part) for part in parts] if all(map(str.isdecimal, parts)) else []
    return not numbers, numbers, section, value.get("order", math.inf), name


def _without_removed(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration without the variants, comparisons and claims that are null: merging files cannot remove a key."""
    sections = {name: config[name] for name in REMOVABLE if isinstance(config.get(name), Mapping)}
    kept = {name: {key: value for key, value in section.items() if value is not None} for name, section in sections.items()}
    return {**config, **kept}


def _problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one message per contradiction between keys that are valid one by one."""
    yield from _data_problems(config)
    batches = Path(config["pathvars"]["resources"], "cifar10").resolve()
    if Path(config["dataset"]["source"]).resolve() == batches:
        yield f"dataset.source is {batches}, where the batches are brought to; move them to another folder and name that"
    for name, variant in config["variants"].items():
        yield from _variant_problems(f"variants.{name}", variant, config)
    known = list(config["variants"])
    for name, what in RESERVED.items():
        if name in config["comparisons"]:
            yield f"comparisons.{name} would overwrite {what}; name the comparison otherwise"
    for name, comparison in config["comparisons"].items():
        where = f"comparisons.{name}"
        for variant in comparison["variants"]:
            if variant not in known:
                yield f"{where}.variants names {variant!r}, which is no variant{suggest(variant, known)}"
        for key in ("labels", "colors"):
            for variant in comparison.get(key, {}):
                if variant not in known:  # one that is merely not shown may stay, since merging files cannot remove it
                    yield f"{where}.{key}.{variant} is no variant{suggest(variant, known)}"
    yield from claims.problems(config["claims"], known)
    for head, variant in config["memory"].items():
        if variant not in known:
            yield f"memory.{head} names {variant!r}, which is no variant{suggest(variant, known)}"
        elif (found := {**config["network"], **config["variants"][variant]}["head"]) != head:
            yield f"memory.{head} names {variant}, whose head is {found}; name a variant with head: {head}"
    yield from _given_problems(config)
    yield from _tracking_problems(config["tracking"]["uri"] or "", own_database(Path(config["pathvars"]["results"])))


def _tracking_problems(uri: str, own: Path) -> Iterator[str]:
    """Yield what is wrong with the address of a store; without repeating it, since it may hold a password."""
    if found := credentials.held_by(uri):
        names = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        if DATABASE.match(uri):
            names = "PGPASSWORD, say, or in a file of the database's own, as ~/.pgpass"
        yield f"tracking.uri holds {found}; give it in the environment: {names}"
    elif "?" in (database := uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else "" if uri else str(own)):
        yield f"the tracking store cannot be {database}: MLflow takes what follows a question mark for options"


def _given_problems(config: Mapping[str, Any]) -> Iterator[str]:
    folder = config["runs_from"]
    for variant in config["variants"] if folder else ():
        for seed in config["seeds"]:
            run = Layout(Path(folder)).run(variant, int(seed))
            missing = [name for name in (HISTORY, METRICS) if not (run / name).is_file()]
            if missing:
                yield f"runs_from is {folder}, which has no {' and no '.join(missing)} in {run.relative_to(folder)}"


def _split_sizes(config: Mapping[str, Any]) -> dict[str, int]:
    """Return how many images each split has before a subset is taken."""
    held_out = round(SPLIT_SIZES["train"] * config["dataset"]["validation_fraction"])
    return {"train": SPLIT_SIZES["train"] - held_out, "validation": held_out, "test": SPLIT_SIZES["test"]}


def _data_problems(config: Mapping[str, Any]) -> Iterator[str]:
    sizes = _split_sizes(config)
    if not sizes["validation"] or not sizes["train"]:
        yield f"dataset.validation_fraction leaves {sizes['train']:,} training and {sizes['validation']:,} validation images"
    for split, count in (config["dataset"]["subset"] or {}).items():
        if count > sizes[split]:
            yield f"dataset.subset.{split} is {count:,}; there are only {sizes[split]:,} images"


def _variant_problems(where: str, variant: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    resolved = settings.resolve(config["network"], config["training"], variant)
    network, training = resolved.network, resolved.training
    side, _ = feature_map(network)
    if not side:
        yield (
            f"{where}.filters has {len(network.filters)} blocks, but 32 pixels can be halved only five times: 32, 16, 8, 4, 2, 1; "
            "at most 5 filters are allowed"
        )
    if network.head == "conv1x1":
        if not network.filters:
            yield f"{where}.head is conv1x1, which needs convolution blocks; give filters, or use head: dense for an MLP"
        for key in ("dense_units", "dropout"):
            if key in variant:
                yield f"{where}.{key} has no effect with head: conv1x1, which has no fully connected layer; remove it"
    if not network.filters and "kernel_size" in variant:
        yield f"{where}.kernel_size has no effect without convolution blocks; remove it"
    if network.head == "dense" and not network.dense_units and "dropout" in variant:
        yield f"{where}.dropout has no effect with dense_units: []; remove it"
    if training.optimizer.name == "adam" and training.optimizer.momentum:
        yield f"{where}.optimizer.momentum has no effect with adam; set it to 0"
    images = (config["dataset"]["subset"] or _split_sizes(config))["train"]
    if training.batch_size > images:
        yield f"{where}.batch_size is {training.batch_size:,}; there are only {images:,} training images"
