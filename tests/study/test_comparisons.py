"""Comparisons as data."""

import json
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from convnets.study import configuration
from convnets.study.comparisons import Comparison


def test_a_variant_without_a_colour_gets_one_that_is_not_taken(config: dict[str, Any]) -> None:
    config["variants"]["extra"] = {"label": "extra"}
    config["comparisons"]["depth"]["variants"].append("extra")
    members = configuration.resolve(config).comparisons["depth"].members
    assert members[-1].label == "extra"
    assert len({member.colors["validation"] for member in members}) == 4


def test_a_comparison_survives_json(config: dict[str, Any]) -> None:
    for comparison in configuration.resolve(config).comparisons.values():
        assert TypeAdapter(Comparison).validate_json(json.dumps(asdict(comparison))) == comparison
