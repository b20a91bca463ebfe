"""The grammar of conf.d as JSON Schema, draft 7: for editors, and for whoever puts mistakes into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import CoreSchema

from lvsctl.checkapi import AnyKind
from lvsctl.config.check import CHECK_MARK, grammar
from lvsctl.config.schema import Conf

SCHEMA_ID = "urn:lvsctl:conf.d"


class _Lenient(GenerateJsonSchema):
    """A kind whose parameters JSON Schema cannot say is published as accepting anything, not as an error."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}


def json_schema(kinds: Mapping[str, AnyKind]) -> dict[str, Any]:
    """With the keys of the installed kinds."""
    check = grammar(kinds).check
    refs, generated = models_json_schema(
        [(Conf, "validation"), (check, "validation")], ref_template="#/definitions/{model}", schema_generator=_Lenient
    )
    definitions = generated["$defs"]
    keys = definitions["Check"]["properties"]
    keys.update({name: {"anyOf": [keys[name], {"type": "null"}]} for name in kinds})  # `tcp:` alone is enough
    definitions["Check"]["oneOf"] = [{"required": [name]} for name in sorted(kinds)]
    conf = definitions.pop("Conf")
    named = {"anyOf": [{"type": "string"}, refs[check, "validation"]]}
    body: dict[str, Any] = _draft7({**conf, "definitions": definitions}, named)
    used = _reachable(body, body["definitions"])
    body["definitions"] = {name: body["definitions"][name] for name in sorted(used)}
    return {**body, "$schema": "http://json-schema.org/draft-07/schema#", "$id": SCHEMA_ID, "title": "lvsctl conf.d"}


def _reachable(root: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """Names of the definitions that the properties of `root` lead to: pydantic also lists types of our own values."""
    used: set[str] = set()
    waiting: list[Any] = [root["properties"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in used:
                used.add(name)
                waiting.append(definitions[name])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return used


def _draft7(node: Any, check: dict[str, Any]) -> Any:
    """Say in draft 7 what pydantic says in 2020-12, and put the check where it is marked."""
    if node == CHECK_MARK:
        return check
    if isinstance(node, list):
        return [_draft7(item, check) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _draft7(value, check) for key, value in node.items()}
    if "prefixItems" in node:
        node["items"] = node.pop("prefixItems")
    if "$ref" in node and len(node) > 1 and "definitions" not in node:
        return {"allOf": [{"$ref": node.pop("$ref")}], **node}  # draft 7 ignores what stands beside a $ref
    return node
