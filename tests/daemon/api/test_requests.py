"""What the control socket makes of requests: who asks, bodies, and every way to be refused."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from lvsctl.daemon.api import request as requests
from lvsctl.daemon.api import server
from lvsctl.daemon.api.failures import Conflict, NotFound
from lvsctl.daemon.api.request import body, peer
from lvsctl.daemon.api.routes import Route
from lvsctl.daemon.api.shapes import Operation
from lvsctl.errors import KernelError
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.api.test_server import client
from tests.daemon.site import Site, conf, service, serving

ME = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    subject: str
    seconds: int = Field(default=0, ge=0)


async def wish(request: web.Request) -> web.Response:
    said = await body(request, Wish)
    return web.json_response({"by": peer(request), "subject": said.subject})


async def fail(request: web.Request) -> web.Response:
    kinds = {"found": NotFound, "conflict": Conflict, "kernel": KernelError, "bug": RuntimeError}
    raise kinds[request.query["how"]]("this is why")


@contextlib.asynccontextmanager
async def asking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aiohttp.ClientSession]:
    """A daemon with two more routes."""
    more = (
        Route("POST", "/v1/wish", wish, Operation("", {}), changes=True),
        Route("DELETE", "/v1/fail", fail, Operation("", {}), changes=True),
    )
    monkeypatch.setattr(server, "ROUTES", (*server.ROUTES, *more))
    site = Site(MemoryIpvs(schedulers=("wlc",)), folder)
    site.write(conf(service("shop", "127.0.0.11", address="192.0.2.20:1", check="none")))
    path = folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        yield http


@pytest.fixture
async def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aiohttp.ClientSession]:
    async with asking(tmp_path, monkeypatch) as session:
        yield session


async def test_a_change_is_logged_with_who_asked_as_the_kernel_says(http: aiohttp.ClientSession) -> None:
    with capture_logs() as logged:
        async with http.post("/v1/wish?x=1", json={"subject": "shop"}, headers={"From": "mallory"}) as answer:
            assert await answer.json() == {"by": ME, "subject": "shop"}
    [line] = [line for line in logged if line["event"] == "a change was asked for"]
    assert line == {
        "event": "a change was asked for",
        "log_level": "info",
        "by": ME,
        "request": "POST /v1/wish?x=1",
        "body": '{"subject": "shop"}',
        "status": 200,
    }


async def test_a_refused_change_is_logged_too(http: aiohttp.ClientSession) -> None:
    with capture_logs() as logged:
        await http.delete("/v1/fail?how=conflict")
    [line] = [line for line in logged if line["event"].startswith("a change")]
    assert line == {
        "event": "a change was asked for, and refused",
        "log_level": "warning",
        "by": ME,
        "request": "DELETE /v1/fail?how=conflict",
        "why": "this is why",
    }


async def test_who_only_looks_is_not_logged(http: aiohttp.ClientSession) -> None:
    with capture_logs() as logged:
        await http.get("/v1/status")
    assert not [line for line in logged if line["event"].startswith("a change")]


async def test_a_user_without_a_name_is_told_by_number(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_uid", lambda _: 4_000_000)
    async with http.post("/v1/wish", json={"subject": "shop"}) as answer:
        assert (await answer.json())["by"] == "uid 4000000"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"[" * 60_000, "the body is no JSON"),
        (b"[1]", "the body must be a JSON object"),
        (b"{}", "the key `subject` is missing"),
        (b'{"subjct": "shop"}', "subjct: unknown key `subjct`: did you mean `subject`?"),
        (b'{"subject": 1}', "subject: must be text, not `1`; if text is meant, put it in quotes"),
        (b'{"subject": "shop", "seconds": -1}', "seconds: must be at least 0, not `-1`"),
    ],
)
async def test_a_bad_body_is_one_line_that_names_the_key(http: aiohttp.ClientSession, sent: bytes, why: str) -> None:
    async with http.post("/v1/wish", data=sent) as answer:
        assert (answer.status, await answer.json()) == (422, {"error": why})


async def test_too_large_a_body(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/wish", data=b"x" * (server.LARGEST + 1)) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"].startswith("Maximum request body size 65536 exceeded")


async def test_a_body_that_says_it_is_compressed_is_no_bug(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/wish", data=b"no gzip", headers={"Content-Encoding": "gzip"}) as answer:
        assert (answer.status, await answer.json()) == (422, {"error": "the body is no JSON"})


@pytest.mark.parametrize(("how", "status"), [("found", 404), ("conflict", 409), ("kernel", 503)])
async def test_a_failure_is_one_line(http: aiohttp.ClientSession, how: str, status: int) -> None:
    async with http.delete(f"/v1/fail?how={how}") as answer:
        assert (answer.status, await answer.json()) == (status, {"error": "this is why"})


async def test_a_bug_is_an_answer_and_its_place_is_in_the_log(http: aiohttp.ClientSession) -> None:
    with capture_logs() as logged:
        async with http.delete("/v1/fail?how=bug") as answer:
            said = (answer.status, await answer.json())
    assert said == (500, {"error": "a bug in lvsctl (RuntimeError): its log says where; report it"})
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert (line["event"], line["request"]) == ("a bug in lvsctl: a request failed", "DELETE /v1/fail")


async def test_what_there_is_not(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/nonsense") as answer:
        said = "there is no /v1/nonsense: `lvsctl schema --api` tells what there is"
        assert (answer.status, await answer.json()) == (404, {"error": said})
    async with http.get("/v1/reload") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert json.loads(await answer.read()) == {"error": "/v1/reload takes POST, not GET"}
    async with http.get("/v1/explain?subject=shpo") as answer:
        assert answer.status == 404
        assert await answer.json() == {"error": "there is no service or server `shpo`: did you mean `shop`?"}
