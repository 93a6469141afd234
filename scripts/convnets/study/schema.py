"""What the schema says of a configuration, in words: which key, what is wrong with it, what is allowed there."""

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

SCHEMA = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one message per violation of the schema; only those about numbers that are not finite, if there are any."""
    not_finite = list(_not_finite(config))
    yield from not_finite or _schema_problems(config)


def _not_finite(value: object, *keys: object) -> Iterator[str]:
    """Yield one message per number that is infinite or none, which bounds would let pass."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{_path(keys)} is {value}; a finite number is needed"
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _not_finite(part, *keys, key)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _not_finite(part, *keys, index)


def _schema_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one message per violation of the schema."""
    schema: Any = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    for error in sorted(
        Draft202012Validator(schema).iter_errors(config), key=lambda error: [str(key) for key in error.absolute_path]
    ):
        yield from _explain(error)


def _explain(error: ValidationError) -> Iterator[str]:
    """Say what is wrong at which key, and what is allowed there."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        # The alternative that the value comes nearest to tells most; null is never what was meant.
        nearest = best_match(inner for inner in error.context if inner.validator != "type") or best_match(error.context)
        if nearest and nearest.validator != "type":
            yield from _explain(nearest)
            return
    path = _path(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    allowed: Any = error.validator_value
    hint = f"; it is: {' '.join(schema['description'].split())}" if "description" in schema else ""
    if error.validator == "additionalProperties" and "properties" in schema:
        known = list(schema["properties"])
        for key in sorted(set(instance) - set(known), key=str):
            near = difflib.get_close_matches(str(key), known, 1)
            advice = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
            yield f"{_path([*error.absolute_path, key])} is not a key here; {advice}"
    elif error.validator == "required":
        yield from (f"{_path([*error.absolute_path, key])} is missing" for key in allowed if key not in instance)
    elif error.validator == "type" and allowed == "number" and _reads_as_number(instance):
        yield f"{path} is the text {instance!r}; YAML wants a point in such a number: {float(instance):e}"
    elif error.validator == "dependentRequired":
        needed = [f"{key} needs {other}" for key, others in allowed.items() for other in others if key in instance]
        yield f"{path}: {'; '.join(needed)} beside it{hint}"
    elif error.validator == "uniqueItems":
        yield f"{path} lists something twice: {json.dumps(instance)}; each entry may stand once"
    elif error.validator == "enum":
        yield f"{path} is {json.dumps(instance)}; allowed: {', '.join(map(str, allowed))}"
    else:
        yield f"{path}: {error.message}{hint}"


def _reads_as_number(value: object) -> bool:
    """Return whether a value is a text that Python, unlike YAML, takes for a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _path(keys: Iterable[object]) -> str:
    return ".".join(map(str, keys)) or "the configuration"
