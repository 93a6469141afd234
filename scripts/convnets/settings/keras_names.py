"""Keras's optimizers, schedules of learning rates and image layers by name, and their arguments.

They stand in `keras_names.json`, which `make schema` writes, since importing Keras takes seconds.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from convnets.errors import suggest
from convnets.settings.section import Argument

KNOWN: Mapping[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
OPTIMIZERS: Mapping[str, str] = {name.lower(): name for name in KNOWN["optimizers"]}  # classes by their names in settings
OPTIMIZER_ARGUMENTS = sorted({key for takes in KNOWN["optimizers"].values() for key in takes["optional"]})
HINTS = {"value_range": ": the lowest and the highest value, such as [-3, 3]; images are standardised"}
ERROR = "keras"  # the type of validation errors whose message is said right after the key


def problems(section: str, name: str, given: Mapping[str, Argument]) -> Iterator[tuple[str, str]]:
    """Yield each wrong argument of a class of Keras, and what is wrong with it."""
    takes = KNOWN[section][name]
    known = [*(["learning_rate"] if section == "optimizers" else []), *takes["required"], *takes["optional"]]
    for key in given:
        if key in KNOWN["unused"]:
            yield key, f"cannot be given: {KNOWN['unused'][key]}"
        elif key not in known:
            yield key, f"is no argument of Keras's {name}" + (suggest(key, known) if known else ", which has none")
    for key in takes["required"]:
        if key not in given:
            yield key, f"is missing{HINTS.get(key, '')}"


def momentum_of(optimizer: str) -> float | None:
    """Return Keras's default momentum of an optimizer; None if it takes none, or if there is no such optimizer."""
    found: float | None = KNOWN["optimizers"].get(OPTIMIZERS.get(optimizer), {"optional": {}})["optional"].get("momentum")
    return found


def _optimizer(name: str) -> str:
    if name not in OPTIMIZERS:
        raise PydanticCustomError(ERROR, "{text}", {"text": f" names no optimizer of Keras{suggest(name, list(OPTIMIZERS))}"})
    return name


def _one_of(section: str, noun: str) -> Any:  # noqa: ANN401
    """Return the type of a mapping from the name of a class to its arguments."""
    classes = KNOWN[section]

    def check(value: Mapping[str, Mapping[str, Argument]]) -> Mapping[str, Mapping[str, Argument]]:
        text = ""
        if len(value) != 1:
            text = f" should name one {noun}, not {len(value)}"
        for name, arguments in value.items():
            if name in KNOWN["unused"]:
                text = f".{name} is not used here: {KNOWN['unused'][name]}"
            elif name not in classes:
                text = f".{name} is no {noun} of Keras{suggest(name, list(classes))}"
            else:
                text = text or next((f".{name}.{key} {wrong}" for key, wrong in problems(section, name, arguments)), "")
        if text:
            raise PydanticCustomError(ERROR, "{text}", {"text": text})
        return value

    names: dict[str, Any] = {"propertyNames": {"enum": list(classes)}, "minProperties": 1, "maxProperties": 1}
    arguments = Annotated[dict[str, Argument], Field(description=f"arguments of the {noun}")]
    return Annotated[dict[str, arguments], AfterValidator(check), Field(json_schema_extra=names)]


OptimizerName = Annotated[str, AfterValidator(_optimizer), Field(json_schema_extra={"enum": list(OPTIMIZERS)})]
Schedule = _one_of("schedules", "schedule")
Layer = _one_of("layers", "image layer")
