"""Studies with a grid, for tests: what they declare, and what is said of one that is refused."""

from typing import Any

import pytest

from convnets.errors import InputError
from convnets.study import configuration, grids
from convnets.study.declaration import Grid

LR = {"from": "conv3_dropout05", "vary": {"optimizer.learning_rate": [1.0e-3, 5.0e-4], "dropout": [0.0, 0.5]}}


def grid_of(origin: str = "conv3_dropout05", **vary: Any) -> dict[str, Any]:
    """Return a grid; `__` in a key stands for a point."""
    return {"from": origin, "vary": {key.replace("__", "."): values for key, values in vary.items()}}


def ids(**vary: Any) -> list[str]:
    return list(grids.members("g", Grid.model_validate(grid_of(**vary))))


def refusal(config: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        configuration.check(config)
    return str(caught.value)
