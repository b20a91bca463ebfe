"""What issue 2 demands of the rounds, over the kernel remembered and over the real one."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from ipaddress import ip_address
from typing import TypeVar

import pytest

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.state import State
from lvsctl.decide.health import JITTER
from lvsctl.events import DriftFound, Event, NotAsked, OpRefused
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import (
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Forward,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    Table,
    Verdict,
)
from tests.daemon.site import Jump, Servers, Site, conf, scrape, service, tcp, weights

Heard = TypeVar("Heard", bound=Event)

A, B, C = "127.0.0.11", "127.0.0.12", "127.0.0.13"
VIP = "192.0.2.20"


def real(address: str, port: int) -> RealKey:
    return RealKey(ip_address(address), port)


async def carry_out(ipvs: Ipvs, *ops: object) -> None:
    answers = await ipvs.apply(ops)  # type: ignore[arg-type]
    assert list(answers) == [None] * len(ops)


def listen(daemon: Daemon, kind: type[Heard]) -> list[Heard]:
    """The events of one kind that the daemon tells from now on."""
    told: list[Heard] = []
    tell = daemon.metrics.tell  # every event is counted

    def listening(event: Event) -> None:
        if isinstance(event, kind):
            told.append(event)
        tell(event)

    daemon.metrics.tell = listening  # type: ignore[method-assign]
    return told


def one_service(servers: Servers, *addresses: str, **keys: object) -> str:
    return conf(service("shop", *addresses, address=f"{VIP}:{servers.port}", **keys))


async def test_servers_enter_when_their_checks_pass_and_leave_when_they_fail(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, B, C))
    async with site.running():
        await site.until("the two that live", lambda table: weights(table, key) == {A: 1, B: 1})
        await servers.kill(B)
        await site.until("the dead one out", lambda table: weights(table, key) == {A: 1})
        await servers.start(B, C)
        await site.until("all three in", lambda table: weights(table, key) == {A: 1, B: 1, C: 1})


async def test_quiesce_keeps_a_dead_server_at_weight_0(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, B, C, on_down="quiesce"))
    async with site.running():
        await site.until("the two that live", lambda table: weights(table, key) == {A: 1, B: 1})
        await servers.kill(B)
        await site.until("the dead one quiet", lambda table: weights(table, key) == {A: 1, B: 0})
        await servers.start(B)
        await site.until("it is back", lambda table: weights(table, key) == {A: 1, B: 1})


async def test_started_over_a_table_that_is_right_it_writes_nothing(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, B))
    async with site.running():
        await site.until("both in", lambda table: weights(table, key) == {A: 1, B: 1})
    before = site.ipvs.written
    async with site.running():
        await site.ready()
        await site.rounds(3)
    assert site.ipvs.written == before


async def test_started_over_an_empty_table_no_dead_server_is_ever_in_it(site: Site, servers: Servers) -> None:
    await servers.start(A)
    await servers.kill(A)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, B))
    seen: list[dict[str, int]] = []

    def watch(table: Table) -> bool:
        seen.append(weights(table, key))
        return key in table

    async with site.running():
        await site.until("the service, empty", watch)
        await site.ready()
        await site.rounds(3)
        await site.until("another look", watch)
    assert set(map(len, seen)) == {0}


async def test_adopted_servers_stay_until_they_have_failed(site: Site, servers: Servers, jump: Jump) -> None:
    """Health is presumed from the table found: present with weight means up, until `fall` answers say otherwise."""
    await servers.start(A)
    key = tcp(VIP, servers.port)
    attrs = RealAttrs(Forward.MASQUERADE, 1)
    await carry_out(
        site.ipvs,
        AddService(key, ServiceAttrs("wlc")),
        *(AddServer(key, real(address, servers.port), attrs) for address in (A, B)),
    )
    site.write(one_service(servers, A, B, check="{tcp: {}, interval: 1h, timeout: 1s, rise: 2, fall: 3}"))
    async with site.running() as daemon:
        await site.ready()
        for answers in (1, 2):
            async with asyncio.timeout(30):
                while daemon.runner.stats.verdicts[Verdict.FAIL] < answers:
                    await asyncio.sleep(0.01)
            await site.rounds(1)
            assert weights(await site.ipvs.read(), key) == {A: 1, B: 1}
            jump(3600.0 * (1 + JITTER))
        await site.until("the dead one out", lambda table: weights(table, key) == {A: 1})


DRIFTS = {
    "a server deleted": ("server {a} is gone", lambda key, port: DeleteServer(key, real(A, port))),
    "a weight": (
        "server {a}: weight 1 -> 7",
        lambda key, port: EditServer(key, real(A, port), RealAttrs(Forward.MASQUERADE, 7, 50, 20)),
    ),
    "a threshold": (
        "server {a}: upper 50 -> 60",
        lambda key, port: EditServer(key, real(A, port), RealAttrs(Forward.MASQUERADE, 1, 60, 20)),
    ),
    "a server added": (
        "server 127.0.0.99:{port} was added",
        lambda key, port: AddServer(key, real("127.0.0.99", port), RealAttrs(Forward.MASQUERADE, 1)),
    ),
    "the scheduler": ("scheduler wlc -> rr", lambda key, port: EditService(key, ServiceAttrs("rr"))),
    "a flag": (
        "flags none -> sched-1",
        lambda key, port: EditService(key, ServiceAttrs("wlc", flags=ServiceFlag.SCHED_1)),
    ),
    "the service deleted": ("is gone", lambda key, port: DeleteService(key)),
}


@pytest.mark.parametrize("what", DRIFTS)
async def test_what_somebody_else_changes_is_put_right_and_reported(site: Site, servers: Servers, what: str) -> None:
    said, change = DRIFTS[what]
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    foreign = tcp("192.0.2.99", 80)
    site.write(one_service(servers, A, B, thresholds="{upper: 50, lower: 20}"))
    async with site.running() as daemon:
        await site.until("both in", lambda table: weights(table, key) == {A: 1, B: 1})
        await carry_out(site.ipvs, AddService(foreign, ServiceAttrs("rr")))
        await site.rounds(1)
        right = (await site.ipvs.read())[key]
        told = listen(daemon, DriftFound)
        elsewhere = MemoryIpvs({key: right}, schedulers=("rr", "wlc"))  # here it may be put right before we look
        for ipvs in (elsewhere, site.ipvs):
            await carry_out(ipvs, change(key, servers.port))
        assert (await elsewhere.read()).get(key) != right
        await site.rounds(1)
        table = await site.ipvs.read()
        assert table[key] == right
        await site.rounds(1)
    assert foreign in table
    expected = said.format(a=real(A, servers.port), port=servers.port)
    assert len(told) == 1
    assert expected in told[0].what


async def test_a_foreign_service_is_left_alone(site: Site, servers: Servers) -> None:
    await servers.start(A)
    key, foreign = tcp(VIP, servers.port), tcp("192.0.2.99", 80)
    await carry_out(
        site.ipvs,
        AddService(foreign, ServiceAttrs("rr")),
        AddServer(foreign, real("192.0.2.98", 80), RealAttrs(Forward.ROUTE, 3)),
    )
    before = (await site.ipvs.read())[foreign]
    site.write(one_service(servers, A))
    async with site.running():
        await site.until("ours is in", lambda table: weights(table, key) == {A: 1})
        await site.rounds(2)
    assert (await site.ipvs.read())[foreign] == before


async def test_what_lvsctl_made_earlier_is_its_own_after_a_restart(site: Site, servers: Servers) -> None:
    """A service that left conf.d while nobody ran is deleted; a foreign one that was there is not."""
    await servers.start(A)
    kept, gone, foreign = tcp(VIP, servers.port), tcp("192.0.2.21", servers.port), tcp("192.0.2.99", 80)
    here = service("kept", A, address=f"{VIP}:{servers.port}")
    site.write(conf(here, service("gone", A, address=f"192.0.2.21:{servers.port}")))
    async with site.running():
        await site.until("both made", lambda table: {kept, gone} <= table.keys())
    await carry_out(site.ipvs, AddService(foreign, ServiceAttrs("rr")))
    site.write(conf(here))
    async with site.running():
        table = await site.until("the one that left conf.d is deleted", lambda table: gone not in table)
    assert {kept, foreign} <= table.keys()


async def test_a_lower_pool_is_used_only_while_the_upper_has_no_server_up(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, spare=(B,), scheduler="wlc"))
    async with site.running():
        await site.until("the upper pool alone", lambda table: weights(table, key) == {A: 2})
        await servers.kill(A)
        await site.until("the lower pool alone", lambda table: weights(table, key) == {B: 1})
        await servers.start(A)
        await site.until("the upper pool again", lambda table: weights(table, key) == {A: 2})


async def test_with_a_priority_scheduler_all_pools_are_in_the_table(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, spare=(B,), scheduler="fo"))
    async with site.running():
        await site.until("both pools", lambda table: weights(table, key) == {A: 2, B: 1})


async def test_a_fallback_is_used_in_the_place_of_what_the_kernel_lacks(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A, spare=(B,), scheduler="nosuch", scheduler_fallback="fo"))
    async with site.running() as daemon:
        table = await site.until("both pools", lambda table: weights(table, key) == {A: 2, B: 1})
        assert table[key].attrs.scheduler == "fo"
        assert daemon.last.round is not None
        [missing] = daemon.last.round.decision.desired.schedulers
        assert (missing.wanted, missing.used, missing.services) == ("nosuch", "fo", ("shop",))


async def test_with_no_fallback_the_service_is_refused_and_others_go_on(site: Site, servers: Servers) -> None:
    await servers.start(A)
    refused, fine = tcp(VIP, servers.port), tcp("192.0.2.21", servers.port)
    site.write(
        conf(
            service("shop", A, address=f"{VIP}:{servers.port}", scheduler="nosuch", scheduler_fallback="none"),
            service("other", A, address=f"192.0.2.21:{servers.port}"),
        )
    )
    async with site.running() as daemon:
        table = await site.until("the other one", lambda table: weights(table, fine) == {A: 1})
        assert refused not in table
        assert daemon.last.round is not None
        assert daemon.last.round.decision.desired.refused == {
            refused: "the kernel has no scheduler nosuch: try modprobe ip_vs_nosuch, or allow a scheduler_fallback"
        }


async def test_a_refused_operation_does_not_stop_the_others_and_is_tried_again(site: Site, servers: Servers) -> None:
    """No kernel has the persistence engine `nosuch` (conf.d would not let it pass, so the Spec is changed)."""
    await servers.start(A, B)
    bad, fine = tcp(VIP, servers.port), tcp("192.0.2.21", servers.port)
    site.write(
        conf(
            service("bad", A, address=f"{VIP}:{servers.port}", persistent="60s"),
            service("fine", B, address=f"192.0.2.21:{servers.port}"),
        )
    )
    async with site.running() as daemon:
        good = daemon.world.spec
        broken = replace(good.services["bad"], attrs=replace(good.services["bad"].attrs, persistence_engine="nosuch"))
        daemon.world.spec = replace(good, services={**good.services, "bad": broken})
        told = listen(daemon, OpRefused)
        table = await site.until("the other service", lambda table: weights(table, fine) == {B: 1})
        assert bad not in table
        await site.rounds(1)
        first = refusals(daemon)
        assert {name for name, _ in first} == {"add-service", "add-server"}
        assert ("add-service", errno.ENOENT) in first
        written = site.ipvs.written
        await site.rounds(2)
        assert refusals(daemon) == first
        assert site.ipvs.written > written
        assert len(told) == len(first), "a refusal that goes on is no news"
        daemon.world.spec = good
        await site.until("the next round does it", lambda table: weights(table, bad) == {A: 1})


async def test_a_check_that_cannot_be_asked_moves_nothing_and_is_told_once(site: Site, servers: Servers) -> None:
    await servers.start(A)
    key = tcp(VIP, servers.port)
    script = site.folder / "check"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    broken = site.folder / "broken"  # written before anything is started: a child may have it open for a moment,
    broken.write_text("#!/bin/sh\necho out of order\nexit 3\n")  # and what is open for writing cannot be started
    broken.chmod(0o755)
    site.write(one_service(servers, A, check=f"{{exec: {{command: [{script}]}}, interval: 50ms, rise: 2, fall: 2}}"))
    async with site.running() as daemon:
        await site.until("in", lambda table: weights(table, key) == {A: 1})
        told = listen(daemon, NotAsked)
        broken.replace(script)
        async with asyncio.timeout(10):
            while daemon.runner.stats.verdicts[Verdict.UNKNOWN] < 5:
                await asyncio.sleep(0.01)
        assert weights(await site.ipvs.read(), key) == {A: 1}
        assert [event.outcome.detail for event in told] == [f"{script}: exit status 3: out of order"]
        assert 'lvsctl_check_results_total{kind="exec",result="unknown"}' in scrape(daemon)


def refusals(daemon: Daemon) -> list[tuple[str, int]]:
    assert daemon.last.round is not None
    return [(step.op.name, refusal.errno) for step, refusal in daemon.last.round.refused]


@pytest.mark.parametrize("on_exit", ["keep", "drain", "flush"])
async def test_on_exit(site: Site, servers: Servers, on_exit: str) -> None:
    await servers.start(A, B)
    key, foreign = tcp(VIP, servers.port), tcp("192.0.2.99", 80)
    await carry_out(site.ipvs, AddService(foreign, ServiceAttrs("rr")))
    site.write(one_service(servers, A, B, on_exit=on_exit))
    async with site.running():
        await site.until("both in", lambda table: weights(table, key) == {A: 1, B: 1})
    table = await site.ipvs.read()
    assert foreign in table
    expected = {"keep": {A: 1, B: 1}, "drain": {A: 0, B: 0}, "flush": {}}[on_exit]
    assert weights(table, key) == expected
    assert (key in table) is (on_exit != "flush")
    assert (key in State(site.folder).owned()) is (on_exit != "flush")  # whoever makes it anew owns it


async def test_the_file_of_what_is_ours_cannot_be_written_and_the_work_goes_on(site: Site, servers: Servers) -> None:
    await servers.start(A)
    (site.folder / "owned.new").mkdir()
    key = tcp(VIP, servers.port)
    site.write(one_service(servers, A))
    async with site.running():
        await site.until("in all the same", lambda table: weights(table, key) == {A: 1})
