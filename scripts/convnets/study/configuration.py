"""The configuration: checked as a whole before any job starts, and resolved for the steps.

`declaration` checks keys one by one, `contradictions` several keys together. Every message names the key by its path in the file,
says what is allowed, and suggests the nearest name for a misspelt one.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from convnets import settings
from convnets.data.images import Description
from convnets.errors import InputError
from convnets.networks import formulas
from convnets.runs import reading
from convnets.runs.layout import Layout
from convnets.settings import Settings
from convnets.study import comparisons, contradictions, grids, messages
from convnets.study.claims import Claim
from convnets.study.comparisons import Comparison
from convnets.study.declaration import Dataset, Declaration, Looks
from convnets.study.places import frozen_of, name_of
from convnets.study.quantities import study_of
from convnets.study.stores import DATABASE, SQLITE, Membership, Plan, Store, own_database


@dataclass(frozen=True)
class Configuration:
    """A valid configuration, resolved.

    `title` heads the overview, `replicates` names the published source that the study redoes, or is None, and `folders` are those
    of results, logs and so on, by their names in rules. `depends_on_host`: whether a variant leaves its precision to the processor.
    `accuracies` are those in the table of convergence. `looks` are the number of the present look and the numbers of seeds of all
    planned ones (none: the seeds are a list). `data` declares the images, `described` is what is known of them, and `images` their
    number in each split. `store` is where runs are tracked, `artifacts` the folder of the artifacts (None with a server, which
    keeps them), and `reuse` whether tracked runs are reused. `runs_from` is the folder of given runs; None if runs are trained.
    `studies` holds the results folders of other studies by id. `frozen` is the file of the claims as they were frozen, if any.
    """

    title: str
    replicates: str | None
    folders: Mapping[str, str]
    variants: Mapping[str, Settings]
    depends_on_host: bool
    labels: Mapping[str, str]
    comparisons: Mapping[str, Comparison]
    claims: tuple[Claim, ...]
    accuracies: tuple[float, ...]
    seeds: tuple[int, ...]
    looks: tuple[int, tuple[int, ...]]
    data: Dataset
    described: Description
    images: Mapping[str, int]
    memory: Mapping[str, str] | None
    store: Store
    artifacts: Path | None
    reuse: bool
    runs_from: Path | None
    studies: Mapping[str, Path]
    frozen: Path

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The identity of the images and how they are split, as fingerprints cover it."""
        return {**self.data.identity, **self.data.split}

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return Path(self.folders["results"])

    @property
    def layout(self) -> Layout:
        """The paths under the folder of the results."""
        return Layout(self.results)

    @property
    def runs(self) -> Layout:
        """The paths of its finished runs: of those given, or of its own."""
        return Layout(self.runs_from or self.results)

    @property
    def plan(self) -> Plan:
        """The plan of tracking."""
        titles: dict[str, dict[str, str]] = {name: {} for name in self.labels}
        for name, comparison in self.comparisons.items():
            for member in comparison.members:
                if member.variant in titles:  # not of another study
                    titles[member.variant][name] = comparison.title
        return Plan(self.store, self.reuse, {name: Membership(label, titles[name]) for name, label in self.labels.items()})

    @property
    def in_report(self) -> list[str]:
        """The ids of the comparisons in the order of the figures that they redraw; those that redraw none come last."""
        numbers = {name: re.search(r"\d+", comparison.figure) for name, comparison in self.comparisons.items()}
        places = {name: float(number[0]) if number else math.inf for name, number in numbers.items()}
        return sorted(self.comparisons, key=lambda name: (places[name], name))

    @property
    def published(self) -> dict[str, list[str]]:
        """The files of published curves, empty for that of the replicated report, each with the figures of it that are drawn."""
        found: dict[str, list[str]] = {}
        for each in (comparison.published for comparison in self.comparisons.values() if comparison.published):
            found.setdefault(each.curves, []).extend(figure for figure in each.figures if figure not in found.get(each.curves, []))
        return found

    def require_own_runs(self) -> None:
        """Raise an `InputError` if `runs_from` is set: given runs are not tracked here."""
        if self.runs_from:
            raise InputError(f"runs_from is {self.runs_from}: runs that were trained elsewhere are not tracked here")

    def training_operations(self, variant: str) -> int | None:
        """Return the floating-point operations of a training; None if they are not known, as of an own network without a run."""
        settings = self.variants[variant]
        if settings.own.network:
            flops = reading.flops_of(self.layout.run(variant, seed) for seed in self.seeds)
        else:
            flops = formulas.training_flops(settings.network, self.described.format)
        return None if flops is None else self.images["train"] * settings.training.epochs * flops

    def variants_of_claims(self) -> list[str]:
        """Return the variants that claims are about, by id; those of other studies are written `study:variant`."""
        return sorted({variant for claim in self.claims for variant in claim.variants})

    def variants_elsewhere(self) -> list[str]:
        """Return the variants of other studies that claims and comparisons name, as `study:variant`."""
        drawn = (member.variant for comparison in self.comparisons.values() for member in comparison.members)
        return sorted({variant for variant in (*drawn, *self.variants_of_claims()) if study_of(variant)[0]})


