"""Words for JSON Schema (2020-12, as in OpenAPI 3.1), and the shapes that several resources have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import BaseModel

from lvsctl.model import Action, Level, Role

Json: TypeAlias = dict[str, Any]

TEXT: Json = {"type": "string"}
TRUTH: Json = {"type": "boolean"}
WHOLE: Json = {"type": "integer"}
COUNT: Json = {"type": "integer", "minimum": 0}
NUMBER: Json = {"type": "number"}
MOMENT: Json = {"type": "string", "format": "date-time"}


def one_of(*words: str) -> Json:
    """Text that is one of these."""
    return {"type": "string", "enum": list(words)}


def or_null(schema: Json) -> Json:
    """What the schema says, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Json) -> Json:
    """An array of these."""
    return {"type": "array", "items": schema}


def shape(title: str, properties: Mapping[str, Json], *, optional: tuple[str, ...] = ()) -> Json:
    """An object. title: its name among the document's components, which no other shape may have.

    Readers have to expect properties that are not listed: later versions add some.
    """
    required = [name for name in properties if name not in optional]
    return {"title": title, "type": "object", "properties": dict(properties), "required": required}


def document(kind: str, properties: Mapping[str, Json]) -> Json:
    """An object that says what it is, so that it can be kept and read later."""
    return shape(kind, {"apiVersion": {"const": "lvsctl/v1"}, "kind": {"const": kind}, **properties})


ERROR = shape("Error", {"error": {"type": "string", "description": "one line that says what to do"}})

SERVICE_KEY: Json = {
    "title": "ServiceKey",
    "oneOf": [
        shape(
            "AddressKey",
            {
                "kind": {"const": "address"},
                "address": TEXT,
                "port": COUNT,
                "protocol": one_of("tcp", "udp", "sctp"),
            },
        ),
        shape("MarkKey", {"kind": {"const": "mark"}, "mark": COUNT, "family": one_of("inet", "inet6")}),
    ],
}

ORDER: Json = {
    "subject": {**TEXT, "description": "SERVER, SERVICE/SERVER or SERVICE/POOL"},
    "action": one_of(*Action),
    "weight": or_null({**TEXT, "description": "10, or 50% of the configured one"}),
    "by": TEXT,
    "reason": TEXT,
    "since": MOMENT,
    "until": or_null(MOMENT),
}
"""The properties of what was ordered, as `ordered_json` writes it."""

ROLE: Json = or_null({**one_of(*Role), "description": "of a director; null: not known, or it takes no part"})

LINES = "application/jsonl"
"""The media type of one JSON value a line."""

TOLD: Json = {
    **shape(
        "Told",
        {
            "number": {**COUNT, "description": "from 1, in the order of telling, since the start of the daemon"},
            "at": MOMENT,
            "event": {**TEXT, "description": "a stable name in snake_case"},
            "level": one_of(*Level),
            "message": {**TEXT, "description": "one line for people"},
            "service": {**TEXT, "description": "empty where it is about none, as pool and server"},
            "pool": TEXT,
            "server": TEXT,
        },
        optional=("at", "service", "pool", "server"),
    ),
    "description": "What happened. Every event has further properties of its own.",
    "additionalProperties": True,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a route.

    answer: schema of the body of a 200, {} for text; media: its type. query: parameters, each with a schema, which may
    have a description. required: those that may not be left out. body: the model that `request.body` was given.
    fails: statuses that come with an Error; 500, and 413 and 422 of a body, go without saying. others: statuses with a
    shape of their own.
    """

    summary: str
    answer: Json
    media: str = "application/json"
    query: Mapping[str, Json] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    body: type[BaseModel] | None = None
    fails: tuple[int, ...] = ()
    others: Mapping[int, Json] = field(default_factory=dict)
