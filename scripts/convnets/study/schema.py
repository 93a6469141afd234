"""The JSON schema of a configuration, for editors: `python -m convnets.study.schema > schemas/config.schema.json`."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from convnets.study.declaration import Declaration

Node = Mapping[str, Any]  # a schema within the schema


class _Untitled(GenerateJsonSchema):
    """Leaves out titles of fields, which repeat their names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


@cache
def generate() -> dict[str, Any]:
    """Return the schema, as the models give it."""
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$comment": "made by: python -m convnets.study.schema"}
    made = Declaration.model_json_schema(schema_generator=_Untitled)
    for node in made["$defs"]["Variant"]["properties"].values():
        node.pop("default", None)  # of a variant, that is the study's
    return head | made


def find(schema: Node, path: Sequence[int | str]) -> Node:
    """Return the part of the schema for the value at a path; empty if there is none."""
    node = schema
    for key in path:
        node = next((part for form in _forms(schema, node) if (part := _part(form, key)) is not None), {})
    forms = list(_forms(schema, node))
    described = next((form["description"] for form in [node, *forms] if "description" in form), None)
    return {**next((form for form in forms if "properties" in form), forms[0]), "description": described}


def _forms(schema: Node, node: Node) -> list[Node]:
    """Return the alternatives that a node offers, with references followed."""
    if "$ref" in node:
        return [schema["$defs"][node["$ref"].rpartition("/")[2]]]
    offered = node.get("anyOf") or node.get("oneOf")
    return [form for part in offered for form in _forms(schema, part)] if offered else [node]


def _part(node: Node, key: int | str) -> Node | None:
    """Return the part of a node for one of its keys or entries."""
    if isinstance(key, int):
        return node.get("items")
    values = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    return next((part for part in [node.get("properties", {}).get(key), *values] if isinstance(part, Mapping)), None)


if __name__ == "__main__":
    print(json.dumps(generate(), indent=2))
