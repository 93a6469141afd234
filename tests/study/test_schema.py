"""The schema that editors read."""

import json

from conftest import ROOT

from convnets.study import schema
from convnets.study.comparisons import PALETTE


def test_the_committed_schema_is_what_the_models_give() -> None:
    """If not: python -m convnets.study.schema > ../schemas/config.schema.json, in scripts."""
    committed = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    assert committed == schema.generate()


def test_editors_find_it() -> None:
    first = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/config.schema.json"


def test_every_key_is_described() -> None:
    generated = schema.generate()
    undescribed = []

    def walk(path: list[str]) -> None:
        node = schema.find(generated, path)
        if path and not node["description"] and "const" not in node:
            undescribed.append(".".join(path))
        for key in node.get("properties", {}):
            walk([*path, key])
        if any(isinstance(node.get(key), dict) for key in ("additionalProperties", "patternProperties")) and path:
            inner = schema.find(generated, [*path, "x"])
            for key in inner.get("properties", {}):
                walk([*path, "x", key])

    walk([])
    assert undescribed == []


def test_bounds_and_defaults_stand_in_it() -> None:
    generated = schema.generate()
    assert schema.find(generated, ["network", "kernel_size"]) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 32,
        "default": 5,
        "description": "side of the square kernels in pixels, from 1 to 32",
    }
    of_variant = schema.find(generated, ["variants", "x", "kernel_size"])
    assert "default" not in of_variant
    assert (of_variant["minimum"], of_variant["maximum"]) == (1, 32)
    assert schema.find(generated, ["variants", "x"])["required"] == ["label"]
    assert generated["required"] == ["variants"]
    seeds, planned = (form for form in generated["properties"]["seeds"]["oneOf"])
    assert seeds["uniqueItems"] is True
    assert planned == {"$ref": "#/$defs/Looks"}
    assert generated["properties"]["claims"]["additionalProperties"] is False
    color = schema.find(generated, ["comparisons", "x", "colors", "y"])
    assert all(name in color["description"] for name in PALETTE)
