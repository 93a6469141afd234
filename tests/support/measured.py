"""Runs of which nothing is known but their test accuracy and the digests of their data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

SAME, OTHER = {"train": "a", "test": "b"}, {"train": "c", "test": "b"}


@dataclass(frozen=True)
class Measured:
    """A run of which nothing is known but its test accuracy and its data."""

    variant: str
    seed: int
    accuracy: float
    data: dict[str, str] | None = field(default_factory=lambda: SAME)

    @property
    def record(self) -> Any:
        return None if self.data is None else SimpleNamespace(data=self.data)

    def value(self, _metric: str) -> float:
        return self.accuracy


def runs(variant: str, values: Sequence[float], first: int = 1, data: dict[str, str] | None = SAME) -> list[Measured]:
    return [Measured(variant, seed, value, data) for seed, value in enumerate(values, first)]
