"""Texts in two languages, as `report/texts.yaml` holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from convnets.errors import InputError


@dataclass(frozen=True)
class Text:
    """A text in English and in Spanish."""

    en: str
    es: str

    def fill(self, **values: "str | Text") -> "Text":
        """Return the text with each `{name}` filled in."""
        english, spanish = (
            {name: getattr(value, language) if isinstance(value, Text) else value for name, value in values.items()}
            for language in ("en", "es")
        )
        return Text(self.en.format(**english), self.es.format(**spanish))

    def join(self, parts: Sequence["Text"]) -> "Text":
        """Return the parts with this text between them."""
        return Text(self.en.join(part.en for part in parts), self.es.join(part.es for part in parts))


def same(text: str) -> Text:
    """Return a text that is the same in both languages."""
    return Text(text, text)


@dataclass(frozen=True)
class Texts:
    """The texts of the overview, by their place in the file."""

    sections: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Text]
    labels: Mapping[str, Text]
    verdicts: Mapping[str, Text]
    captions: Mapping[str, Text]
    appendix: Mapping[str, Any]
    columns: Mapping[str, Text]


def read(path: Path) -> Texts:
    """Read the texts.

    Raises
    ------
    InputError
        The file cannot be read, or lacks a part or a language.
    """
    try:
        return Texts(**_with_texts(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise InputError(f"the texts in {path} cannot be read: {error}") from error


def _with_texts(value: Any) -> Any:  # noqa: ANN401
    """Return what YAML holds, with a `Text` for each mapping of languages."""
    if isinstance(value, dict):
        if set(value) == {"en", "es"}:
            return Text(**value)
        return {key: _with_texts(inner) for key, inner in value.items()}
    return [_with_texts(inner) for inner in value] if isinstance(value, list) else value
