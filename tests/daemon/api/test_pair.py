"""/v1/pair: what a daemon says of its pair, and what it can be told; every answer is held to the document."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from lvsctl.daemon.daemon import Daemon
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import PairSpec, Provider, Role, ServiceState, Standby, SyncDaemon, SyncRole
from lvsctl.model.pair_view import HookView, InstanceView, Neighbour, PairView, SyncView
from lvsctl.model.peer_view import Disagreement, InstanceStanding, PeerView
from tests.daemon.api.test_openapi import hold_to_the_document as ask
from tests.daemon.api.test_server import client
from tests.daemon.pairing.scene import FAST
from tests.daemon.site import Site, conf, service, serving
from tests.pair.linked import Link
from tests.pair.remembered import ETH0, RememberedGround

ME = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"
MANUAL = "pair: {provider: manual, name: cloud}\n"
KEEPALIVED = "pair: {provider: keepalived, keepalived: {instance: VI_1}}\n"
SHOP = conf(service("shop", "127.0.0.11", address="192.0.2.20:1", check="none"))


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Link:
    made = Link()
    monkeypatch.setattr("lvsctl.pair.ports.Port", made.port)
    return made


@contextlib.asynccontextmanager
async def pair(
    folder: Path, text: str = "", spec: PairSpec | None = None
) -> AsyncIterator[tuple[Daemon, aiohttp.ClientSession]]:
    """A daemon with this in conf.d, or with this spec."""
    site = Site(MemoryIpvs(schedulers=("wlc",)), folder)
    site.write(SHOP + text)
    ground = RememberedGround(replace(ETH0, addresses=(ip_interface(f"{FAST.source}/24"),)))
    path = folder / "lvsctl.sock"
    async with site.running(pair=spec, ground=ground) as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        yield daemon, http


async def until(daemon: Daemon, role: Role) -> None:
    async with asyncio.timeout(20):
        while daemon.pairing.role() is not role:
            await asyncio.sleep(0.005)


async def test_without_a_pair_there_is_nothing_to_tell(tmp_path: Path) -> None:
    async with pair(tmp_path) as (_, http):
        why = {"error": "there is no pair in conf.d: this director stands alone"}
        assert await ask(http, "GET", "/v1/pair", 404) == why
        assert await ask(http, "GET", "/v1/pair/role", 404) == why
        assert await ask(http, "POST", "/v1/pair/failover", 404, json={}) == why
        assert await ask(http, "POST", "/v1/pair/role", 404, json={"role": "active"}) == why
        assert await ask(http, "POST", "/v1/pair/notice", 404, json={"arguments": []}) == why
        assert (await ask(http, "GET", "/v1/status", 200))["pair"] is None


async def test_the_role_is_said(tmp_path: Path) -> None:
    async with pair(tmp_path, MANUAL) as (daemon, http):
        await until(daemon, Role.STANDBY)
        assert await ask(http, "GET", "/v1/pair/role", 200) == {"role": "standby"}
        with capture_logs() as logs:
            assert await ask(http, "POST", "/v1/pair/role", 200, json={"role": "active"}) == {"role": "active"}
        assert [(log["by"], log["body"]) for log in logs if "asked for" in log["event"]] == [(ME, '{"role": "active"}')]
        said = await ask(http, "GET", "/v1/pair", 200)
        assert (said["provider"], said["role"], said["attention"], said["objections"]) == ("manual", "active", [], [])
        [cloud] = said["instances"]
        assert (cloud["name"], cloud["role"], cloud["why"], cloud["priority"]) == ("cloud", "active", "ordered", 0)
        short = (await ask(http, "GET", "/v1/status", 200))["pair"]
        assert short == {
            "role": "active",
            "provider": "manual",
            "resting": False,
            "instances": [{"name": "cloud", "role": "active"}],
            "attention": [],
        }
        assert await ask(http, "POST", "/v1/pair/failover", 200, json={}) == {"overruled": []}
        assert await ask(http, "GET", "/v1/pair/role", 200) == {"role": "standby"}
        refused = await ask(http, "POST", "/v1/pair/failover", 409, json={"force": True})
        why = "this director is standby, so there is nothing to hand over: do it on the active one"
        assert refused == {"error": why}
        await ask(http, "POST", "/v1/pair/role", 422, json={"role": "master"})
        no = await ask(http, "POST", "/v1/pair/notice", 409, json={"arguments": ["INSTANCE", "VI_1", "MASTER", "1"]})
        assert no["error"] == "the role comes from the provider manual: keepalived's word does not count"


async def test_keepalived_notifies(tmp_path: Path) -> None:
    async with pair(tmp_path, KEEPALIVED) as (daemon, http):

        async def notify(*words: str, status: int = 200) -> Any:
            return await ask(http, "POST", "/v1/pair/notice", status, json={"arguments": list(words)})

        async with asyncio.timeout(20):
            while (view := daemon.pairing.view()) is None or view.trouble:
                await asyncio.sleep(0.005)
        assert await notify("own", "INSTANCE", "VI_1", "MASTER", "150") == {"role": "active"}
        assert await notify("INSTANCE", "VI_1", "MASTER_PRIORITY", "140") == {"role": "active"}
        assert await notify("INSTANCE", "VI_2", "BACKUP", "100") == {"role": "active"}
        [instance] = (await ask(http, "GET", "/v1/pair", 200))["instances"]
        assert (instance["role"], instance["priority"]) == ("active", 150)
        why = 'keepalived calls with INSTANCE|GROUP NAME STATE PRIORITY, not with "VI_1 MASTER"'
        assert await notify("VI_1", "MASTER", status=422) == {"error": why}
        refused = await ask(http, "POST", "/v1/pair/failover", 409, json={})
        assert refused["error"] == "the role comes from keepalived: to hand over, lower its priority or stop it"
        refused = await ask(http, "POST", "/v1/pair/role", 409, json={"role": "standby"})
        assert refused["error"] == "the role comes from the provider keepalived: only `manual` is told it"


async def test_who_speaks_vrrp_hands_over_by_force_where_nobody_is_known(tmp_path: Path, link: Link) -> None:
    async with pair(tmp_path, spec=PairSpec(instances=(FAST,))) as (daemon, http):
        await until(daemon, Role.ACTIVE)
        said = await ask(http, "GET", "/v1/pair", 200)
        [web] = said["instances"]
        assert (web["role"], web["interface"], web["priority"], web["base"]) == ("active", "eth0", 100, 100)
        nobody = "nobody is known to take over: web has heard no other, and conf.d has no `pair.peer` to ask"
        assert said["objections"] == [nobody]
        refused = await ask(http, "POST", "/v1/pair/failover", 409, json={})
        assert refused == {"error": f"not handed over: {nobody}: it needs --force"}
        assert await ask(http, "POST", "/v1/pair/failover", 200, json={"force": True}) == {"overruled": [nobody]}
        await until(daemon, Role.STANDBY)
        await until(daemon, Role.ACTIVE)  # nobody was there


def everything() -> tuple[PairView, PeerView]:
    """Whatever there may be to show."""
    instance = InstanceView(
        "web4",
        Role.ACTIVE,
        1763830000.0,
        "nobody is active",
        100,
        150,
        ("service shop is down: -50",),
        "eth0",
        (ip_interface("192.0.2.20/24"),),
        Neighbour(ip_address("192.0.2.3"), 90),
        ("eth1",),
        {"sent": 3},
        {"checksum": 2},
        {"ttl": 1},
    )
    other = PeerView(
        "192.0.2.3:10588",
        heard=0.4321,
        version="0.1.0",
        instances=(InstanceStanding("web4", Role.STANDBY, 120),),
        services={"shop": "down"},
        disagreements=(Disagreement("shop", "192.0.2.21:80", True),),
        differing=(Disagreement("shop", "192.0.2.21:80", True),),
        here=2,
        there=1,
        common=2,
        lowering=0,
        skew=0.0123,
        counts={"asked": 3},
    )
    view = PairView(
        Provider.VRRP,
        Standby.IDLE,
        Role.ACTIVE,
        (instance, InstanceView("web6", None)),
        sync=SyncView("eth1", 1, (SyncRole.MASTER,), (SyncDaemon(SyncRole.MASTER, "eth1", 1),)),
        hooks=(HookView("on_active", "web4", 1763830001.0, 0.25, "exit status 1"),),
    )
    return view, other


async def test_everything_there_is_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pair(tmp_path, MANUAL) as (daemon, http):
        view, other = everything()
        monkeypatch.setattr(daemon.pairing, "view", lambda: view)
        monkeypatch.setattr(daemon.peer, "view", lambda: other)
        daemon.last.states["shop"] = ServiceState.OK
        said = await ask(http, "GET", "/v1/pair", 200)
        assert said["attention"] == [
            "the two directors see 1 server differently",
            "on_active of web4 failed: exit status 1",
        ]
        assert said["objections"] == ["service shop is up here and down at the peer"]
        web4, web6 = said["instances"]
        assert web4["peer"] == {"role": "standby", "priority": 120}
        assert web4["neighbour"] == {"address": "192.0.2.3", "priority": 90}
        assert web4["since"] == "2025-11-22T16:46:40.000Z"
        assert (web6["role"], web6["since"], web6["peer"], web6["neighbour"]) == (None, None, None, None)
        assert said["peer"]["heard"] == 0.432
        assert said["sync"]["running"] == [{"role": "master", "interface": "eth1", "id": 1}]
        assert (await ask(http, "GET", "/v1/status", 200))["pair"]["attention"] == said["attention"]
        monkeypatch.setattr(daemon.peer, "view", lambda: replace(other, lost="it does not answer"))
        lost = await ask(http, "GET", "/v1/pair", 200)
        assert [one["peer"] for one in lost["instances"]] == [None, None], "what it said last may be so no more"
        monkeypatch.setattr(daemon.peer, "view", lambda: other)
        refused = await ask(http, "POST", "/v1/pair/failover", 409, json={"force": False})
        why = "not handed over: service shop is up here and down at the peer: it needs --force"
        assert refused == {"error": why}
