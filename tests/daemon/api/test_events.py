"""GET /v1/events over the socket: what was, what comes, and who is too slow for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lvsctl.daemon import stream as streams
from lvsctl.daemon.api import events
from lvsctl.daemon.daemon import Daemon
from lvsctl.events import OverrideSet, PoolExhausted, PoolRelieved
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Action, Override, ServerSubject
from tests.daemon.api.test_server import client
from tests.daemon.site import Site, conf, service, serving

Asked = tuple[Daemon, aiohttp.ClientSession]


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    """A daemon, settled; and a way to ask it."""
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    site.write(conf(service("shop", "127.0.0.11", address="192.0.2.20:1", check="none")))
    path = tmp_path / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        yield daemon, http


async def lines(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [json.loads(await answer.content.readline()) for _ in range(count)]


async def test_what_is_kept(asked: Asked) -> None:
    daemon, http = asked
    async with http.get("/v1/events") as answer:
        assert answer.headers["Content-Type"] == "application/jsonl"
        told = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert [one["number"] for one in told] == list(range(1, len(told) + 1))
    assert told[-1].items() >= {"event": "service_ok", "service": "shop", "message": "service is ok"}.items()
    last = told[-1]["number"]
    daemon.tell(PoolExhausted("shop"))
    async with http.get(f"/v1/events?since={last}") as answer:
        [one] = await lines(answer, 1)
        assert one.items() >= {"number": last + 1, "event": "pool_exhausted", "level": "error", "pool": ""}.items()
    async with http.get("/v1/events?limit=2") as answer:
        assert [json.loads(line)["number"] for line in (await answer.text()).splitlines()] == [last, last + 1]
    async with http.get("/v1/events?limit=0") as answer:
        assert await answer.text() == ""


async def test_of_one_service(asked: Asked) -> None:
    daemon, http = asked
    daemon.tell(PoolExhausted("gone"))
    async with http.get("/v1/events?service=gone") as answer:
        assert [json.loads(line)["service"] for line in (await answer.text()).splitlines()] == ["gone"]
    async with http.get("/v1/events?service=shpo") as answer:
        why = "there is no service or server `shpo`: did you mean `shop`?"
        assert (answer.status, await answer.json()) == (404, {"error": why})
    async with http.get("/v1/events?service=192.0.2.20:1") as answer:
        assert {json.loads(line)["service"] for line in (await answer.text()).splitlines()} == {"shop"}


async def test_an_order_about_a_server_wherever_it_is_is_about_each_service_that_has_it(asked: Asked) -> None:
    """`lvsctl history` tells the same, by the same rule."""
    daemon, http = asked
    daemon.tell(OverrideSet(Override(ServerSubject(None, ip_address("127.0.0.11"), None), Action.DRAIN, "bob", "", 0)))
    for subject in ("shop", "127.0.0.11", "shop/127.0.0.11"):
        async with http.get("/v1/events", params={"service": subject, "limit": "1"}) as answer:
            told = [json.loads(line) for line in (await answer.text()).splitlines()]
        async with http.get("/v1/history", params={"subject": subject, "limit": "1"}) as answer:
            assert told == (await answer.json())["transitions"]
        assert [one["event"] for one in told] == ["override_set"]


async def test_who_follows_a_service_hears_of_servers_that_a_reload_brings(asked: Asked, tmp_path: Path) -> None:
    """And goes on to hear of what a reload takes out of conf.d."""
    daemon, http = asked

    def order(address: str) -> int:
        subject = ServerSubject(None, ip_address(address), None)
        daemon.tell(OverrideSet(Override(subject, Action.DRAIN, "bob", "", 0)))
        return daemon.herald.number

    async def reload(name: str, *servers: str) -> None:
        (tmp_path / "conf.d" / "site.yaml").write_text(
            conf(service(name, *servers, address="192.0.2.20:1", check="none"))
        )
        await daemon.reload()

    async with http.get("/v1/events?service=shop&limit=0&follow=1") as answer:
        order("127.0.0.12")
        await reload("shop", "127.0.0.11", "127.0.0.12")
        wanted = order("127.0.0.12")
        while (one := (await lines(answer, 1))[0])["event"] != "override_set":
            assert one["service"] == "shop"
        assert one["number"] == wanted, "before it was somebody else's"
        await reload("api", "127.0.0.13")
        wanted = order("127.0.0.12")
        while (one := (await lines(answer, 1))[0])["event"] != "override_set":
            assert one["service"] == "shop"
        assert one["number"] == wanted


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "", "9" * 16])
async def test_a_number_that_is_none(asked: Asked, bad: str) -> None:
    async with asked[1].get("/v1/events", params={"since": bad}) as answer:
        assert (answer.status, await answer.json()) == (
            422,
            {"error": f"since: must be a whole number from 0, not `{bad}`"},
        )


async def test_what_comes_until_the_daemon_stops(asked: Asked) -> None:
    daemon, http = asked
    async with http.get("/v1/events?limit=1&follow=1") as answer, http.get("/v1/events?limit=0&follow=1") as other:
        [was] = await lines(answer, 1)
        for event in (PoolExhausted("shop"), PoolRelieved("shop", 1.5)):
            daemon.tell(event)
            for reader in (answer, other):
                [news] = await lines(reader, 1)
                assert news["number"] == daemon.herald.number > was["number"]
        assert news["duration"] == 1.5
        daemon.stream.close()
        async with asyncio.timeout(10):
            assert (await answer.content.read(), await other.content.read()) == (b"", b"")


async def test_who_has_hung_up_is_forgotten(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK", 0.01)
    daemon, http = asked
    async with http.get("/v1/events?follow=1") as answer:
        await lines(answer, 1)
        assert len(daemon.stream._readers) == 1
    async with asyncio.timeout(10):
        while daemon.stream._readers:
            await asyncio.sleep(0.01)


def stuff(daemon: Daemon) -> int:
    """Tell more than the buffers between the two sides hold; returns how many records."""
    many = 2 * streams.BACKLOG
    for _ in range(many):
        daemon.tell(PoolExhausted("x" * 500))
    return many


async def test_who_is_too_slow_is_told_so_in_the_last_line(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BACKLOG", 2000)
    daemon, http = asked
    async with http.get("/v1/events?limit=0&follow=1") as answer:
        while not daemon.stream._readers:
            await asyncio.sleep(0.01)
        many = stuff(daemon)
        async with asyncio.timeout(30):
            told = [json.loads(line) async for line in answer.content]
    words = f"this reader was too slow: {many} records are lost to it; ask again from here"
    assert told[-1] == {"number": daemon.herald.number, "event": "dropped", "level": "warning", "message": words}
    assert not daemon.stream._readers


async def test_who_does_not_read_at_all_is_hung_up_on(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BACKLOG", 2000)
    monkeypatch.setattr(events, "LAST_WORD", 0.1)
    daemon, _ = asked
    _, writer = await asyncio.open_unix_connection(tmp_path / "lvsctl.sock", limit=1)
    writer.write(b"GET /v1/events?limit=0&follow=1 HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(30):
        while not daemon.stream._readers:
            await asyncio.sleep(0.01)
        [reader] = daemon.stream._readers
        while not reader.dropped:  # until its buffers are full, and then its backlog
            stuff(daemon)
            await asyncio.sleep(0.01)
        while daemon.stream._readers:
            await asyncio.sleep(0.01)
    writer.close()


async def test_there_may_be_so_many_readers_and_no_more(asked: Asked) -> None:
    daemon, http = asked
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(streams.MOST_READERS):
            stack.enter_context(daemon.stream.follow(lambda: None))
        async with http.get("/v1/events?follow=1") as answer:
            why = "64 readers follow the events already: let one of them go first"
            assert (answer.status, await answer.json()) == (503, {"error": why})
    async with http.get("/v1/events?limit=1") as answer:
        assert answer.status == 200
