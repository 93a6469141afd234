"""Sections of declared settings: pydantic models, with a canonical form for fingerprints."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Strict, Tag
from pydantic_core import PydanticCustomError


@dataclass(frozen=True)
class Neutral:
    """Marks a field that is left out of fingerprints and stamps where it has this value: `Annotated[bool, Neutral(False)]`.

    Every field that is added later has one, which stands for the behaviour before the field existed. It never changes, even if the
    default does, so that finished runs stay fresh and older stamps readable.
    """

    value: Any


class Section(BaseModel, frozen=True, strict=True, extra="forbid", allow_inf_nan=False):
    """Settings that belong together. A field may be a section itself."""

    def canonical(self) -> dict[str, Any]:
        """Return the settings as fingerprints cover them: without neutral values and without empty sections."""
        neutral = {**_neutral(type(self)), **{name: {} for name, value in self if isinstance(value, Section)}}
        fields = {name: value.canonical() if isinstance(value, Section) else value for name, value in self}
        return {name: value for name, value in fields.items() if name not in neutral or value != neutral[name]}

    @classmethod
    def from_canonical(cls, value: Mapping[str, Any]) -> Self:
        """Return the settings with this canonical form, as JSON holds it; a ValueError or a TypeError where it is damaged."""
        given = {**_neutral(cls), **value}
        for name, field in cls.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                given[name] = field.annotation.from_canonical(value.get(name, {}))
        if missing := sorted(set(cls.model_fields) - set(given)):
            raise ValueError(f"{', '.join(missing)} missing")
        return cls(**given)

    def updated(self, changes: Mapping[str, Any]) -> Self:
        """Return the settings with changed values. Sections are merged field by field."""
        fields = dict(self)
        parts = {name: fields[name].updated(value) for name, value in changes.items() if isinstance(fields.get(name), Section)}
        return type(self)(**{**fields, **changes, **parts})

    def flat(self) -> dict[str, Any]:
        """Return every setting but neutral ones under a flat name, such as `optimizer.learning_rate`; what is nested as JSON."""
        flat: dict[str, Any] = {}
        for name in self.canonical():
            value = getattr(self, name)
            if isinstance(value, Section):
                flat |= {f"{name}.{inner}": part for inner, part in value.flat().items()}
            elif isinstance(value, Mapping) or (isinstance(value, tuple) and any(isinstance(part, Mapping) for part in value)):
                flat[name] = json.dumps(value, ensure_ascii=False, sort_keys=True)
            else:
                flat[name] = list(value) if isinstance(value, tuple) else value
        return flat


@cache
def _neutral(section: type[Section]) -> Mapping[str, Any]:
    """Return the neutral value of each field that has one."""
    marks = ((name, mark) for name, field in section.model_fields.items() for mark in field.metadata)
    return {name: mark.value for name, mark in marks if isinstance(mark, Neutral)}


def _whole(value: object) -> object:
    """Return 30.0 as 30."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values that differ from each other; a validation error if two are alike."""
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "each entry may stand once")
    return values


def _printable(text: str) -> str:
    """Return a text that every output can hold.

    XML and UTF-8 have no place for control characters and half characters. Snakemake's report holds texts within the scripts of its
    page, where tags of scripts would end them.
    """
    if tag := re.search("</?script", text, re.IGNORECASE):
        raise PydanticCustomError("script", "it holds {tag}, which would end a script of Snakemake's report", {"tag": tag[0]})
    for each in text:
        if (unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t") or each in "\ufffe\uffff":
            raise PydanticCustomError("unprintable", "it holds {character}, which cannot be printed", {"character": ascii(each)})
    return text


def _argument(value: object) -> object:
    """Return an argument of a Keras class: a number, a text, a truth value, nothing, or a list of these."""
    if isinstance(value, list | tuple):
        return tuple(map(_argument, value))
    if isinstance(value, str):
        return _printable(value)
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return _whole(value) if isinstance(value, float) and abs(value) < 2**53 else value  # one form of a number
    raise PydanticCustomError("argument", "it should be a number, a text, true, false, null, or a list of these")


def _form(value: object) -> str:
    """Return which form of `OneOrMore` a value has."""
    return "more" if isinstance(value, list | tuple | Mapping | Section) else "one"


T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
Listed = Annotated[tuple[T, ...], Strict(False)]  # a list in YAML and JSON
Some = Annotated[tuple[T, ...], Strict(False), Field(min_length=1)]
Distinct = Annotated[Listed[T], AfterValidator(each_once), Field(json_schema_extra={"uniqueItems": True})]
SomeDistinct = Annotated[Some[T], AfterValidator(each_once), Field(json_schema_extra={"uniqueItems": True})]
Printable = Annotated[str, AfterValidator(_printable)]
Text = Annotated[Printable, Field(min_length=1)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1, description="a whole number from 1"), BeforeValidator(_whole)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, description="a whole number from 0 to 4294967295"), BeforeValidator(_whole)]
Argument = Annotated[Any, AfterValidator(_argument), Field(description="an argument, as Keras's documentation has it")]
OneOrMore = Annotated[Annotated[A, Tag("one")] | Annotated[B, Tag("more")], Discriminator(_form)]
