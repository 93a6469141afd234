"""Grids: each combination of some values of some keys, as an ordinary variant.

The id of a member, `{grid}__{last part of key}_{value}...`, names every key of `vary`, also one with a single value. So one more
value leaves the ids and the settings of the other members as they are.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain, combinations, product
from math import prod
from typing import Any

from pydantic import ValidationError

from convnets.errors import suggest
from convnets.study import messages
from convnets.study.declaration import Declaration, Grid, Variant

MOST_MEMBERS = 1000
LONGEST_ID = 100  # characters, since ids are names of folders and files

Values = Mapping[str, Any]  # those of a member, by the keys of `vary`


def members(name: str, grid: Grid) -> dict[str, Values]:
    """Return the values of each member by its id, the last key varying fastest; empty if they are more than `MOST_MEMBERS`."""
    return dict(_combinations(name, grid))


def expand(declared: Declaration) -> tuple[Declaration, list[str]]:
    """Return a declaration whose variants include the members of its grids, and one message for each thing wrong with a grid.

    Members that are not valid are left out.
    """
    made: dict[str, Variant] = {}
    wrong = {name: list(_problems(name, grid, declared)) for name, grid in declared.grids.items()}
    sound = {name: grid for name, grid in declared.grids.items() if not wrong[name]}
    problems = [*chain.from_iterable(wrong.values()), *_problems_of_ids(declared, sound)]
    for name, grid in sound.items():
        origin = declared.variants[grid.origin]
        for member, values in members(name, grid).items():
            changes = {**_changed(origin.changes(), values), "label": f"{origin.label}, {label(values)}"}
            try:
                made[member] = Variant.model_validate(changes)
            except ValidationError as error:
                problems += messages.explain(error, changes, ("variants", member), partial(_place, name, grid, values))
    return declared.model_copy(update={"variants": {**declared.variants, **made}}), list(dict.fromkeys(problems))


def label(values: Values) -> str:
    """Return the values of a member in words: "learning rate 0.001, dropout 0.5"."""
    return ", ".join(f"{key.rpartition('.')[2].replace('_', ' ')} {_readable(value)}" for key, value in values.items())


def assignment(values: Values) -> str:
    """Return the values of a member as its file has them: "optimizer.learning_rate: 0.001, dropout: 0.5"."""
    return ", ".join(f"{key}: {_readable(value)}" for key, value in values.items())


def _combinations(name: str, grid: Grid) -> Iterator[tuple[str, Values]]:
    for combination in product(*grid.vary.values()) if prod(map(len, grid.vary.values())) <= MOST_MEMBERS else ():
        values = dict(zip(grid.vary, combination, strict=True))
        yield "__".join([name, *(_id_part(key, value) for key, value in values.items())]), values


def _changed(changes: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return the changes of a variant with each value in its place; a value replaces what stood there, whatever it was."""
    changed = dict(changes)
    for key, value in values.items():
        first, _, rest = key.partition(".")
        inner = changed.get(first)
        changed[first] = _changed(inner if isinstance(inner, Mapping) else {}, {rest: value}) if rest else value
    return changed


def _problems(name: str, grid: Grid, declared: Declaration) -> Iterator[str]:
    """Yield what prevents the expansion of a grid."""
    where = f"grids.{name}"
    if grid.origin not in declared.variants:
        known = suggest(grid.origin, list(declared.variants))
        yield f"{where}.from names {grid.origin!r}, which is no variant{known} ({where}: null leaves the grid out)"
    if (size := prod(map(len, grid.vary.values()))) > MOST_MEMBERS:
        yield f"{where}.vary makes {size:,} variants, above the maximum of {MOST_MEMBERS:,}; vary fewer keys or values"
    for one, other in combinations(grid.vary, 2):
        if overlap(one, other):
            yield f"{where}.vary.{one} and {where}.vary.{other} set the same place; keep one of them"
    if "label" in grid.vary:
        yield f"{where}.vary.label cannot be varied: the label of a member tells its values; remove it"
    for key, values in grid.vary.items():
        yield from _problems_of_values(f"{where}.vary.{key}", key, values)


def _problems_of_values(where: str, key: str, values: Sequence[Any]) -> Iterator[str]:
    parts: dict[str, str] = {}
    for value in values:
        part, shown = _id_part(key, value), json.dumps(value, ensure_ascii=False, default=str)
        if not re.search("[a-z0-9]", _id_text(value)):
            yield f"{where} lists {shown}, of which no id can be made; declare that variant by itself"
        elif part in parts:
            yield f"{where} lists {parts[part]} and {shown}, which would both be {part} in ids; keep one of them"
        parts.setdefault(part, shown)


def _problems_of_ids(declared: Declaration, sound: Mapping[str, Grid]) -> Iterator[str]:
    """Yield the ids that are too long, or that two of variants, grids and members of the sound grids have."""
    taken = {name: f"variants.{name}" for name in declared.variants}
    for name in declared.grids:
        if name in taken:
            yield f"grids.{name} has the id of a variant; rename one of them"
        taken.setdefault(name, f"grids.{name}")
    for name, grid in sound.items():
        for member, values in _combinations(name, grid):
            here = f"the member of grids.{name} with {assignment(values)}"
            if member in taken:
                yield f"{here} has the id {member}, and so has {taken[member]}; rename one of them"
            taken[member] = here
        if len(longest := max(members(name, grid), key=len)) > LONGEST_ID:
            yield (
                f"grids.{name}: the id {longest[:LONGEST_ID]}... has {len(longest)} characters, above the maximum of {LONGEST_ID}; "
                "give the grid a shorter id, vary fewer keys, or declare variants instead"
            )


def _place(name: str, grid: Grid, values: Values, keys: Sequence[int | str]) -> str:
    """Return the path in the file for a place in a member: in the value that stands there, or of the key."""
    for key, value in values.items():
        parts = key.split(".")
        if list(keys[: len(parts)]) == parts and len(keys) > len(parts):
            index = next(index for index, each in enumerate(grid.vary[key]) if each is value)
            keys = [*parts, index, *keys[len(parts) :]]
            break
    return ".".join(map(str, ["grids", name, "vary", *keys]))


def overlap(one: str, other: str) -> bool:
    """Return whether two keys are the same, or one leads to the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _id_part(key: str, value: Any) -> str:  # noqa: ANN401
    """Return what a key and its value are in an id: `learning_rate_0p001`."""
    return f"{_slug(key.rpartition('.')[2])}_{_id_text(value)}"


def _id_text(value: Any) -> str:  # noqa: ANN401
    """Return a value as it stands in ids.

    Numbers are written out in full, with p for the point and m for the minus sign. The keys of a mapping are sorted, since their
    order means nothing.
    """
    if isinstance(value, list | tuple):
        return "_".join(map(_id_text, value)) or "none"
    if isinstance(value, Mapping):
        return "_".join(f"{_slug(str(key))}_{_id_text(value[key])}" for key in sorted(value, key=str)) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _digits(value).replace("-", "m").replace(".", "p")
    return "null" if value is None else _slug(str(value))


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]", "_", text.lower())


def _digits(number: float) -> str:
    """Return a number without an exponent, and 1.0 as 1."""
    return str(int(number)) if isinstance(number, int) or number.is_integer() else f"{Decimal(repr(number)):f}"


def _readable(value: Any) -> str:  # noqa: ANN401
    """Return a value for readers of labels and messages."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_readable, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_readable(value[key])}' for key in value)}}}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _digits(value)
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if text.isprintable() else ascii(text)
