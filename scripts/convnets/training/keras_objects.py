"""Keras objects from the names and arguments of settings."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from convnets import device
from convnets.errors import InputError

import tensorflow as tf  # isort: skip

# What Keras and TensorFlow raise for a wrong value, on construction or on use.
REFUSALS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, tf.errors.OpError)


class RefusedError(InputError):
    """Keras cannot use a value of the settings."""


def make(kind: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return an object of a class; where the class has a float as its default, a whole number is given as a float too."""
    defaults = {name: each.default for name, each in inspect.signature(kind).parameters.items()}
    return kind(**{name: _as_given(value, isinstance(defaults.get(name), float)) for name, value in arguments.items()})


def with_floats(value: Any) -> Any:  # noqa: ANN401
    """Return numbers as floats: Keras computes a schedule in the type of its first rate."""
    if isinstance(value, tuple):
        return [with_floats(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def refusal(where: str, given: Mapping[str, Any], error: Exception) -> RefusedError:
    """Return the error for a user about a value that Keras refuses. The message names the argument that Keras's names."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    text = re.sub(r"^Exception encountered when calling .*?\(\)\.\s*", "", text)
    line = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    key = next((f".{name}" for name in given if re.search(rf"\b{name}\b", text)), "")
    return RefusedError(f"{where}{key}: Keras cannot use what is given: {line.strip()}")


def _as_given(value: Any, is_float: bool) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_as_given(part, False) for part in value]
    return float(value) if is_float and isinstance(value, int) and not isinstance(value, bool) else value
