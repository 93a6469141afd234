"""Steps as their rules and the study declare them. A step is a job of a rule that writes a stamp."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from convnets.freshness import fingerprint
from convnets.freshness.fingerprint import Components
from convnets.runs.layout import SEED
from convnets.study.configuration import Configuration

TRAINING = "train_variant"  # its stamp is that of a run: settings, seed, data and code
JOB, MARK, STAMP = "job", "stale", "stamp"  # the names that a step's job file, the marker and the stamp have in a rule
UNCOUNTED = ("place",)  # params left out of fingerprints: the place of the data, whose content counts


@dataclass(frozen=True)
class Step:
    """One job of the workflow: the components of its fingerprint, its inputs, its outputs, and params that do not count."""

    rule: str
    key: str
    components: Components
    inputs: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, tuple[str, ...]]
    uncounted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stamp(self) -> Path:
        """The file of its stamp."""
        return Path(self.outputs[STAMP][0])

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its outputs without its stamp."""
        return tuple(Path(file) for name, files in self.outputs.items() if name != STAMP for file in files)

    @cached_property
    def fingerprint(self) -> str:
        """The digest of the components."""
        return fingerprint.digest(self.components)


class Declarations:
    """The rules, as Snakemake offers them to a Snakefile, with the study's folders and the values of its wildcards.

    `prefix` is what another workflow that imports this one puts before all paths; empty if there is none.
    """

    def __init__(self, rules: Any, study: Configuration, prefix: str = "") -> None:  # noqa: ANN401
        self.study, self._prefix = study, prefix
        self.checks: dict[str, Callable[[Any], Iterable[str]] | None] = {}  # by rule: further reasons for which its steps are stale
        self.may_be_missing = ""  # the file that only stale trainings need
        self._rules = rules
        self.step = cache(self._read)  # the step with a key, as its rule declares it
        self._values = {"comparison": list(study.comparisons), "variant": list(study.variants), "seed": list(map(str, study.seeds))}

    def keys(self, rule: str) -> list[str]:
        """Return the keys of a rule's steps."""
        names = self._wildcards(getattr(self._rules, rule).output[STAMP])
        return [key_of(rule, dict(zip(names, values, strict=True))) for values in product(*(self._values[name] for name in names))]

    def _wildcards(self, pattern: str) -> list[str]:
        """Return the wildcards of a pattern, in the order in which they stand in keys."""
        return [name for name in self._values if f"{{{name}}}" in pattern]

    def _read(self, key: str) -> Step:
        rule, *values = key.split("/")
        declared = getattr(self._rules, rule)
        patterns = {name: listed(files) for name, files in declared.output.items()}
        names = self._wildcards(patterns[STAMP][0])
        wildcards = {name: value.removeprefix(SEED if name == "seed" else "") for name, value in zip(names, values, strict=True)}
        outputs = {name: tuple(self.path(file.format(**wildcards)) for file in files) for name, files in patterns.items()}
        if rule == TRAINING:
            variant, seed = wildcards["variant"], int(wildcards["seed"])
            components = fingerprint.run_components(self.study.variants[variant], seed, self.study.dataset)
            return Step(rule, key, components, {}, outputs)
        given = SimpleNamespace(**wildcards)
        settings = {name: value(given) if callable(value) else value for name, value in declared.params.items() if name != JOB}
        uncounted = {name: settings.pop(name) for name in UNCOUNTED if name in settings}
        inputs = {
            name: tuple(map(self.path, listed(files(given) if callable(files) else files)))
            for name, files in declared.input.items()
            if name != MARK
        }
        places = {"inputs": self._places(inputs), "outputs": self._places(outputs)}
        return Step(rule, key, fingerprint.step_components(rule, settings, places), inputs, outputs, uncounted)

    def path(self, path: str) -> str:
        """Return a path in its normal form, with its folders in place of `<results>` and the like."""
        for name, folder in self.study.folders.items():
            path = path.replace(f"{self._prefix}<{name}>", folder).replace(f"<{name}>", folder)
        return os.path.normpath(path)  # a folder may be written `./out/`

    def _places(self, files: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Return the place of each name's file, relative to the study's folders; for several files, their number and a digest."""
        found = {}
        for name, paths in files.items():
            places = [self._place(path) for path in paths]
            found[name] = places[0] if len(places) == 1 else f"{len(places)} files, {fingerprint.digest({'files': places})[:16]}"
        return found

    def _place(self, path: str) -> str:
        for name, folder in self.study.folders.items():
            if path.startswith(f"{folder}/"):
                return f"<{name}>{path.removeprefix(folder)}"
        return path


def key_of(rule: str, wildcards: Any) -> str:  # noqa: ANN401
    """Return the key of the step that a rule makes with these wildcards."""
    values = (f"{SEED}{value}" if name == "seed" else str(value) for name, value in wildcards.items())
    return "/".join([rule, *values])


def listed(files: Any) -> list[str]:  # noqa: ANN401
    """Return one path, or several, as a list of texts."""
    return [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]
