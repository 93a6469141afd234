"""What decides whether something is stale: settings, data, library versions, and the code that really makes it.

Of code the whole syntax tree of what is executed counts (`executed`), local names and log messages included: to tell a renaming
from a change takes an analysis of scopes, and a result that is wrongly kept does more harm than one that is made again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convnets import executed
from convnets.cifar10 import BATCH_SHA256
from convnets.settings import Settings

VERSION = 4  # of what a fingerprint covers and how its parts are laid out; raise it when that changes
# What a training calls of the project: the loop and what it leaves, its checkpoints, and what makes the data set.
TRAINING_ENTRIES = (
    ("outcome", ("produce",)),
    ("checkpoints", ("read", "write")),
    ("backend", ("configure",)),
    ("dataset", ("prepare", "save", "load")),
)
SHOWN = 100  # characters of a value that has changed

Components = Mapping[str, Any]


def digest(value: Components) -> str:
    """Return the SHA-256 of a value's canonical JSON, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_components(settings: Settings, seed: int, dataset: Mapping[str, Any]) -> Components:
    """Return all that can change the result of a training run; its fingerprint is the digest of this.

    Parameters
    ----------
    settings, seed
        What the run is set to.
    dataset
        How the data set is split. With the published digests of the batches and the code that prepares them it determines the
        data, so that a run's fingerprint is known before there is any.
    """
    return {
        "version": VERSION,
        "settings": asdict(settings),
        "seed": seed,
        "data": {"batches": digest(BATCH_SHA256), **dataset},
        **executed.code(*((executed.PACKAGE / f"{module}.py", names) for module, names in TRAINING_ENTRIES)),
    }


def step_components(script: Path, settings: Mapping[str, Any]) -> Components:
    """Return all that can change what a script makes of the same inputs."""
    started_by = executed.rule(script.parents[1] / "rules", script.stem)
    return {"version": VERSION, "settings": settings, "rule": started_by, **executed.code((script, ("main",)))}


def of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest of a prepared data set says of how it was split, as `run_components` takes it."""
    return {key: manifest[key] for key in ("validation_fraction", "split_seed", "subset")}


def changes(old: Components, new: Components) -> list[str]:
    """Say in words what differs between two sets of components, one entry for each difference."""
    old, new = (json.loads(json.dumps(value)) for value in (old, new))
    if old.get("version") != new.get("version"):
        return [f"what a fingerprint covers: version {old.get('version')} -> {new.get('version')}"]
    found = []
    for section in ("settings", "seed", "data", "libraries"):
        for path, before, after in _differences(old.get(section, {}), new.get(section, {})):
            name = {"settings": "setting", "libraries": "library"}.get(section, section)
            found.append(f"{name} {path}: {_show(before, after)}".replace(f"{section} : ", f"{section}: "))
    for section, *_ in _differences(old.get("rule", {}), new.get("rule", {})):
        found.append(f"code: {section} of the rule changed")
    return [*found, *_code_changes(old.get("modules", {}), new.get("modules", {}))]


def _code_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for module in sorted({*old, *new}):
        if module not in new or module not in old:
            yield f"code: module {module} is {'no longer' if module in old else 'now'} used"
            continue
        names = sorted(name for name in {*old[module], *new[module]} if old[module].get(name) != new[module].get(name))
        if names != [executed.ORDER]:  # it changes with every name that comes or goes
            names = [name for name in names if name != executed.ORDER]
        for name in names:
            what = (
                f"the {name} of {module}" if name in (executed.IMPORTS, executed.ORDER, executed.STATEMENTS) else f"{module}.{name}"
            )
            yield f"code: {what} {'is new' if name not in old[module] else 'is gone' if name not in new[module] else 'changed'}"


_ABSENT = object()


def _differences(old: object, new: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield the path, the old and the new value of each leaf that differs between two nested mappings.

    Entries of lists that have names of their own are compared by these, so that one more or less is one difference.
    """
    before, after = _by_name(old), _by_name(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else str(key))
    elif before is not None and after is not None:
        for name in {**before, **after}:
            yield from _differences(before.get(name, _ABSENT), after.get(name, _ABSENT), f"{path}[{name}]")
        orders = [name for name in before if name in after], [name for name in after if name in before]
        if orders[0] != orders[1]:
            yield f"order of {path}", *orders
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _by_name(value: object) -> Mapping[str, object] | None:
    """Return the entries of a list by the name that each bears, or None where not all have one of their own."""
    if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
        for key in ("id", "variant"):
            names = [str(entry.get(key)) for entry in value]
            if len({*names, str(None)}) == len(names) + 1:
                return dict(zip(names, value, strict=True))
    return None


def _show(old: object, new: object) -> str:
    """Show two values side by side, of long ones the place where they begin to differ."""
    texts = ["nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False) for value in (old, new)]
    same = next((index for index, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    start = max(0, same - SHOWN // 2) if max(map(len, texts)) > SHOWN else 0
    cut = [("…" if start else "") + text[start : start + SHOWN] + ("…" if text[start + SHOWN :] else "") for text in texts]
    return " -> ".join(cut)
