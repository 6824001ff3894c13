"""JSON Schema of a scenario file, printed from the model; editors pick it up by the `#:schema` line."""

from typing import Any


def json_schema(root: type | None = None) -> dict[str, Any]:
    """Draft 2020-12 schema of a file as people write it; nothing is required, because files extend each other."""
    if root is None:
        from sim.scenario.document import Scenario as root
    schema = root.model_json_schema(mode="validation")  # type: ignore[union-attr]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Headwater scenario"
    schema.setdefault("properties", {})["extends"] = {
        "description": "file that this one builds on; this one says only what differs",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    _relax(schema)
    return schema


def _relax(node: Any) -> None:
    """Files may state any part of a table."""
    if isinstance(node, dict):
        if "properties" in node and not any(k in node["properties"] for k in ("median", "sd")):
            node.pop("required", None)
        for value in node.values():
            _relax(value)
    elif isinstance(node, list):
        for value in node:
            _relax(value)