def resolve(config: Mapping[str, Any], prefix: str = "") -> Configuration:
    """Check a configuration, as `check` does, and resolve it. The prefix, such as `part/`, stands before its folders."""
    declared = check(config, prefix)
    variants = dict(sorted(declared.variants.items()))  # by id, since merging two files does not keep their order
    labels = {name: variant.label for name, variant in variants.items()}
    members = {name: grids.members(name, grid) for name, grid in declared.grids.items()}
    in_words = {name: {member: grids.label(values) for member, values in found.items()} for name, found in members.items()}
    own = own_database(Path(declared.pathvars.results))
    store = Store(declared.tracking.uri or f"{SQLITE}{own}", declared.tracking.experiment)
    has_server = not store.database and not DATABASE.match(store.uri)  # which keeps the artifacts
    return Configuration(
        title=declared.title or name_of(declared.study) or "Networks compared",
        replicates=declared.replicates,
        folders={name: str(Path(folder)) for name, folder in declared.pathvars.model_dump().items()},
        variants={
            name: settings.resolve(declared.network, declared.training, variant.changes()) for name, variant in variants.items()
        },
        depends_on_host="auto" in (declared.training.precision, *(variant.precision for variant in variants.values())),
        labels=labels,
        comparisons={
            name: comparisons.resolve(name, value, labels, in_words) for name, value in sorted(declared.comparisons.items())
        },
        claims=tuple(sorted((claim.with_members(members) for claim in declared.claims.values()), key=_in_report)),
        accuracies=tuple(sorted(declared.convergence.accuracies)),
        seeds=tuple(sorted(contradictions.seeds_of(declared))),
        looks=(declared.seeds.look, declared.seeds.looks) if isinstance(declared.seeds, Looks) else (1, ()),
        data=declared.dataset,
        described=declared.dataset.describe(),
        images=contradictions.split_sizes(declared.dataset),
        memory=declared.memory.model_dump() if declared.memory else None,
        store=store,
        artifacts=None if has_server else (store.database or own).parent / "artifacts",
        reuse=declared.tracking.reuse,
        runs_from=Path(declared.runs_from) if declared.runs_from else None,
        studies={name: Path(folder) for name, folder in declared.studies.items()},
        frozen=frozen_of(declared.study),
    )


def check(config: Mapping[str, Any], prefix: str = "") -> Declaration:
    """Return what a configuration declares, with the members of grids among its variants and the prefix before its folders.

    An InputError lists everything that is wrong with the configuration, one line each.
    """
    for name in ("variants", "grids", "comparisons", "claims"):
        if isinstance(section := config.get(name), Mapping):  # merging files cannot remove a key, so null does
            config = {**config, name: {key: value for key, value in section.items() if value is not None}}
    try:
        declared, problems = grids.expand(Declaration.model_validate(config).under(prefix))
        problems += contradictions.find(declared)
    except ValidationError as error:
        problems = list(messages.explain(error, config))
    if problems:
        raise InputError("the configuration cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return declared


def _in_report(claim: Claim) -> tuple[bool, list[int], str, float, str]:
    """Return the sort key of a claim: numbered sections first ("2.1" before "10"), then by name; within one by `order`, then id."""
    parts = claim.section.split(".")
    numbers = [int(part) for part in parts] if all(map(str.isdecimal, parts)) else []
    return not numbers, numbers, claim.section, math.inf if claim.order is None else claim.order, claim.id
