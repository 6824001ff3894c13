"""JSON Schema of a scenario file, printed from the model; editors pick it up by the `#:schema` line."""

from typing import Any


def json_schema(root: type | None = None) -> dict[str, Any]:
    """Draft 2020-12 schema of a file as people write it; nothing is required, because files extend each other."""
    if root is None:
        from sim.scenario.document import Scenario as root
    schema = root.model_json_schema(mode="validation")  # type: ignore[union-attr]
    for table in (schema, *schema.get("$defs", {}).values()):
        _relax(table)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Headwater scenario"
    schema.setdefault("properties", {})["extends"] = {
        "description": "file that this one builds on; this one says only what differs",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    if "RulePack" in schema.get("$defs", {}):
        schema["properties"]["pack"] = {
            "description": "header of a rule pack (a file of scenarios/rules); only there",
            "$ref": "#/$defs/RulePack",
        }
    return schema


def _relax(table: dict[str, Any]) -> None:
    """Files may state any part of a table; an item that the file below states may be removed by its id. A default of
    None means that the key is left out: TOML has no null."""
    table.pop("required", None)
    properties = table.get("properties", {})
    if "id" in properties:
        properties["remove"] = {"const": True, "description": "drops the item of this id that the file below states"}
    for field in properties.values():
        if field.get("default", 0) is None:
            del field["default"]
        if "anyOf" in field:
            field["anyOf"] = [written for written in field["anyOf"] if written != {"type": "null"}]
