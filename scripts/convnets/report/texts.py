"""Texts in two languages, as `report/texts.yaml` holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from convnets.errors import InputError

LANGUAGES = ("en", "es")


@dataclass(frozen=True)
class Text:
    """A text in English and in Spanish."""

    en: str
    es: str

    def fill(self, **values: object) -> "Text":
        """Return the text with each `{name}` filled in."""
        return Text(
            *(in_language(of, self).format(**{name: in_language(of, value) for name, value in values.items()}) for of in LANGUAGES)
        )


def join(separator: str | Text, parts: Sequence[str | Text]) -> Text:
    """Return the parts with the separator between them."""
    return Text(*(in_language(of, separator).join(in_language(of, part) for part in parts) for of in LANGUAGES))


def in_language(language: str, value: Any) -> Any:  # noqa: ANN401
    """Return a value in one language, where it is a text that has several."""
    return getattr(value, language) if isinstance(value, Text) else value


@dataclass(frozen=True)
class Texts:
    """The texts of the overview, by their place in the file."""

    sections: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Text]
    labels: Mapping[str, Text]
    findings: Mapping[str, Text]
    verdicts: Mapping[str, Text]
    captions: Mapping[str, Text]
    appendix: Mapping[str, Any]
    columns: Mapping[str, Text]
    claims: Mapping[str, Mapping[str, Any]]
    words: Mapping[str, str]
    notes: Mapping[str, str]


def read(path: Path, title: str, *, is_own: bool) -> Texts:
    """Read the texts of a study with this title; an InputError if the file cannot be read, or lacks a part or a language.

    A study that redoes no report (`is_own`) has no sections of a report, and labels of its own.
    """
    try:
        found = _with_texts(yaml.safe_load(path.read_text(encoding="utf-8")))
        own, labels = found.pop("own"), found["labels"]
        if is_own:
            labels |= own["labels"]
            labels["heading"] = labels["heading"].fill(title=title)
            for name in ("other", "changes"):
                found["appendix"][name] |= own[name]
            found |= {"sections": [], "claims": {}}
        return Texts(**found)
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise InputError(f"the texts in {path} cannot be read: {error}") from error


def _with_texts(value: Any) -> Any:  # noqa: ANN401
    """Return what YAML holds, with a `Text` for each mapping of languages."""
    if isinstance(value, dict):
        if set(value) == {"en", "es"}:
            return Text(**value)
        return {key: _with_texts(inner) for key, inner in value.items()}
    return [_with_texts(inner) for inner in value] if isinstance(value, list) else value
