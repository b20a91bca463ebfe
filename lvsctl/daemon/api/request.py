"""What a handler may want to know of a request: whose daemon it is for, who sends it, and what it says."""

from __future__ import annotations

import json
import socket
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from lvsctl.config import wording
from lvsctl.config.document import Document, shown
from lvsctl.daemon.api.failures import BadRequest
from lvsctl.daemon.credentials import credentials
from lvsctl.daemon.daemon import Daemon

DAEMON = web.AppKey("daemon", Daemon)
DIGITS = 15  # of a number in a query

_PEER = web.RequestKey("peer", str)

_NO_CHECKS: dict[str, Any] = {
    "Check": {"properties": {}, "oneOf": []}
}  # `wording` asks whether a key is one of a check

Model = TypeVar("Model", bound=BaseModel)


def peer(request: web.Request) -> str:
    """Who sends a request that changes something: `alice (uid 1000)`, or `uid 1000` where that has no name.

    As the kernel says: it is who connected, whatever the request says.
    """
    return request[_PEER]


async def find_peer(request: web.Request) -> str:
    """Find out for `peer` who it is."""
    uid = _uid(request)
    name = await request.app[DAEMON].users.name(uid)
    request[_PEER] = who = f"uid {uid}" if name is None else f"{name} (uid {uid})"
    return who


def _uid(request: web.Request) -> int:
    connection: socket.socket | None = request.get_extra_info("socket")
    if connection is None:
        raise ConnectionResetError("who asked has hung up")
    return credentials(connection).uid


def number(request: web.Request, name: str, default: int) -> int:
    """A parameter that is a whole number from 0; raises BadRequest, which names it."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise BadRequest(f"{name}: must be a whole number from 0, not `{shown(text)}`")
    return int(text)


async def body(request: web.Request, model: type[Model]) -> Model:
    """The body of the request, a JSON object that `model` takes; raises BadRequest, which names the key."""
    try:
        value = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is no JSON") from error
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        schema = model.model_json_schema(ref_template="#/definitions/{model}")
        keys = {**schema, "definitions": {**_NO_CHECKS, **schema.get("$defs", {})}}
        found = wording.problems(Document("", value, {}), error, keys)
        raise BadRequest("; ".join(f"{one.path}: {one.message}".removeprefix(": ") for one in found)) from error
