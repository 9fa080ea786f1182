"""A JSON schema of `params.yaml`, for editors: what each key means, its type and range, and what may be overridden."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

NAMES = {"type": "array", "items": {"type": "string"}}


def json_schema(sections: Mapping[str, type], networks: Mapping[str, type]) -> dict[str, Any]:
    """Schema of the whole parameter file (JSON Schema 2020-12).

    No key is obligatory in it, because an override gives some alone; the stages name a key that is missing.

    Args:
        sections: Section -> its class.
        networks: Name of a re-ID network -> the class of its own parameters.
    """
    parts = {name: _partial(_inlined(cls)) for name, cls in sections.items()}
    own = [_partial(_inlined(cls))["properties"] for cls in networks.values()]
    model = {
        "type": "object",
        "properties": {
            "network": {"enum": sorted(networks), "description": "Module of pipeline/reid/models."},
            "like": {"type": "string", "description": "In place of network: a model from whose values it starts."},
            **{name: schema for properties in own for name, schema in properties.items()},
            **parts["train_reid"]["properties"],
        },
        "additionalProperties": False,
    }
    models = {"type": "object", "additionalProperties": {"$ref": "#/$defs/reid_model"}}
    of_all = {name: {"$ref": f"#/$defs/{name}"} for name in parts}
    of_data_set = {name: reference for name, reference in of_all.items() if name not in ("runtime", "report")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Parameters of the vehicle re-identification pipeline",
        "type": "object",
        "properties": {
            "datasets": {**NAMES, "description": "Data sets of this run."},
            "fleets": {**NAMES, "description": "Rendered data sets that `synthesize` makes."},
            "models": {**NAMES, "description": "Re-ID models of this run; each needs an entry under `reid_models`."},
            "joint": {
                **NAMES,
                "description": "Names of several data sets each, which `train_together` trains models on.",
            },
            "across": {
                "type": "object",
                "description": "Models of some data sets or joint ones, to be evaluated on others.",
                "properties": {
                    "trained_on": {**NAMES, "description": "Where the models come from."},
                    "tested_on": {**NAMES, "description": "Data sets of this run they are evaluated on."},
                },
                "additionalProperties": False,
            },
            **of_all,
            "reid_models": models,
            "overrides": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {**of_data_set, "reid_models": models},
                    "additionalProperties": False,
                },
            },
        },
        "additionalProperties": False,
        "$defs": {**parts, "reid_model": model},
    }


def _inlined(cls: type) -> dict[str, Any]:
    """Schema of one class, without references and titles."""
    schema = TypeAdapter(cls).json_schema()
    definitions = schema.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return {key: resolved(value) for key, value in node.items() if key != "title" or isinstance(value, dict)}

    found: dict[str, Any] = resolved(schema)
    for name, meaning in meanings(cls).items():
        found["properties"][name].setdefault("description", meaning)
    return found


@cache
def meanings(cls: type) -> Mapping[str, str]:
    """Field of a class made by `parameters` -> its docstring, those of the classes it is made from included."""
    bases = [base for base in reversed(cls.__mro__) if dataclasses.is_dataclass(base)]
    found: dict[str, str] = {}
    for base in bases:
        properties = TypeAdapter(base).json_schema()["properties"]
        found |= {name: field["description"] for name, field in properties.items() if "description" in field}
    return found


def _partial(schema: Any) -> Any:
    """The same schema with no key obligatory, as an override may have it."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _partial(value) for key, value in schema.items() if key != "required"}
