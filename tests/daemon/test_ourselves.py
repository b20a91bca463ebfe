"""What the director sees of itself, from files as the kernel writes them, and from this host as it is."""

from __future__ import annotations

import asyncio
import resource
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.daemon.examine import ourselves
from lvsctl.daemon.examine.ourselves import WELL, Ourselves, link_trouble
from lvsctl.daemon.examine.routes import Way, ways
from lvsctl.daemon.lag import TICK, Lag

# 10.0.0.0/24 on eth0, 10.1.0.0/16 by 10.0.0.254, the default by 192.0.2.254 on eth1; addresses as a little-endian CPU
ROUTE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth1	00000000	FE0200C0	0003	0	0	0	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	0000010A	FE00000A	0003	0	0	0	0000FFFF	0	0	0
"""
IPV6_ROUTE = (
    "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth2\n"
)
ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.254       0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.0.1         0x1         0x2         52:54:00:00:00:01     *        eth0
10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.0.3         0x1         0x0         00:00:00:00:00:00     *        eth0
garbage
"""
ON_LINK = frozenset(map(ip_address, ("10.0.0.1", "10.0.0.2", "10.0.0.3")))


class Host:
    """Files below a root; what is wrong with which interface."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.links: dict[str, str] = {}
        self.write("net/route", ROUTE)
        (root / "proc/self/fd").mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        file = self.root / "proc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def watched(self, *addresses: str) -> Ourselves:
        seen = Ourselves(Lag(asyncio.get_running_loop()), root=self.root, link=lambda _, name: self.links.get(name, ""))
        seen.keep(frozenset(map(ip_address, addresses)))
        seen.look()
        return seen


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_ways_of_addresses(host: Host) -> None:
    host.write("net/ipv6_route", IPV6_ROUTE)
    found = ways(host.root, map(ip_address, ("10.0.0.9", "10.1.2.3", "198.51.100.1", "2001:db8::1", "2001:db9::1")))
    assert {str(address): way for address, way in found.items()} == {
        "10.0.0.9": Way("eth0"),
        "10.1.2.3": Way("eth0", ip_address("10.0.0.254")),
        "198.51.100.1": Way("eth1", ip_address("192.0.2.254")),
        "2001:db8::1": Way("eth2", ip_address("fe80::1")),
    }


async def test_nothing_is_wrong(host: Host) -> None:
    assert await host.watched("10.0.0.1").seen(10.0) == (WELL,)


async def test_a_link_without_carrier_and_only_those_on_the_way(host: Host) -> None:
    host.links = {"eth0": "has no carrier", "eth7": "has no carrier"}
    assert await host.watched("10.0.0.1").seen(10.0) == ("eth0 has no carrier",)


async def test_since_when_a_link_is_gone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(ourselves, "monotonic", lambda: now)
    seen = host.watched("10.0.0.1")
    host.links["eth0"] = "has no carrier"
    now = 101.0
    seen.look()
    now = 104.0
    assert await seen.seen(10.0) == ("eth0 has no carrier since 3 s",)
    host.links["eth0"] = ""
    assert await seen.seen(10.0) == (WELL,)


async def test_a_way_that_is_gone_with_its_link_is_remembered(host: Host) -> None:
    seen = host.watched("10.0.0.1", "10.0.0.2")
    host.write("net/route", ROUTE.splitlines(keepends=True)[0])
    host.links["eth0"] = "is down"
    assert await seen.seen(10.0) == ("eth0 is down", "no route leads to 10.0.0.1 and 1 more")


async def test_gateways_and_neighbours_that_do_not_answer(host: Host) -> None:
    host.write("net/arp", ARP)
    assert await host.watched("10.1.2.3").seen(10.0) == ("gateway 10.0.0.254 on eth0 does not answer ARP",)
    found = await host.watched(*map(str, ON_LINK)).seen(10.0)
    assert found == ("2 of 3 addresses on eth0 do not answer ARP",)
    assert await host.watched("10.0.0.1", "10.0.0.2").seen(10.0) == (WELL,), "half of them is not most"


async def test_file_descriptors_and_memory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (host.root / "proc/self/fd" / str(number)).touch()
    host.write("meminfo", "MemTotal:  2097152 kB\nMemAvailable:  20480 kB\nHugePages: x\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (24, 24))
    assert await host.watched("10.0.0.1").seen(10.0) == (
        "20 of 24 file descriptors in use",
        "20 of 2048 MiB of memory are available",
    )


async def test_a_late_loop(host: Host) -> None:
    now = 1000.0
    lag = Lag(asyncio.get_running_loop(), clock=lambda: now)
    told: list[float] = []
    lag.listeners.append(told.append)
    lag.start()
    try:
        now += TICK + 1.2
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        [found] = await Ourselves(lag, root=host.root).seen(10.0)
        assert found == "the event loop was late by 1.2 s"
        now += 5.0
        lag.stop()
        assert await Ourselves(lag, root=host.root).seen(4.0) == (WELL,), "that was before"
    finally:
        lag.stop()


async def test_a_host_that_has_no_thread_left(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and looks again later."""
    seen, short = host.watched("10.0.0.1"), asyncio.Event()

    async def no_thread(*_: object) -> None:
        short.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ourselves, "TICK", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "to_thread", no_thread)
        assert await seen.seen(10.0) == ("this host cannot look at itself: can't start new thread",)
        short.clear()
        watch = asyncio.create_task(seen.watch())
        await short.wait()
    host.links["eth0"] = "has no carrier"
    async with asyncio.timeout(10):
        while not seen._wrong:
            await asyncio.sleep(0.01)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_what_was_wrong_with_a_link_that_matters_no_more_is_forgotten(host: Host) -> None:
    host.links["eth0"] = "has no carrier"
    seen = host.watched("10.0.0.1", "198.51.100.1")
    seen.keep(frozenset([ip_address("198.51.100.1")]))
    seen.look()
    assert await seen.seen(10.0) == (WELL,)


async def test_a_host_that_does_not_answer(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ourselves, "PATIENCE", 0.05)
    seen = host.watched("10.0.0.1")
    release = threading.Event()
    seen._link = lambda *_: str(release.wait(10) or "")
    try:
        assert await seen.seen(10.0) == ("this host does not tell of itself within 0.05 s",)
    finally:
        release.set()


def test_the_links_of_this_host() -> None:
    assert link_trouble(Path("/"), "nosuchlink0") == "is gone"
    assert link_trouble(Path("/nowhere"), "lo") == "", "nothing is known"
