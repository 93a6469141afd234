"""Trainings of a few iterations within the process of a test."""

import dataclasses
from typing import Any

from convnets import device
from convnets.data.dataset import Dataset
from convnets.runs.records import Epoch
from convnets.settings import Settings
from convnets.study import configuration
from convnets.training import loop
from convnets.training.result import Result


def settings_of(config: dict[str, Any], variant: str, **changes: object) -> Settings:
    config["variants"][variant] |= {"epochs": 3, "batch_size": 32, **changes}
    return configuration.resolve(config).variants[variant]


def train(settings: Settings, data: Dataset, seed: int = 1) -> Result:
    return loop.train(settings, seed, data, lambda _: None)


def untimed(result: Result) -> list[Epoch]:
    return [dataclasses.replace(epoch, seconds=0) for epoch in result.history]


LAYERS = [
    {"RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2}},
    {"RandomContrast": {"factor": 0.3, "value_range": [-3, 3]}},
    {"GaussianNoise": {"stddev": 0.1}},
]
