"""The OpenAPI document: every route is in it, and what the daemon really answers is what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest

from lvsctl.daemon.api.openapi import document
from lvsctl.daemon.api.routes import ROUTES, Route
from lvsctl.daemon.api.shapes import LINES, TEXT, Operation, listed, shape
from lvsctl.model import DeleteService, MarkKey
from lvsctl.model.table import Family
from tests.daemon.api.test_server import client
from tests.daemon.site import Servers, Site, conf, service, serving
from tests.daemon.test_troubles import Kernel

SHIPPED = Path(__file__).parents[3] / "schema" / "openapi.json"
A, B = "127.0.0.11", "127.0.0.12"


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def test_the_shipped_document_is_that_of_the_routes() -> None:
    """If this fails: `lvsctl schema --api > schema/openapi.json`."""
    assert json.loads(SHIPPED.read_text()) == document(ROUTES)


def test_it_has_every_route_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, item in document(ROUTES)["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in ROUTES}
    assert len(described) == len(ROUTES)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    made = document(ROUTES)
    components = made["components"]["schemas"]
    for node in nodes(made):
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/components/schemas/") in components
    for schema in components.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_everything_that_changes_something_is_no_get() -> None:
    assert {route.method == "GET" for route in ROUTES if route.changes} == {False}
    assert {route.method for route in ROUTES if not route.changes} == {"GET"}


async def nothing(_: object) -> Any:
    raise NotImplementedError


def test_two_shapes_of_one_name_are_a_mistake() -> None:
    one, other = shape("Thing", {"a": TEXT}), shape("Thing", {"b": TEXT})
    routes = [
        Route("GET", "/a", nothing, Operation("", one)),
        Route("GET", "/b", nothing, Operation("", listed(other))),
    ]
    with pytest.raises(AssertionError, match="two shapes are called Thing"):
        document(routes)


# --- what the daemon really says ----------------------------------------------------------------------------------


def strict(value: Any) -> Any:
    """The schema with nothing beyond what it lists: readers have to expect more, but nothing goes undescribed here."""
    if isinstance(value, list):
        return [strict(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {"additionalProperties": False} if isinstance(value.get("required"), list) else {}
    return {**closed, **{name: strict(item) for name, item in value.items()}}


async def hold_to_the_document(
    http: aiohttp.ClientSession, method: str, resource: str, status: int, **sent: Any
) -> Any:
    """Ask, and compare status, media type and body with what the document that the daemon serves says of them."""
    async with http.get("/v1/openapi.json") as answer:
        made = await answer.json()
    async with http.request(method, resource, **sent) as answer:
        assert answer.status == status
        described = made["paths"][resource.partition("?")[0]][method.lower()]["responses"][str(status)]
        [(media, content)] = described["content"].items()
        assert answer.content_type == media
        if not content:
            return await answer.text()
        said = [json.loads(line) async for line in answer.content] if media == LINES else [await answer.json()]
    schema = {**strict(content["schema"]), "components": strict(made["components"])}
    for one in said:
        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(one)
    return said if media == LINES else said[0]


async def until_it_fires(http: aiohttp.ClientSession) -> Any:
    async with asyncio.timeout(10):
        while True:
            fires = (await hold_to_the_document(http, "GET", "/v1/alerts", 200))["alerts"]
            if {"SchedulerMissing", "ServerDown"} <= {one["alert"] for one in fires}:
                return [one for one in fires if one["alert"] != "TableDrift"]
            await asyncio.sleep(0.05)


async def test_what_the_daemon_answers(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    await servers.kill(B)
    address = f"192.0.2.20:{servers.port}"
    marked = service("marked", A, address="0", check="none").replace("address: 0", "mark: 7")
    good = conf(service("shop", A, address=address, spare=(B,), scheduler="nosuch", scheduler_fallback="wrr"), marked)
    site.write(good)
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        await site.ipvs.apply([DeleteService(MarkKey(Family.INET, 7))])  # drift
        await site.rounds(1)
        said = await hold_to_the_document(http, "GET", "/v1/status", 200)
        assert len(said["services"]) == 2 and said["table"]
        assert (await hold_to_the_document(http, "GET", "/v1/status?table=no", 200))["table"] == []
        await hold_to_the_document(http, "GET", "/v1/explain?subject=shop", 200)
        await hold_to_the_document(http, "GET", f"/v1/explain?subject=shop/{B}", 200)
        await hold_to_the_document(http, "GET", "/v1/explain?subject=shpo", 404)
        await hold_to_the_document(http, "GET", "/v1/openapi.json", 200)
        events = await hold_to_the_document(http, "GET", "/v1/events", 200)
        assert {"applied", "service_ok", "drift"} <= {one["event"] for one in events}
        await hold_to_the_document(http, "GET", "/v1/events?since=x", 422)
        await hold_to_the_document(http, "GET", "/v1/events?service=shpo", 404)
        history = await hold_to_the_document(http, "GET", "/v1/history?subject=shop&since=1h", 200)
        assert {one["event"] for one in history["transitions"]} >= {"server_up", "service_ok"}
        silence = {"matchers": ["service=shop"], "for": 60, "reason": "tried"}
        made = await hold_to_the_document(http, "POST", "/v1/silences", 200, json=silence)
        await hold_to_the_document(http, "POST", "/v1/silences", 422, json={**silence, "matchers": ["service=~("]})
        assert (await hold_to_the_document(http, "GET", "/v1/silences", 200))["silences"] == [made["silence"]]
        firing = await until_it_fires(http)
        assert [(one["alert"], one["state"], one["by"]) for one in firing] == [
            ("SchedulerMissing", "firing", ""),
            ("ServerDown", "silenced", made["silence"]["id"]),
        ]
        await hold_to_the_document(http, "DELETE", f"/v1/silences?id={made['silence']['id']}", 200)
        await hold_to_the_document(http, "DELETE", "/v1/silences?id=x", 404)
        await hold_to_the_document(http, "POST", "/v1/alerts/test", 404, json={"receiver": "nobody"})
        await hold_to_the_document(http, "GET", "/v1/history?limit=x", 422)
        await hold_to_the_document(http, "GET", "/v1/history?subject=shpo", 404)
        assert "lvsctl_" in await hold_to_the_document(http, "GET", "/metrics", 200)
        assert await hold_to_the_document(http, "GET", "/-/healthy", 200) == "ok\n"
        assert await hold_to_the_document(http, "GET", "/-/ready", 200) == "ready\n"
        await hold_to_the_document(http, "POST", "/v1/reload", 200)
        site.write(good.replace("forward", "foward"))
        await hold_to_the_document(http, "POST", "/v1/reload", 422)
        daemon.stop()
        site.write(good)
        await hold_to_the_document(http, "POST", "/v1/reload", 503)


async def test_what_it_answers_while_the_kernel_is_silent(tmp_path: Path) -> None:
    ipvs = Kernel()
    site = Site(ipvs, tmp_path)
    site.write(conf(service("shop", A, address="192.0.2.20:1", check="none")))
    path = tmp_path / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        ipvs.lost = True
        await hold_to_the_document(http, "GET", "/v1/status", 503)
        await hold_to_the_document(http, "GET", "/v1/explain?subject=shop", 503)
        await hold_to_the_document(http, "POST", "/v1/reload", 503)
        daemon.ready = False
        assert (await hold_to_the_document(http, "GET", "/-/ready", 503)).startswith("not yet: ")
