"""Fingerprints: the digest of all that can change a step's result, apart from the content of its inputs.

A run's fingerprint covers its settings, its seed, the data, the code that training executes and the versions of the libraries that
compute. Any other step's covers its params, the names and places of its inputs and outputs, its code and its libraries.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from convnets.data import kinds
from convnets.freshness import code
from convnets.settings import Settings

VERSION = 5  # raise it when a fingerprint covers something else, or lays it out otherwise
# The code of a run: training, writing its files, and preparing the data set.
TRAINING_ENTRIES = ("convnets.training.outcome", "convnets.data.dataset")
SHOWN = 100  # characters of a changed value in a message
NAMES = {"settings": "setting", "libraries": "library", "inputs": "input", "outputs": "output"}  # singular, for messages

Components = Mapping[str, Any]


def digest(value: Components) -> str:
    """Return the SHA-256 of a value's canonical JSON, hexadecimal."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def to_json(value: Components) -> str:
    """Return a value as canonical JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def run_components(settings: Settings, seed: int, dataset: Mapping[str, Any]) -> Components:
    """Return the components of a run's fingerprint.

    `dataset` is the identity of the images, and how they are split. Together with the code that prepares them, this determines the
    data. So a run's fingerprint is known before the data set exists.
    """
    counted = code.code_of(*TRAINING_ENTRIES, kinds.KINDS[dataset.get("kind", kinds.NEUTRAL)])
    if settings.own.network:
        own = code.code_of_network(settings.own.file)
        counted = {name: {**own[name], **part} for name, part in counted.items()}
    return {"version": VERSION, "settings": settings.canonical(), "seed": seed, "data": dataset, **counted}


def step_components(script: str, settings: Mapping[str, Any], files: Mapping[str, Any]) -> Components:
    """Return the components of the fingerprint of a step other than a training.

    `settings` are the params of its rule, `files` the places of its `inputs` and `outputs`, by name.
    """
    return {"version": VERSION, "settings": settings, **files, **code.code_of(script)}


def of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the argument `dataset` of `run_components`, from the manifest of a prepared data set."""
    names = ("validation_fraction", "split_seed", "subset", "standardise")
    return {**manifest["identity"], **{name: manifest[name] for name in names if name in manifest}}


def changes(old: Components, new: Components) -> list[str]:
    """Describe each difference between two sets of components in words."""
    old, new = (json.loads(json.dumps(value)) for value in (old, new))
    if old.get("version") != new.get("version"):
        return [f"what a fingerprint covers: version {old.get('version')} -> {new.get('version')}"]
    found = []
    for section in ("settings", "seed", "data", "inputs", "outputs", "libraries"):
        for path, before, after in _differences(old.get(section, {}), new.get(section, {})):
            name = NAMES.get(section, section)
            found.append(f"{name} {path}: {_show(before, after)}".replace(f"{section} : ", f"{section}: "))
    for name, before, after in _differences(old.get("modules", {}), new.get("modules", {})):
        verb = "is imported now" if before is _ABSENT else "is no longer imported" if after is _ABSENT else "changed"
        found.append(f"code: {name} {verb}")
    return found


_ABSENT = object()


def _differences(old: object, new: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield the path, the old and the new value of each leaf that differs between two nested mappings.

    List entries that have an id are compared by it, so that one entry more or less is one difference.
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
    """Return the entries of a list by the id that each bears, or None where not all have one of their own."""
    if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
        for key in ("id", "variant"):
            names = [str(entry.get(key)) for entry in value]
            if len({*names, str(None)}) == len(names) + 1:
                return dict(zip(names, value, strict=True))
    return None


def _show(old: object, new: object) -> str:
    """Return two values as text; long ones are cut to the place where they begin to differ."""
    texts = ["nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False) for value in (old, new)]
    same = next((index for index, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    start = max(0, same - SHOWN // 2) if max(map(len, texts)) > SHOWN else 0
    cut = [("…" if start else "") + text[start : start + SHOWN] + ("…" if text[start + SHOWN :] else "") for text in texts]
    return " -> ".join(cut)
