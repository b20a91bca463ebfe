"""What operators order of a running daemon: it holds at once, over a reload and a restart, and not too long."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from lvsctl.daemon.daemon import Daemon
from lvsctl.events import OverrideEnded, OverrideSet
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.api.test_openapi import hold_to_the_document
from tests.daemon.api.test_requests import ME
from tests.daemon.api.test_server import client
from tests.daemon.site import Jump, Servers, Site, conf, service, serving, tcp, weights
from tests.daemon.test_rounds import listen

A, B, C = "127.0.0.11", "127.0.0.12", "127.0.0.13"
VIP, OTHER = "192.0.2.20", "192.0.2.21"


class Desk:
    """An operator at the socket of a daemon at work."""

    def __init__(self, site: Site, daemon: Daemon, http: aiohttp.ClientSession) -> None:
        self.site = site
        self.daemon = daemon
        self.http = http

    async def order(self, subject: str, action: str = "drain", *, status: int = 200, **more: Any) -> Any:
        wish = {"subjects": subject.split(), "action": action, **more}
        return await hold_to_the_document(self.http, "POST", "/v1/overrides", status, json=wish)

    async def enable(self, subject: str, *, status: int = 200) -> Any:
        query = "&subject=".join(subject.split())
        return await hold_to_the_document(self.http, "DELETE", f"/v1/overrides?subject={query}", status)

    async def listed(self) -> list[Any]:
        said = await hold_to_the_document(self.http, "GET", "/v1/overrides", 200)
        return list(said["overrides"])

    async def server(self, address: str) -> Any:
        status = await hold_to_the_document(self.http, "GET", "/v1/status", 200)
        servers = (one for shop in status["services"] for pool in shop["pools"] for one in pool["servers"])
        return next(one for one in servers if one["address"] == address)


@contextlib.asynccontextmanager
async def at_work(site: Site) -> AsyncIterator[Desk]:
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        yield Desk(site, daemon, http)


def shop(servers: Servers, *addresses: str, **keys: Any) -> str:
    return conf(service("shop", *addresses, address=f"{VIP}:{servers.port}", **keys))


async def start(site: Site, servers: Servers, *addresses: str, **keys: Any) -> Any:
    await servers.start(*addresses)
    site.write(shop(servers, *addresses, **keys))
    return tcp(VIP, servers.port)


async def test_drain_disable_weight_and_enable(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        said = await desk.order(A, reason="new memory", **{"for": 1800})
        assert said["warnings"] == []
        [order] = said["overrides"]
        assert (order["subject"], order["action"], order["by"], order["reason"]) == (A, "drain", ME, "new memory")
        assert (order["services"], order["file"], order["weight"]) == (["shop"], None, None)
        assert order["servers"] == [{"service": "shop", "address": A, "port": servers.port}]
        await site.until("A drained", lambda table: weights(table, key) == {A: 0, B: 1})
        await site.rounds(1)
        it = await desk.server(A)
        assert (it["health"], it["override"]["by"], it["override"]["until"]) == ("up", ME, order["until"])
        assert it["why"].startswith(f"drained by {ME} until ") and it["why"].endswith(": new memory")
        assert (await desk.server(B))["override"] is None
        await desk.order(f"shop/{A}", "disable")
        await site.until("A out", lambda table: weights(table, key) == {B: 1})
        await desk.enable(f"shop/{A}")
        await desk.order(A, "weight", weight="300%")
        await site.until("A heavy", lambda table: weights(table, key) == {A: 3, B: 1})
        assert [one["action"] for one in await desk.listed()] == ["weight"]
        assert [one["weight"] for one in (await desk.enable(A))["ended"]] == ["300%"]
        await site.until("as configured", lambda table: weights(table, key) == {A: 1, B: 1})
        assert await desk.listed() == []


async def test_it_survives_a_reload_and_a_restart_and_writes_nothing_then(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await desk.order(A)
        await site.until("A drained", lambda table: weights(table, key) == {A: 0, B: 1})
        await desk.daemon.reload()
        await site.rounds(2)
        assert weights(await site.ipvs.read(), key) == {A: 0, B: 1}
    before = site.ipvs.written
    async with at_work(site) as desk:
        await site.rounds(2)
        assert weights(await site.ipvs.read(), key) == {A: 0, B: 1}
        assert site.ipvs.written == before
        [order] = await desk.listed()
        assert (order["subject"], order["by"]) == (A, ME)
    async with site.running() as daemon:
        assert daemon.last.number == 0
        assert [str(one.subject) for one in daemon.world.overrides] == [A], "--wait asks before the first round, too"


async def test_it_ends_by_itself_with_an_event(site: Site, servers: Servers, jump: Jump) -> None:
    """The period is long: it is the deadline that wakes the daemon."""
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        site.write((site.config / "site.yaml").read_text().replace("period: 200ms", "period: 1h"))
        await desk.daemon.reload()
        set_, ended = listen(desk.daemon, OverrideSet), listen(desk.daemon, OverrideEnded)
        await desk.order(A, **{"for": 600.0})
        await site.until("A drained", lambda table: weights(table, key) == {A: 0, B: 1})
        assert ended == []
        jump(600.0)
        await site.until("A back", lambda table: weights(table, key) == {A: 1, B: 1})
        assert [one.override for one in set_] == [one.override for one in ended]
        assert [one.by for one in ended] == [""]
        assert await desk.listed() == []
        assert json.loads((site.folder / "overrides.json").read_text())["overrides"] == []


async def test_what_ended_while_nobody_was_there_has_ended(site: Site, servers: Servers, jump: Jump) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await desk.order(A, **{"for": 600.0})
        await site.until("A drained", lambda table: weights(table, key) == {A: 0, B: 1})
    jump(600.0)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        told = [one for one in desk.daemon.stream.since(0) if one.record.event == "override_ended"]
        assert [one.record.message for one in told] == [f"{A} is no longer drained: its time is over"]
    async with at_work(site) as desk:
        history = await hold_to_the_document(desk.http, "GET", f"/v1/history?subject={A}", 200)
        events = [one["event"] for one in history["transitions"]]
        assert (events.count("override_set"), events.count("override_ended")) == (1, 1)


async def test_the_last_server_of_a_service_takes_force(site: Site, servers: Servers) -> None:
    await servers.start(A, B, C)
    one = service("shop", A, B, address=f"{VIP}:{servers.port}")
    site.write(conf(one, service("api", A, address=f"{OTHER}:{servers.port}", spare=(C,))))
    key, other = tcp(VIP, servers.port), tcp(OTHER, servers.port)
    async with at_work(site) as desk:
        await site.until("all", lambda table: weights(table, key) == {A: 1, B: 1} and weights(table, other) == {A: 2})
        said = await desk.order("shop/servers", status=409)
        nobody = "that would leave nobody to take the connections of {}: it needs --force"
        assert said["error"] == nobody.format("shop")
        assert await desk.listed() == []
        await desk.order(A)  # the spare one takes its place in api
        await site.until("C for A", lambda table: weights(table, other) == {A: 0, C: 1})
        for action in ({"action": "drain"}, {"action": "disable"}, {"action": "weight", "weight": "0"}):
            assert (await desk.order(B, **action, status=409))["error"] == nobody.format("shop")
        assert (await desk.order("api/spare", status=409))["error"] == nobody.format("api")
        await desk.order(B, "disable", force=True)
        await site.until("nobody", lambda table: weights(table, key) == {A: 0})
        await desk.order("shop/servers")  # there is nobody left to lose


async def test_a_service_may_not_live_by_an_order_that_ends(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        [until] = [(await desk.order(f"shop/{A}", "weight", weight="50%", **{"for": 600}))["overrides"][0]["until"]]
        said = await desk.order("shop/servers", status=409)
        assert said["error"] == (
            f"that would leave nobody to take the connections of shop once what is ordered of shop/{A} ends "
            f"({until[:19]}Z): it needs --force"
        )
        await desk.order("shop/servers", **{"for": 500})
        await desk.enable("shop/servers")
        await desk.order(f"shop/{A}", "weight", weight="50%")
        await desk.order("shop/servers")


async def test_an_order_that_a_service_lives_by_is_not_ended_without_force(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        await desk.order(f"shop/{A}", "weight", weight="5")
        await desk.order("shop/servers")
        await site.until("A alone", lambda table: weights(table, key) == {A: 5, B: 0})
        said = await desk.enable(f"shop/{A}", status=409)
        assert said["error"] == "that would leave nobody to take the connections of shop: it needs --force"
        await site.rounds(1)
        assert weights(await site.ipvs.read(), key) == {A: 5, B: 0}
        said = await desk.enable(f"shop/{A}&force=1")
        assert len(said["ended"]) == len(said["warnings"]) == 1
        await site.until("nobody", lambda table: weights(table, key) == {A: 0, B: 0})


async def test_of_several_all_are_ordered_or_none(site: Site, servers: Servers) -> None:
    await servers.start(A, B, C)
    one = service("shop", A, B, address=f"{VIP}:{servers.port}")
    site.write(conf(one, service("api", A, C, address=f"{OTHER}:{servers.port}")))
    key, other = tcp(VIP, servers.port), tcp(OTHER, servers.port)
    async with at_work(site) as desk:
        await site.until(
            "all", lambda table: weights(table, key) == {A: 1, B: 1} and weights(table, other) == {A: 1, C: 1}
        )
        said = await desk.order(f"{A} nosuch", status=404)
        assert said["error"] == "there is no server `nosuch`: `lvsctl status` lists them"
        said = await desk.order(f"{A} {B}", status=409)
        assert said["error"] == "that would leave nobody to take the connections of shop: it needs --force"
        assert await desk.listed() == []
        said = await desk.order(f"{A} api/{C} {A}", force=True)
        assert [one["subject"] for one in said["overrides"]] == [A, f"api/{C}"]
        await site.until(
            "both", lambda table: weights(table, key) == {A: 0, B: 1} and weights(table, other) == {A: 0, C: 0}
        )
        said = await desk.enable(f"{A} {B}", status=404)
        assert said["error"] == f"nothing is ordered of {B}: `lvsctl overrides` lists what is"
        assert len(await desk.listed()) == 2
        said = await desk.enable(f"{A} api/{C} api/servers")
        assert [one["subject"] for one in said["ended"]] == [A, f"api/{C}"]
        assert (await desk.listed(), said["warnings"]) == ([], [])


async def test_who_does_not_exist_and_what_cannot_be_ordered(site: Site, servers: Servers) -> None:
    await start(site, servers, A, B)
    async with at_work(site) as desk:
        said = await desk.order("shpo/127.0.0.11", status=404)
        assert said["error"] == "there is no service `shpo`: did you mean `shop`?"
        for wish in ({"weight": "5"}, {"action": "weight"}, {"action": "weight", "weight": "-1"}, {"for": 0}):
            assert (await desk.order(A, **{"action": "drain", **wish}, status=422))["error"].startswith(
                next(name for name in ("for", "weight") if name in str(wish))
            )
        assert (await desk.order(A, reason="a\nb", status=422))["error"] == "reason: it must be one line of text"
        assert (await desk.enable(A, status=404))["error"] == (
            f"nothing is ordered of {A}: `lvsctl overrides` lists what is"
        )
        assert await desk.listed() == []


async def test_enable_ends_the_parts_and_names_the_whole(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    api = service("api", A, B, address=f"{OTHER}:{servers.port}")
    site.write(conf(service("shop", A, B, address=f"{VIP}:{servers.port}"), api))
    async with at_work(site) as desk:
        await desk.order(f"shop/{A}")
        await desk.order(f"{A}:{servers.port}", "disable")
        assert [one["subject"] for one in (await desk.enable(A))["ended"]] == [f"shop/{A}", f"{A}:{servers.port}"]
        await desk.order(A)
        said = await desk.enable(f"shop/{A}", status=409)
        assert said["error"] == (f"shop/{A}:{servers.port} is drained by {ME}, without an end: lvsctl enable {A}")
        await desk.order(f"shop/{A}", "weight", weight="7")
        said = await desk.enable(f"shop/{A}")
        assert (len(said["ended"]), len(said["warnings"])) == (1, 1)


async def test_one_whose_server_left_conf_d_is_idle_and_can_be_ended(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await desk.order(A)
        site.write(shop(servers, B))
        with capture_logs() as logged:
            await desk.daemon.reload()
            await desk.daemon.reload()
        [line] = [line for line in logged if "subject" in line]
        assert line == {
            "event": "an order matches nothing in conf.d: it holds again when that is back; lvsctl enable ends it",
            "log_level": "warning",
            "subject": A,
            "order": f"drained by {ME}, without an end",
        }
        await site.until("B alone", lambda table: weights(table, key) == {B: 1})
        assert [(one["subject"], one["services"]) for one in await desk.listed()] == [(A, [])]
        site.write(shop(servers, A, B))
        await desk.daemon.reload()
        await site.rounds(3)
        assert weights(await site.ipvs.read(), key) == {B: 1}
        site.write(shop(servers, B))
        await desk.daemon.reload()
        assert [one["subject"] for one in (await desk.enable(A))["ended"]] == [A]


async def test_what_an_operator_should_know_is_said(site: Site, servers: Servers) -> None:
    await servers.start(A, B, C)
    site.write(
        conf(service("shop", A, B, address=f"{VIP}:{servers.port}", spare=(C,), scheduler="fo", persistent="60s"))
    )
    async with at_work(site) as desk:
        at = f"shop/{A}:{servers.port}"
        [said] = (await desk.order(A))["warnings"]
        assert said == (
            f"shop is persistent: clients that it remembers still go to {A}:{servers.port}, unless the sysctl "
            "net.ipv4.vs.expire_quiescent_template is 1"
        )
        [said] = (await desk.order(f"shop/{A}", "weight", weight="1"))["warnings"]
        by_weight = f"with fo the weight is the priority: {at} now takes"
        assert said == f"{by_weight} turns with the servers of weight 1 (pool spare)"
        [said] = (await desk.order(f"shop/{A}", "weight", weight="9"))["warnings"]
        assert said == f"{by_weight} connections before every server of a lower weight than 9"
        [said] = (await desk.order("shop/service", "disable"))["warnings"][:1]
        assert said.startswith(f"{at} goes on as it is: it is weight 9 by {ME}, without an end (shop/{A})")


async def test_who_is_drained_is_drained_on_the_disk_or_not_at_all(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B)
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        (site.folder / "overrides.new").mkdir()  # as good as a full disk
        said = await desk.order(A, status=503)
        assert said["error"] == f"cannot write {site.folder}/overrides.json: Is a directory"
        await site.rounds(1)
        assert weights(await site.ipvs.read(), key) == {A: 1, B: 1}
        assert await desk.listed() == []


# --- drain timeouts and slow starts -------------------------------------------------------------------------------


async def test_a_drained_server_leaves_once_it_has_no_connections(site: Site, servers: Servers) -> None:
    key = await start(site, servers, A, B, drain_timeout="1h")
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        await desk.order(A)
        await site.until("A gone, as it had none", lambda table: weights(table, key) == {B: 1})
        await site.rounds(2)
        await desk.enable(A)
        await site.until("A back", lambda table: weights(table, key) == {A: 1, B: 1})


async def test_with_connections_it_leaves_when_its_time_is_over(tmp_path: Path, servers: Servers, jump: Jump) -> None:
    """The period is long: it is the end of the time that wakes the daemon."""
    ipvs = MemoryIpvs(schedulers=("wlc",))
    site = Site(ipvs, tmp_path)
    key = await start(site, servers, A, B, drain_timeout="30m")
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        site.write((site.config / "site.yaml").read_text().replace("period: 200ms", "period: 1h"))
        await desk.daemon.reload()
        taken = [ipvs.connect(key, ip_address("198.51.100.1"), 1024 + turn, now=0) for turn in range(2)]
        assert {str(one.address) for one in taken if one is not None} == {A, B}
        await desk.order(A)
        await site.until("drained", lambda table: weights(table, key) == {A: 0, B: 1})
        for _ in range(2):  # the round that finds weight 0 begins the time; it has ended when the next one begins
            desk.daemon.world.wake.set()
            await site.rounds(0)
        assert weights(await ipvs.read(), key) == {A: 0, B: 1}
        jump(1800.0)
        await site.until("gone", lambda table: weights(table, key) == {B: 1})
        assert (await desk.server(A))["why"].startswith("drained by ")


async def test_a_server_that_recovers_starts_slowly(site: Site, servers: Servers, jump: Jump) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    heavy = [f"{{address: {address}, weight: 10}}" for address in (A, B)]
    site.write(shop(servers, *heavy, slow_start="50m"))
    async with at_work(site):
        await site.until("nobody is slow at the start", lambda table: weights(table, key) == {A: 10, B: 10})
        await servers.kill(B)
        await site.until("B out", lambda table: weights(table, key) == {A: 10})
        await servers.start(B)
        for weight in (1, 2, 4, 6, 8, 10):
            table = await site.until("B has more", lambda table, least=weight: weights(table, key).get(B, 0) >= least)
            assert weights(table, key) == {A: 10, B: weight}
            jump(600.0)


# --- the maintenance directory ------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    made = tmp_path / "maintenance"
    made.mkdir()
    return made


def watched(files: Path, text: str) -> str:
    return text.replace("global: {", f"global: {{maintenance: {files}, ")


async def test_a_file_drains_and_its_removal_ends_it(site: Site, servers: Servers, files: Path) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(watched(files, shop(servers, A, f"{{name: web2, address: {B}}}")))
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        set_, ended = listen(desk.daemon, OverrideSet), listen(desk.daemon, OverrideEnded)
        (files / "web2").write_text("new memory\nticket 4711\n")
        await site.until("B drained", lambda table: weights(table, key) == {A: 1, B: 0})
        it = await desk.server(B)
        user = ME.partition(" ")[0]
        assert (it["name"], it["override"]["by"]) == ("web2", f"maintenance directory ({user})")
        assert it["override"]["reason"] == "new memory"
        [order] = await desk.listed()
        assert order["file"] == str(files / "web2")
        said = await desk.enable(B, status=409)
        assert said["error"].endswith(f": new memory: rm {files}/web2")
        (files / "web2").unlink()
        await site.until("B back", lambda table: weights(table, key) == {A: 1, B: 1})
        assert [str(one.override.subject) for one in set_] == [f"{B}:{servers.port}"]
        assert [one.by for one in ended] == [f"maintenance directory ({user}): web2 was removed"]


async def test_files_are_there_from_the_start_and_are_no_news_then(site: Site, servers: Servers, files: Path) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(watched(files, shop(servers, A, B)))
    (files / f"{A}:{servers.port}@shop").touch()
    async with at_work(site) as desk:
        set_ = listen(desk.daemon, OverrideSet)
        await site.until("B alone", lambda table: weights(table, key) == {B: 1})
        await site.rounds(2)
        assert set_ == []
        ended = listen(desk.daemon, OverrideEnded)
        site.write(watched(files, shop(servers, B)))
        await desk.daemon.reload()
        await site.until("A is not in conf.d", lambda table: weights(table, key) == {B: 1})
        await site.rounds(2)
        place = f"{A}:{servers.port}"
        assert [one.by.partition(": ")[2] for one in ended] == [f"{place}@shop names shop/{place} no longer"]
        site.write(shop(servers, A, B))
        await desk.daemon.reload()
        await site.until("no directory, nobody drained", lambda table: weights(table, key) == {A: 1, B: 1})


async def test_a_file_may_not_take_the_last_server_unless_it_says_so(site: Site, servers: Servers, files: Path) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(watched(files, shop(servers, A, B)))
    async with at_work(site):
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        (files / A).touch()
        (files / B).touch()
        await site.until("one of them", lambda table: weights(table, key) == {A: 0, B: 1})
        await site.rounds(3)
        assert weights(await site.ipvs.read(), key) == {A: 0, B: 1}
        (files / B).unlink()
        (files / f"{B}@shop").write_text("force: the site closes\n")
        await site.until("both now", lambda table: weights(table, key) == {A: 0, B: 0})
        (files / A).unlink()
        await site.until("A back", lambda table: weights(table, key) == {A: 1, B: 0})


async def test_a_start_undoes_no_file_because_the_others_went_later(site: Site, servers: Servers, files: Path) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(watched(files, shop(servers, A, B, check="none")))
    async with at_work(site) as desk:
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        (files / A).touch()
        await site.until("A drained", lambda table: weights(table, key) == {A: 0, B: 1})
        await desk.order(B, force=True)
        await site.until("both drained", lambda table: weights(table, key) == {A: 0, B: 0})
    before = site.ipvs.written
    async with at_work(site):
        await site.rounds(3)
        assert weights(await site.ipvs.read(), key) == {A: 0, B: 0}
        assert site.ipvs.written == before
