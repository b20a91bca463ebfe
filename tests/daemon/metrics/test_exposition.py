"""What Prometheus is told is what status shows, in a text that its own tools take."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.metrics.exposition import exposition
from lvsctl.daemon.metrics.scene import look
from lvsctl.daemon.status import status
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Action, NewWeight, Override, ServerSubject
from lvsctl.notify.served import ReceiverStanding
from lvsctl.notify.worker import Numbers
from tests.daemon.metrics.told import Series, read, read_openmetrics, series
from tests.daemon.site import Jump, Servers, Site, conf, scrape, service, tcp, weights

A, B, C, D = "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"
VIP, OTHER = "192.0.2.20", "192.0.2.21"
ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def of_status(document: dict[str, Any], *, looked: bool) -> Iterator[tuple[Series, float]]:
    """The series that a status document calls for. looked: a round was done, so that somebody knows what is full."""
    yield series("lvsctl_build_info", version=document["version"]), 1
    yield series("lvsctl_ready"), document["ready"]
    yield series("lvsctl_config_last_reload_successful"), document["config"]["reload_ok"]
    yield series("lvsctl_foreign_services"), len(document["foreign"])
    yield series("lvsctl_kernel_orders_total"), document["kernel"]["written"]
    yield series("lvsctl_director_suspected"), document["guard"]["suspected"]
    yield series("lvsctl_guard_withheld_steps"), len(document["round"]["withheld"])
    for found in document["services"]:
        name = found["name"]
        yield series("lvsctl_service_up", service=name), found["state"] == "ok"
        for state in ("ok", "waiting", "refused", "down"):
            yield series("lvsctl_service_state", service=name, state=state), found["state"] == state
        has_thresholds = any(server["upper"] for pool in found["pools"] for server in pool["servers"])
        if looked and has_thresholds:
            yield from of_spill(found)
        for pool in found["pools"]:
            yield series("lvsctl_pool_active", service=name, pool=pool["name"]), pool["active"]
            for server in pool["servers"]:
                yield from of_server(server, counted=looked, service=name, pool=pool["name"])


def of_spill(found: dict[str, Any]) -> Iterator[tuple[Series, float]]:
    name, spill = found["name"], found["spill"]
    yield series("lvsctl_spill_active", service=name), spill["active"]
    yield series("lvsctl_spill_exhausted", service=name), spill["exhausted"]
    for pool in found["pools"]:
        labels = {"service": name, "pool": pool["name"]}
        yield series("lvsctl_pool_full", **labels), pool["full"]
        yield series("lvsctl_pool_connections", **labels), pool["conns"]
        if pool["capacity"] is not None:
            yield series("lvsctl_pool_capacity", **labels), pool["capacity"]
        for server in pool["servers"]:
            if server["overloaded"] is not None:
                server_label = f"{server['address']}:{server['port']}"
                yield series("lvsctl_server_overloaded", server=server_label, **labels), server["overloaded"]


def of_server(server: dict[str, Any], *, counted: bool, **labels: str) -> Iterator[tuple[Series, float]]:
    labels |= {"server": f"{server['address']}:{server['port']}"}

    def one(name: str, value: float) -> tuple[Series, float]:
        return series(f"lvsctl_server_{name}", **labels), value

    yield one("up", server["health"] in ("up", "presumed up", "no check"))
    yield one("in_table", server["in_table"])
    yield one("weight", server["weight"] or 0)
    yield one("configured_weight", server["weight_configured"])
    if counted and server["in_table"]:
        yield one("connections_total", server["connections_total"])
    for kind in ("active", "inactive", "persistent"):
        yield one(f"{kind}_connections", server[kind])
    for threshold in ("upper", "lower"):
        if server[threshold]:
            yield one(f"{threshold}_threshold", server[threshold])
    if server["kept"]:
        yield one("kept", 1)
    if server["since"] is not None:
        yield one("health_changed_timestamp_seconds", datetime.fromisoformat(server["since"]).timestamp())


async def agree(daemon: Daemon) -> None:
    """Every number of status is told with the same value."""
    document, told = await status(daemon), read(scrape(daemon))
    wanted = {name: float(value) for name, value in of_status(document, looked=daemon.last.round is not None)}
    assert {name: told.get(name) for name in wanted} == pytest.approx(wanted, abs=0.0011)
    servers = sum(len(pool["servers"]) for one in document["services"] for pool in one["pools"])
    assert sum(name == "lvsctl_server_up" for name, _ in told) == servers


async def test_every_number_of_status_is_told(site: Site, servers: Servers) -> None:
    await servers.start(A, B, C)
    key = tcp(VIP, servers.port)
    keys = {"scheduler": "nosuch", "scheduler_fallback": "fo", "thresholds": "{upper: 50, lower: 20}"}
    shop = service("shop", A, B, address=f"{VIP}:{servers.port}", spare=(C, D), **keys)
    lone = service("lone", D, address=f"{OTHER}:{servers.port}", check="none")
    site.write(conf(shop, lone))
    async with site.running() as daemon:
        await agree(daemon)  # before the first round
        await site.until("those that live", lambda table: weights(table, key) == {A: 2, B: 2, C: 1})
        await servers.kill(B)
        await site.until("the dead one out", lambda table: weights(table, key) == {A: 2, C: 1})
        await site.ready()
        await site.rounds(1)
        await agree(daemon)
        told = read(scrape(daemon))
        b = {"service": "shop", "pool": "service", "server": f"{B}:{servers.port}"}
        assert told[series("lvsctl_server_up", **b)] == 0
        info = {"vip": f"{VIP}:{servers.port}", "protocol": "tcp", "scheduler": "fo", "scheduler_wanted": "nosuch"}
        assert told[series("lvsctl_service_info", service="shop", **info)] == 1


async def test_a_server_that_is_down_but_kept_is_told(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    site.write(conf(service("shop", A, B, address=f"{VIP}:{servers.port}", floor="1")))
    async with site.running() as daemon:
        await site.until("both", lambda table: weights(table, tcp(VIP, servers.port)) == {A: 1, B: 1})
        await servers.kill(A, B)
        await site.until("one", lambda table: len(weights(table, tcp(VIP, servers.port))) == 1)
        await site.rounds(2)
        await agree(daemon)
        assert sum(name == "lvsctl_server_kept" for name, _ in read(scrape(daemon))) == 1


async def test_connections_are_told_as_the_last_round_counted_them(tmp_path: Path) -> None:
    kernel = MemoryIpvs()
    site = Site(kernel, tmp_path)
    site.write(conf(service("shop", A, B, address=f"{VIP}:80", check="none", scheduler="rr")))
    async with site.running() as daemon:
        await site.rounds(1)
        for port in range(1, 6):
            kernel.connect(tcp(VIP, 80), ip_address("198.51.100.1"), port, now=1.0)
        await site.rounds(1)
        await agree(daemon)
        told = read(scrape(daemon))
        each = [
            told[series("lvsctl_server_connections_total", service="shop", pool="servers", server=f"{address}:80")]
            for address in (A, B)
        ]
        assert sorted(each) == [2, 3]
        assert told[series("lvsctl_service_connections_total", service="shop")] == 5


async def test_counters_that_nobody_read_are_absent(tmp_path: Path) -> None:
    """The kernel goes on where it was if a server is back soon: after a 0 all of that would be an increase."""
    kernel = MemoryIpvs()
    site = Site(kernel, tmp_path)
    key, client = tcp(VIP, 80), ip_address("198.51.100.1")
    a = series("lvsctl_server_connections_total", service="shop", pool="servers", server=f"{A}:80")
    shop = series("lvsctl_service_connections_total", service="shop")
    node = series("node_ipvs_connections_total")
    site.write(conf(service("shop", A, B, address=f"{VIP}:80", check="none")) + "metrics: {compat: [node_exporter]}\n")
    async with site.running() as daemon:
        assert {a, shop, node} & read(scrape(daemon)).keys() == set(), "before the first round"
        await site.rounds(1)
        for port in range(1, 6):
            kernel.connect(key, client, port, now=1.0)
        await site.rounds(1)
        counted = read(scrape(daemon))[a]
        assert counted > 0
        out = Override(ServerSubject(None, ip_address(A), None), Action.DISABLE, by="alice", reason="", since=0.0)
        daemon.overrides.order([out])
        await site.until("one", lambda table: weights(table, key) == {B: 1})
        await site.rounds(2)
        assert a not in read(scrape(daemon))
        assert shop in read(scrape(daemon))
        daemon.overrides.end([out], "alice")
        await site.until("both", lambda table: weights(table, key) == {A: 1, B: 1})
        await site.rounds(2)
        assert read(scrape(daemon))[a] == counted


async def test_a_spill_is_told_while_it_lasts_and_afterwards(jump: Jump, tmp_path: Path) -> None:
    kernel = MemoryIpvs()
    site = Site(kernel, tmp_path)
    pools = {"check": "none", "scheduler": "fo", "thresholds": "{upper: 2}", "spill_quiet": "0s", "spare": (B,)}
    site.write(conf(service("shop", A, address=f"{VIP}:80", **pools)))  # type: ignore[arg-type]
    key, client = tcp(VIP, 80), ip_address("198.51.100.1")
    to_spare = {"service": "shop", "to": "spare"}
    async with site.running() as daemon:
        await site.rounds(1)
        assert read(scrape(daemon))[series("lvsctl_spill_connections_total", **to_spare)] == 0
        for port in range(1, 4):
            kernel.connect(key, client, port, now=1.0)
        await site.rounds(1)
        await agree(daemon)
        told = read(scrape(daemon))
        assert told[series("lvsctl_spill_active", service="shop")] == 1
        assert told[series("lvsctl_spill_connections_total", **to_spare)] == 1
        assert told[series("lvsctl_spills_total", service="shop")] == 1
        for port in range(1, 4):
            kernel.end(key, client, port, now=2.0)
        kernel.pass_time(1000.0)
        totals = [told]
        async with asyncio.timeout(20):
            while not daemon.metrics.spilled:
                jump(1.0)
                await site.rounds(1)
                totals.append(read(scrape(daemon)))
        await agree(daemon)
        for name in ("lvsctl_spill_seconds_total", "lvsctl_spill_connections_total"):
            course = [one[series(name, **to_spare)] for one in totals]
            assert course == sorted(course)  # it never begins anew
            assert course[-1] > 0
        assert totals[-1][series("lvsctl_spill_active", service="shop")] == 0


async def test_the_totals_of_node_exporter_stay_when_a_service_goes(tmp_path: Path) -> None:
    kernel = MemoryIpvs()
    site = Site(kernel, tmp_path)
    metrics = "metrics: {compat: [node_exporter]}\n"
    shop, other = (service(name, A, address=f"{VIP}:{port}", check="none") for name, port in (("shop", 80), ("b", 81)))
    site.write(conf(shop, other) + metrics)
    async with site.running() as daemon:
        await site.rounds(1)
        for port in (80, 80, 81):
            kernel.connect(tcp(VIP, port), ip_address("198.51.100.1"), port, now=1.0)
            kernel.connect(tcp(VIP, port), ip_address("198.51.100.2"), port, now=1.0)
        await site.rounds(1)
        total = series("node_ipvs_connections_total")
        assert read(scrape(daemon))[total] == 4
        site.write(conf(other) + metrics)
        await daemon.reload()
        await site.until("one service", lambda table: len(table) == 1)
        await site.rounds(1)
        assert read(scrape(daemon))[total] == 4


async def test_a_spill_into_the_first_pool_is_told_too(tmp_path: Path) -> None:
    kernel = MemoryIpvs()
    site = Site(kernel, tmp_path)
    pools = {"check": "none", "scheduler": "fo", "thresholds": "{upper: 2}", "spare": (B,)}
    site.write(conf(service("shop", A, address=f"{VIP}:80", **pools)))  # type: ignore[arg-type]
    key = tcp(VIP, 80)
    async with site.running() as daemon:
        await site.rounds(1)
        spare = ServerSubject(None, ip_address(B), None)
        daemon.overrides.order([Override(spare, Action.WEIGHT, "alice", "", since=0.0, weight=NewWeight(9))])
        await site.until("the spare one above", lambda table: weights(table, key)[B] == 9)
        await site.rounds(1)
        for port in range(1, 4):
            kernel.connect(key, ip_address("198.51.100.1"), port, now=1.0)
        await site.rounds(1)
        told = read(scrape(daemon))
        assert told[series("lvsctl_spill_active", service="shop")] == 1
        assert told[series("lvsctl_spill_connections_total", service="shop", to="service")] == 1
        assert told[series("lvsctl_spill_connections_total", service="shop", to="spare")] == 0


async def test_how_the_receivers_of_alerts_stand(tmp_path: Path) -> None:
    site = Site(MemoryIpvs(), tmp_path)
    receiver = "alerts: {receivers: {pager: {webhook: 'http://127.0.0.1:9/'}}, routes: [{to: pager}]}\n"
    site.write(conf(service("shop", A, address=f"{VIP}:80", check="none")) + receiver)
    async with site.running() as daemon:
        await site.rounds(1)
        assert read(scrape(daemon))[series("lvsctl_notifications_waiting", receiver="pager")] == 0
        numbers = Numbers(delivered=5, failed=7, refused=1, lost=2, folded=3)
        standing = ReceiverStanding("pager", "webhook", "", 4, 1.0, "Connection refused", False, numbers)
        scene = replace(look(daemon), receivers=(standing,))
        told = read(exposition(scene, daemon.metrics.registry).body.decode())
    assert told[series("lvsctl_receiver_failing", receiver="pager")] == 1
    assert told[series("lvsctl_notifications_waiting", receiver="pager")] == 4
    assert told[series("lvsctl_delivery_failures_total", receiver="pager")] == 7
    for result, number in {"delivered": 5, "refused": 1, "lost": 2, "folded": 3}.items():
        assert told[series("lvsctl_notifications_total", receiver="pager", result=result)] == number


async def test_a_scrape_never_asks_the_kernel(site: Site, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    await servers.start(A)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}")))
    async with site.running() as daemon:
        await site.rounds(1)
        daemon.ipvs = written = _Deaf(daemon.ipvs.written)  # type: ignore[assignment]
        assert read(scrape(daemon))[series("lvsctl_kernel_orders_total")] == written.written
        daemon.ipvs = site.ipvs


class _Deaf:
    """A kernel that cannot be asked anything."""

    def __init__(self, written: int) -> None:
        self.written = written


async def test_what_left_conf_d_is_told_no_more(site: Site, servers: Servers) -> None:
    await servers.start(A)
    shop = service("shop", A, address=f"{VIP}:{servers.port}")
    gone = service("gone", A, address=f"{OTHER}:{servers.port}")
    site.write(conf(shop, gone))
    async with site.running() as daemon:
        await site.ready()
        await site.rounds(1)
        assert 'service="gone"' in scrape(daemon)
        site.write(conf(shop))
        await daemon.reload()
        assert 'service="gone"' not in scrape(daemon)
        await site.rounds(2)
        assert 'service="gone"' not in scrape(daemon)
        assert 'service="shop"' in scrape(daemon)


async def test_openmetrics_and_compression(site: Site, servers: Servers) -> None:
    await servers.start(A)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}")) + "metrics: {compat: [gen2brain]}\n")
    async with site.running() as daemon:
        await site.rounds(1)
        scene, counted = look(daemon), daemon.metrics.registry
        plain = exposition(scene, counted, "", "")
        assert plain.content_type.startswith("text/plain; version=0.0.4")
        zipped = exposition(scene, counted, ACCEPT, "gzip")
        assert (zipped.encoding, zipped.content_type.split(";")[0]) == ("gzip", "application/openmetrics-text")
        text = gzip.decompress(zipped.body).decode()
        assert text.endswith("# EOF\n")
        assert text.count("# EOF") == 1
        own = {name for name, _ in read(plain.body.decode()) if not name.startswith("process_")}
        assert {name for name, _ in read_openmetrics(text) if not name.startswith("process_")} == own


async def test_promtool_finds_nothing_to_mend_in_our_own_names(site: Site, servers: Servers) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    await servers.start(A)
    site.write(
        conf(service("shop", A, D, address=f"{VIP}:{servers.port}", thresholds="{upper: 5, lower: 2}"))
        + "metrics: {compat: [node_exporter]}\n"
    )
    async with site.running() as daemon:
        await site.ready()
        text = scrape(daemon)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
