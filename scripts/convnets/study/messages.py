"""Messages about an invalid configuration: which key, its value, and what is allowed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from convnets.errors import suggest
from convnets.settings import keras_names
from convnets.study import schema

Keys = Sequence[int | str]

NEEDED = {  # by the kind of error, where pydantic speaks of Python's types
    "string_type": "it should be a text, in quotes if it looks like a number",
    "bool_type": "it should be true or false",
    "tuple_type": "it should be a list",
    **dict.fromkeys(("dict_type", "model_type", "mapping_type"), "it should be keys with values"),
    **dict.fromkeys(("too_short", "string_too_short"), "it should be non-empty"),
    **dict.fromkeys(("too_long", "string_too_long"), "it should have at most {max_length} characters"),
    "string_pattern_mismatch": "",  # the description says it
    "twice": "it lists something twice, and each entry may stand once",
}

SHOWN = 200  # characters of a value


def _dotted(keys: Keys) -> str:
    return ".".join(map(str, keys)) or "the configuration"


def explain(
    error: ValidationError, config: Mapping[str, Any], within: Keys = (), place: Callable[[Keys], str] = _dotted
) -> Iterator[str]:
    """Yield one message for each invalid key of a configuration, or of its part that stands `within` these keys.

    `place` returns how a place in that part is named.
    """
    declared = schema.generate()
    for detail in error.errors(include_url=False):
        if detail["type"] != "too_short" or not detail["input"]:  # pydantic also calls a list too short if an entry is not valid
            keys = _keys(detail, config)
            yield _explain(detail, [*within, *keys], place(keys), place(keys[:-1]), declared)


def _explain(detail: ErrorDetails, keys: Keys, path: str, above: str, declared: schema.Node) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "missing":
        return f"{path} is missing"
    if kind == keras_names.ERROR:
        return f"{path}{detail['msg']}"
    if kind == "extra_forbidden":
        known = schema.find(declared, keys[:-1])["properties"]
        inner = [name for name in known if keys[-1] in schema.find(declared, [*keys[:-1], name]).get("properties", {})]
        hint = f"; did you mean {inner[0]}.{keys[-1]}?" if inner else suggest(str(keys[-1]), list(known))
        return f"{path} is not a key here{hint}"
    if detail["loc"][-1] == "[key]" or kind == "invalid_key":
        names = schema.find(declared, keys[:-1]).get("propertyNames", {}).get("description", "a text")
        return f"{above}: the name {str(keys[-1])[:SHOWN]!r} is not allowed; a name is: {names}"
    if kind == "float_type" and isinstance(given, str):
        with suppress(ValueError):  # a text that Python, unlike YAML, takes for a number
            return f"{path} is the text {given!r}; YAML wants a point in such a number: {_with_point(given)}"
    value = str(given) if isinstance(given, float) else json.dumps(given, ensure_ascii=False, default=str)
    needed = NEEDED.get(kind, "").format(**detail.get("ctx", {}))
    needed = needed if kind in NEEDED else detail["msg"].removeprefix("Value error, ").replace("Input", "it")
    value = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
    description = schema.find(declared, keys)["description"]
    return "; ".join(filter(None, (f"{path} is {value}", needed, description and f"it is: {description}")))


def _keys(detail: ErrorDetails, config: Any) -> list[int | str]:  # noqa: ANN401
    """Return the keys of a place in the configuration, without the names that pydantic gives to alternatives between them."""
    keys: list[int | str] = []
    for key in detail["loc"]:
        if key in config if isinstance(config, Mapping) else isinstance(config, list) and isinstance(key, int):
            keys.append(key)
            config = config[key]
    return [*keys, detail["loc"][-1]] if detail["type"] == "missing" else keys


def _with_point(number: str) -> str:
    """Return a number as YAML reads it: 1e-3 as 1.0e-3."""
    mantissa, _, exponent = f"{float(number):e}".partition("e")
    return f"{float(mantissa)}e{int(exponent):+d}"
