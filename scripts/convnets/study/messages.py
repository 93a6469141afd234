"""Messages about an invalid configuration: which key, its value, and what is allowed."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from convnets.study import schema

NEEDED = {  # by the kind of error
    "string_type": "a text is needed, in quotes if it looks like a number",
    "int_type": "a whole number is needed",
    "float_type": "a number is needed",
    "bool_type": "true or false is needed",
    "finite_number": "a finite number is needed",
    "tuple_type": "a list is needed",
    **dict.fromkeys(("dict_type", "model_type", "mapping_type"), "keys with values are needed"),
    **dict.fromkeys(("too_short", "string_too_short"), "it should be non-empty"),
}
BOUNDS = {
    "greater_than_equal": "below the minimum of",
    "less_than_equal": "above the maximum of",
    "greater_than": "and not above",
    "less_than": "and not below",
}


def explain(error: ValidationError, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one message for each invalid key of a configuration."""
    declared = schema.generate()
    for detail in error.errors(include_url=False):
        if detail["type"] != "too_short" or not detail["input"]:  # pydantic also calls a list too short if an entry is not valid
            yield _explain(detail, config, declared)


def _explain(detail: ErrorDetails, config: Mapping[str, Any], declared: schema.Node) -> str:
    kind, keys, given = detail["type"], _keys(detail, config), detail["input"]
    path, value = _path(keys), str(given) if isinstance(given, float) else json.dumps(given, ensure_ascii=False, default=str)
    if kind == "missing":
        return f"{path} is missing"
    if kind == "extra_forbidden":
        known = list(schema.find(declared, keys[:-1])["properties"])
        near = difflib.get_close_matches(str(keys[-1]), known, 1)
        advice = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return f"{path} is not a key here; {advice}"
    if detail["loc"][-1] == "[key]" or kind == "invalid_key":
        names = schema.find(declared, keys[:-1]).get("propertyNames", {}).get("description", "a text")
        return f"{_path(keys[:-1])}: the name {keys[-1]!r} is not allowed; a name is: {names}"
    node = schema.find(declared, keys)
    hint = f"; it is: {node['description']}" if node["description"] else ""
    if kind == "float_type" and isinstance(given, str):
        with suppress(ValueError):  # a text that Python, unlike YAML, takes for a number
            return f"{path} is the text {given!r}; YAML wants a point in such a number: {float(given):e}"
    if kind == "literal_error":
        return f"{path} is {value}; allowed: {', '.join(node.get('enum') or [node['const']])}"
    if kind == "twice":
        return f"{path} lists something twice: {value}; each entry may stand once"
    if kind == "string_pattern_mismatch":
        return f"{path} is {value}{hint}"
    if kind in BOUNDS:
        (bound,) = detail["ctx"].values()
        return f"{path} is {value}, {BOUNDS[kind]} {bound:.12g}{hint}"
    return f"{path} is {value}; {NEEDED.get(kind, detail['msg'])}{hint}"


def _keys(detail: ErrorDetails, config: Any) -> list[int | str]:  # noqa: ANN401
    """Return the keys of a place in the configuration, without the names that pydantic gives to alternatives between them."""
    keys: list[int | str] = []
    for key in detail["loc"]:
        if key in config if isinstance(config, Mapping) else isinstance(config, list) and isinstance(key, int):
            keys.append(key)
            config = config[key]
    return [*keys, detail["loc"][-1]] if detail["type"] == "missing" else keys


def _path(keys: Sequence[int | str]) -> str:
    return ".".join(map(str, keys)) or "the configuration"
