"""GET /v1/openapi.json: the OpenAPI 3.1 document, made of what every resource says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web

from lvsctl import __version__
from lvsctl.daemon.api.shapes import ERROR, Json, Operation

COMPONENTS = "#/components/schemas/"
DOCUMENT: web.AppKey[Json] = web.AppKey("document", dict)
SHOW = Operation("This document.", {"type": "object"})


class Described(Protocol):
    """A route, as far as it is documented."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def operation(self) -> Operation: ...
    @property
    def changes(self) -> bool: ...


async def show(request: web.Request) -> web.Response:
    """The document."""
    return web.json_response(request.app[DOCUMENT])


def document(routes: Iterable[Described]) -> Json:
    """The document of these routes. Every shape with a title becomes a component of that name."""
    components: Json = {}
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "lvsctl",
            "version": __version__,
            "description": "What the daemon answers on its control socket: HTTP over a unix socket.",
        },
        "servers": [{"url": "http://lvsctl", "description": "/run/lvsctl/lvsctl.sock; the name means nothing"}],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _operation(route: Described, components: Json) -> Json:
    operation = route.operation
    failing = {500, *operation.fails, *((413, 422) if operation.body is not None else ())}
    said = {status: _answer(status, ERROR, "application/json", components) for status in failing}
    said |= {status: _answer(status, shape, operation.media, components) for status, shape in operation.others.items()}
    said[200] = _answer(200, operation.answer, operation.media, components)
    described: Json = {"summary": operation.summary, "x-changes": route.changes}
    if operation.query:
        described["parameters"] = [_parameter(name, operation) for name in operation.query]
    if operation.body is not None:
        model = operation.body.model_json_schema(ref_template=COMPONENTS + "{model}")
        content = {"application/json": {"schema": _hoisted(model, components)}}
        described["requestBody"] = {"required": True, "content": content}
    return {**described, "responses": {str(status): said[status] for status in sorted(said)}}


def _answer(status: int, schema: Json, media: str, components: Json) -> Json:
    content = {media: {"schema": _hoisted(schema, components)} if schema else {}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _parameter(name: str, operation: Operation) -> Json:
    schema = dict(operation.query[name])
    about = {"description": schema.pop("description")} if "description" in schema else {}
    return {"name": name, "in": "query", "required": name in operation.required, **about, "schema": schema}


def _hoisted(schema: Mapping[str, Any], components: Json) -> Json:
    """The schema with references in place of the shapes that have a title, which go to the components."""
    inner = {name: _inside(value, components) for name, value in schema.items() if name != "$defs"}
    components.update({name: _hoisted(shape, components) for name, shape in schema.get("$defs", {}).items()})
    title = inner.pop("title", None)
    if title is None or (schema.get("type") != "object" and "oneOf" not in schema):
        return inner
    if components.setdefault(title, inner) != inner:
        raise AssertionError(f"two shapes are called {title}")
    return {"$ref": COMPONENTS + title}


def _inside(value: Any, components: Json) -> Any:
    match value:
        case dict():
            return _hoisted(value, components)
        case list():
            return [_inside(item, components) for item in value]
    return value
