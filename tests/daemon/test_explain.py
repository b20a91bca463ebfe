"""What the daemon explains, over the kernel remembered and over the real one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lvsctl.daemon.explain import explain
from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.model import DeleteServer
from tests.daemon.api.test_server import client
from tests.daemon.site import Servers, Site, conf, service, serving, tcp, weights

A, B = "127.0.0.11", "127.0.0.12"
VIP = "192.0.2.20"


def said(document: dict[str, Any], about: str) -> list[str]:
    return [link["says"] for link in document["chain"] if link["about"] == about]


async def test_a_server_that_lives_and_one_that_is_dead(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    await servers.kill(B)
    port, key = servers.port, tcp(VIP, servers.port)
    limits = "{upper: 8}"
    site.write(
        conf(service("shop", A, address=f"{VIP}:{port}", spare=(B,), scheduler="wlc", thresholds=limits, floor=1))
    )
    async with site.running() as daemon:
        await site.ready()
        await site.until("the living one", lambda table: weights(table, key) == {A: 2})
        await site.rounds(1)
        alive, dead = await explain(daemon, f"shop/{A}"), await explain(daemon, f"shop/{B}:{port}")
        whole = await explain(daemon, "shop")
        with pytest.raises(NoSuchSubject, match=r"^there is no server `127\.0\.0\.13` in shop: did you mean"):
            await explain(daemon, "shop/127.0.0.13")
    assert alive["answer"] == f"shop/{A}:{port} has weight 2: up: L4OK connected"
    assert alive["server"] == {"address": A, "port": port}
    assert said(alive, "configuration") == ["pool service (1 of 2 in order of priority), weight 2, forward masquerade"]
    assert said(alive, "thresholds") == [
        "full at 8 connections, takes new ones again below 6 (75% of it, as no lower one is set); "
        "0 now, of which 0 are established"
    ]
    [check] = said(alive, "check")
    expected = rf"tcp {A}:{port} every 0\.05 s: up for \d+ s, last answer L4OK connected; 0 of 2 fails take it down"
    assert re.fullmatch(expected, check)
    assert said(alive, "kernel") == ["has it with weight 2, as wanted"]
    assert dead["answer"] == f"shop/{B}:{port} is not in the table: pool service is in use, pool spare waits"
    assert said(dead, "pools") == ["service is in use; wlc itself knows no priorities"]
    assert said(dead, "health") == ["down: does not belong in the table (on_down remove)"]
    assert said(dead, "floor") == ["checks alone leave at least 1 of the servers of pool spare"]
    assert said(dead, "kernel") == ["has it not, as wanted"]
    assert (whole["answer"], whole["server"]) == (f"shop (tcp {VIP}:{port}) is ok: configuration", None)
    assert said(whole, "scheduler") == ["wlc is wanted and used"]
    assert said(whole, "pool service") == ["1 of 1 servers take new connections"]
    assert said(whole, "kernel") == ["has it with scheduler wlc"]


async def test_what_somebody_else_changed_since_the_last_round(site: Site, servers: Servers) -> None:
    await servers.start(A)
    key = tcp(VIP, servers.port)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}", check="none"), period="1h"))
    async with site.running() as daemon:
        table = await site.until("in", lambda table: weights(table, key) == {A: 1})
        await site.ipvs.apply([DeleteServer(key, server) for server in table[key].servers])
        told = await explain(daemon, f"shop/{A}")
    assert told["answer"] == f"shop/{A}:{servers.port} is not in the table: up: no checks"
    assert said(told, "kernel") == ["has it not; a round adds it"]


async def test_over_the_socket(site: Site, servers: Servers) -> None:
    await servers.start(A)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}", check="none")))
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.rounds(1)
        async with http.get("/v1/explain", params={"subject": f"shop/{A}"}) as answer:
            assert (answer.status, (await answer.json())["subject"]) == (200, f"shop/{A}:{servers.port}")
        async with http.get("/v1/explain", params={"subject": "shpo"}) as answer:
            assert (answer.status, await answer.json()) == (
                404,
                {"error": "there is no service or server `shpo`: did you mean `shop`?"},
            )
        async with http.get("/v1/explain") as answer:
            assert answer.status == 404
