"""Reload: a bad one changes nothing, a good one keeps every verdict whose question did not change."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from lvsctl.daemon.app import handle_signals
from lvsctl.errors import ConfigError
from tests.daemon.site import Servers, Site, conf, scrape, service, tcp, weights
from tests.listener import listening

A, B, C = "127.0.0.11", "127.0.0.12", "127.0.0.13"
VIP = "192.0.2.20"


async def test_a_broken_file_changes_nothing_and_every_problem_is_told(site: Site, servers: Servers) -> None:
    await servers.start(A)
    key = tcp(VIP, servers.port)
    good = conf(service("shop", A, address=f"{VIP}:{servers.port}"))
    site.write(good)
    async with site.running() as daemon:
        before = await site.until("in", lambda table: weights(table, key) == {A: 1})
        spec, written = daemon.world.spec, site.ipvs.written
        site.write(good.replace("forward:", "foward:"))
        site.write("services: {}\nservices: {}\n", "broken.yaml")
        with pytest.raises(ConfigError) as caught:
            await daemon.reload()
        assert {problem.file.rpartition("/")[2] for problem in caught.value.problems} == {"site.yaml", "broken.yaml"}
        await site.rounds(2)
        assert daemon.world.spec is spec
        assert site.ipvs.written == written
        assert await site.ipvs.read() == before
        assert daemon.last_load.ok is False
        assert "lvsctl_config_last_reload_successful 0.0" in scrape(daemon)

        (site.config / "broken.yaml").unlink()
        site.write(good)
        await daemon.reload()
        assert daemon.last_load.ok is True
        assert "lvsctl_config_last_reload_successful 1.0" in scrape(daemon)


async def test_verdicts_survive_whose_question_did_not_change(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key, other = tcp(VIP, servers.port), tcp("192.0.2.21", servers.port)
    shop = service("shop", A, B, C, address=f"{VIP}:{servers.port}")
    site.write(conf(shop))
    async with site.running() as daemon:
        await site.until("two in", lambda table: weights(table, key) == {A: 1, B: 1})
        before = dict(daemon.world.health)
        written = site.ipvs.written
        site.write(conf(shop, service("other", A, address=f"192.0.2.21:{servers.port}")))
        await daemon.reload()
        after = daemon.world.health
        assert {check: (known.up, known.since) for check, known in before.items()} == {
            check: (after[check].up, after[check].since) for check in before
        }
        # The server is known from the first service: the second one has it at once, with no probe in between.
        await site.until("the new service", lambda table: weights(table, other) == {A: 1})
        assert site.ipvs.written == written + 2


async def test_a_changed_check_keeps_the_last_verdict_until_it_has_an_answer_of_its_own(
    site: Site, servers: Servers
) -> None:
    await servers.start(A, B)
    await servers.kill(B)
    key = tcp(VIP, servers.port)
    site.write(conf(service("shop", A, B, address=f"{VIP}:{servers.port}")))
    async with site.running() as daemon:
        await site.until("the living one", lambda table: weights(table, key) == {A: 1})
        written = site.ipvs.written
        changed = "{tcp: {send: x}, interval: 60s, timeout: 1s, rise: 2, fall: 2}"
        site.write(conf(service("shop", A, B, address=f"{VIP}:{servers.port}", check=changed)))
        await daemon.reload()
        assert [known.up for known in daemon.world.health.values()] == [True, False]
        await site.rounds(3)
        assert weights(await site.ipvs.read(), key) == {A: 1}
        assert site.ipvs.written == written


async def test_a_service_taken_over_by_a_reload_keeps_its_live_servers(site: Site, servers: Servers) -> None:
    """A table made by hand, then declared: its servers are presumed up, as on start."""
    from ipaddress import ip_address

    from lvsctl.model import AddServer, AddService, Forward, RealAttrs, RealKey, ServiceAttrs

    await servers.start(A, B)
    key, hand_made = tcp(VIP, servers.port), tcp("192.0.2.21", servers.port)
    shop = service("shop", A, address=f"{VIP}:{servers.port}")
    site.write(conf(shop))
    async with site.running() as daemon:
        await site.until("ours", lambda table: weights(table, key) == {A: 1})
        await site.ipvs.apply(
            [
                AddService(hand_made, ServiceAttrs("wlc")),
                AddServer(hand_made, RealKey(ip_address(B), servers.port), RealAttrs(Forward.MASQUERADE, 1)),
            ]
        )
        await site.rounds(1)
        written = site.ipvs.written
        slow = "{tcp: {}, interval: 60s, timeout: 1s}"
        site.write(conf(shop, service("hand", B, address=f"192.0.2.21:{servers.port}", check=slow)))
        await daemon.reload()
        await site.rounds(2)
        assert weights(await site.ipvs.read(), hand_made) == {B: 1}
        assert site.ipvs.written == written


async def test_a_changed_weight_and_a_removed_server_are_applied(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    key = tcp(VIP, servers.port)
    site.write(conf(service("shop", A, B, address=f"{VIP}:{servers.port}")))
    async with site.running() as daemon:
        await site.until("both in", lambda table: weights(table, key) == {A: 1, B: 1})
        site.write(conf(service("shop", f"{{address: {A}, weight: 9}}", address=f"{VIP}:{servers.port}")))
        await daemon.reload()
        await site.until("as declared now", lambda table: weights(table, key) == {A: 9})


async def test_servers_are_replaced_without_a_gap(site: Site, servers: Servers) -> None:
    """Until the new one has answered the old one serves."""
    await servers.start(A)
    key = tcp(VIP, servers.port)
    healthy = asyncio.Event()

    async def think_first(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await healthy.wait()
        writer.write(b"fine")

    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}")))
    async with listening(think_first, B, servers.port), site.running() as daemon:
        await site.until("the old one", lambda table: weights(table, key) == {A: 1})
        check = "{tcp: {expect: fine}, interval: 9s, timeout: 9s}"
        site.write(conf(service("shop", B, address=f"{VIP}:{servers.port}", check=check)))
        await daemon.reload()
        await site.rounds(2)
        assert weights(await site.ipvs.read(), key) == {A: 1}
        healthy.set()
        await site.until("the new one", lambda table: weights(table, key) == {B: 1})


async def test_a_signal_that_came_during_the_start_is_a_reload_and_no_death(site: Site, servers: Servers) -> None:
    await servers.start(A)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}")))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    async with site.running() as daemon:
        try:
            signal.pthread_kill(threading.get_ident(), signal.SIGHUP)  # other tests' threads would take it, and die
            loaded = daemon.last_load.at
            handle_signals(daemon)
            async with asyncio.timeout(10):
                while daemon.last_load.at == loaded:
                    await site.rounds(1)
        finally:
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                daemon.loop.remove_signal_handler(number)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
