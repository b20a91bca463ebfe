"""The pair in the daemon: what rounds and roles do to each other, over the kernel remembered and over the real one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from lvsctl.daemon.daemon import Daemon
from lvsctl.errors import LvsctlError
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import (
    AddService,
    Entry,
    Hooks,
    PairSpec,
    Penalties,
    Provider,
    Role,
    ServiceAttrs,
    ServiceState,
    Standby,
    Table,
)
from tests.daemon.pairing.scene import FAST, VIP
from tests.daemon.site import Servers, Site, conf, service, tcp, weights
from tests.pair.linked import Link
from tests.pair.remembered import ETH0, RememberedGround

WEB, FOREIGN = tcp("192.0.2.1", 80), tcp("192.0.2.9", 80)
MANUAL = PairSpec(Provider.MANUAL, name="cloud")


def ground() -> RememberedGround:
    return RememberedGround(replace(ETH0, addresses=(ip_interface(f"{FAST.source}/24"),)))


def web(servers: Servers, *addresses: str, **keys: object) -> str:
    return service("web", *addresses, address=f"192.0.2.1:{servers.port}", **keys)


async def role(daemon: Daemon, wanted: Role | None) -> None:
    async with asyncio.timeout(20):
        while daemon.pairing.role() is not wanted:
            await asyncio.sleep(0.005)


async def test_an_idle_standby_keeps_no_table_but_for_what_is_not_its_own(
    site: Site, servers: Servers, ipvs: Ipvs
) -> None:
    await servers.start("127.0.0.1", "127.0.0.2")
    key = tcp("192.0.2.1", servers.port)
    await ipvs.apply([AddService(FOREIGN, ServiceAttrs("rr"))])
    site.write(conf(web(servers, "127.0.0.1", "127.0.0.2")))
    idle = replace(MANUAL, standby=Standby.IDLE)
    async with site.running(pair=idle, ground=ground()) as daemon:
        await site.ready()
        await site.until("it rests", lambda table: set(table) == {FOREIGN})
        await site.rounds(2)
        assert daemon.last.states["web"] is ServiceState.IDLE
        view = daemon.pairing.view()
        assert view is not None and view.resting
        daemon.pairing.say(Role.ACTIVE, by="root")
        both = {"127.0.0.1": 1, "127.0.0.2": 1}
        await site.until("it serves at once", lambda table: weights(table, key) == both)
        await servers.kill("127.0.0.2")
        await site.until("and goes on checking", lambda table: weights(table, key) == {"127.0.0.1": 1})
        daemon.pairing.say(Role.STANDBY, by="root")
        await site.until("it rests again", lambda table: set(table) == {FOREIGN})
    assert set(await ipvs.read()) == {FOREIGN}
    assert (await ipvs.read())[FOREIGN] == Entry(ServiceAttrs("rr"), {})


async def test_the_table_is_there_before_the_address(site: Site, servers: Servers, ipvs: Ipvs, link: Link) -> None:
    await servers.start("127.0.0.1")
    key = tcp("192.0.2.1", servers.port)
    site.write(conf(web(servers, "127.0.0.1")))
    seen: list[Table] = []

    class Watching(RememberedGround):
        async def add(self, vips):  # type: ignore[no-untyped-def]
            seen.append(await ipvs.read())
            return await super().add(vips)

    standing = Watching(replace(ETH0, addresses=(ip_interface(f"{FAST.source}/24"),)))
    async with site.running(pair=PairSpec(instances=(FAST,)), ground=standing) as daemon:
        await role(daemon, Role.ACTIVE)
    assert weights(seen[0], key) == {"127.0.0.1": 1}


async def test_the_address_goes_before_the_table(site: Site, servers: Servers, ipvs: Ipvs, link: Link) -> None:
    """SIGTERM on the active director, with on_exit: flush."""
    await servers.start("127.0.0.1")
    site.write(conf(web(servers, "127.0.0.1", on_exit="flush")))
    seen: list[Table] = []

    class Watching(RememberedGround):
        async def remove(self, vips):  # type: ignore[no-untyped-def]
            seen.append(await ipvs.read())
            return await super().remove(vips)

    standing = Watching(replace(ETH0, addresses=(ip_interface(f"{FAST.source}/24"),)))
    async with site.running(pair=PairSpec(instances=(FAST,)), ground=standing) as daemon:
        await role(daemon, Role.ACTIVE)
    assert tcp("192.0.2.1", servers.port) in seen[-1]
    assert await ipvs.read() == {}
    assert not standing.interfaces["eth0"].holds(VIP)


async def test_a_dead_service_hands_the_address_over_and_a_drained_one_does_not(
    site: Site, servers: Servers, link: Link
) -> None:
    await servers.start("127.0.0.1")
    site.write(conf(web(servers, "127.0.0.1")))
    pair = PairSpec(instances=(replace(FAST, priority=150),), penalties={"web": Penalties(down=60)})
    async with site.running(pair=pair, ground=ground()) as daemon:
        await role(daemon, Role.ACTIVE)
        await servers.kill("127.0.0.1")
        await offered(daemon, 90)
        await servers.start("127.0.0.1")


async def offered(daemon: Daemon, priority: int) -> None:
    async with asyncio.timeout(20):
        while (view := daemon.pairing.view()) is None or view.instances[0].priority != priority:
            await asyncio.sleep(0.005)


async def test_a_pair_that_cannot_be_takes_no_round_down(
    site: Site, servers: Servers, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LvsctlError("cannot speak VRRP on eth0: Operation not permitted: give lvsctl CAP_NET_RAW")

    monkeypatch.setattr("lvsctl.pair.ports.Port", refuse)
    await servers.start("127.0.0.1", "127.0.0.2")
    key = tcp("192.0.2.1", servers.port)
    site.write(conf(web(servers, "127.0.0.1", "127.0.0.2")))
    async with site.running(pair=PairSpec(instances=(FAST,)), ground=ground()) as daemon:
        await role(daemon, Role.FAULT)
        await servers.kill("127.0.0.2")
        await site.until("checks and rounds go on", lambda table: weights(table, key) == {"127.0.0.1": 1})


async def test_a_reload_changes_the_pair_and_a_refused_one_does_not(site: Site, servers: Servers) -> None:
    await servers.start("127.0.0.1")
    site.write(conf(web(servers, "127.0.0.1")))
    site.write("pair: {provider: manual}\n", "pair.yaml")
    async with site.running(ground=ground()) as daemon:
        await role(daemon, Role.STANDBY)
        daemon.pairing.say(Role.ACTIVE, by="root")
        site.write("pair: {provider: nobody}\n", "pair.yaml")
        with pytest.raises(LvsctlError):
            await daemon.reload()
        assert daemon.pairing.role() is Role.ACTIVE
        (site.config / "pair.yaml").unlink()
        await daemon.reload()
        assert daemon.pairing.view() is None


async def test_hooks_run_at_every_transition_and_at_the_end(site: Site, servers: Servers) -> None:
    await servers.start("127.0.0.1")
    site.write(conf(web(servers, "127.0.0.1")))
    log = site.folder / "log"
    say = site.folder / "say"
    say.write_text(f'#!/bin/sh\necho "$1 $4" >> {log}\n')
    say.chmod(0o755)
    words = {name: (str(say), name) for name in ("on_active", "on_standby", "on_stop")}
    async with site.running(pair=replace(MANUAL, hooks=Hooks(**words)), ground=ground()) as daemon:  # type: ignore[arg-type]
        await role(daemon, Role.STANDBY)
        await lines(site, 1)
        daemon.pairing.say(Role.ACTIVE, by="root")
        await lines(site, 2)
        view = daemon.pairing.view()
        assert view is not None and {run.hook for run in view.hooks} == {"on_active", "on_standby"}
    assert log.read_text().splitlines() == ["on_standby BACKUP", "on_active MASTER", "on_stop STOP"]


async def lines(site: Site, count: int) -> None:
    log = site.folder / "log"
    async with asyncio.timeout(20):
        while not log.exists() or len(log.read_text().splitlines()) < count:
            await asyncio.sleep(0.01)
