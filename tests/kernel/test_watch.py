"""Interfaces watched on the real kernel, while other programs pull cables and take addresses away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_interface
from pathlib import Path

import pytest

from lvsctl.decide.links import link_events
from lvsctl.errors import KernelError
from lvsctl.kernel.addresses import Addresses
from lvsctl.kernel.watch import Watch
from lvsctl.model import Interface, Interfaces, LinkChange, LinkEvent, Vip
from tests.e2e.netns import ip
from tests.kernel.cable import Cable

pytestmark = pytest.mark.kernel

VIPS = [Vip(IPv4Address("192.0.2.100"), "eth0"), Vip(IPv6Address("2001:db8::100"), "eth0")]


@pytest.fixture
async def watch(cable: Cable) -> AsyncIterator[Watch]:
    async with Watch(["eth0", "eth9"]) as made:
        yield made


async def until(watch: Watch, holds: Callable[[Interfaces], bool]) -> Interfaces:
    """What the watch tells, once it is as it should be; several changes may come one by one, or at once."""
    async with asyncio.timeout(20):
        async for interfaces in watch:
            if holds(interfaces):
                return interfaces
    raise AssertionError


def eth0(interfaces: Interfaces) -> Interface:
    interface = interfaces["eth0"]
    assert interface is not None
    return interface


async def test_a_cable_is_pulled_and_plugged_in_again(cable: Cable, watch: Watch) -> None:
    first = await anext(watch)
    assert eth0(first).carrier
    assert first["eth9"] is None
    cable.worn = True
    cable.pull()
    pulled = await until(watch, lambda now: not eth0(now).carrier)
    assert LinkEvent("eth0", LinkChange.CARRIER_LOST) in link_events(first, pulled)
    assert eth0(pulled).up
    cable.plug()
    plugged = await until(watch, lambda now: eth0(now).carrier)
    assert link_events(pulled, plugged)[0] == LinkEvent("eth0", LinkChange.CARRIER_BACK)


async def test_an_address_is_taken_away_behind_our_back(cable: Cable, watch: Watch) -> None:
    addresses = Addresses()
    first = await anext(watch)
    await addresses.add(VIPS)
    there = await until(watch, lambda now: all(eth0(now).holds(vip.address) for vip in VIPS))
    added = tuple(LinkEvent("eth0", LinkChange.ADDRESS_ADDED, ip_interface(vip.address)) for vip in VIPS)
    assert set(link_events(first, there)) == set(added)
    ip("addr del 192.0.2.100/32 dev eth0")
    lost = await until(watch, lambda now: not eth0(now).holds(VIPS[0].address))
    gone = LinkEvent("eth0", LinkChange.ADDRESS_LOST, IPv4Interface("192.0.2.100/32"))
    assert link_events(there, lost) == (gone,)
    cable.worn = True
    ip("link set eth0 down")  # IPv6 addresses do not outlive that
    down = await until(watch, lambda now: not eth0(now).holds(VIPS[1].address) and not eth0(now).up)
    assert link_events(lost, down)[:2] == (
        LinkEvent("eth0", LinkChange.DOWN),
        LinkEvent("eth0", LinkChange.CARRIER_LOST),
    )
    await addresses.close()


async def test_an_interface_is_renamed_and_another_takes_its_name(cable: Cable, watch: Watch) -> None:
    first = await anext(watch)
    cable.worn = True
    ip("link set eth0 down", "link set eth0 name eth9")
    renamed = await until(watch, lambda now: now["eth0"] is None and now["eth9"] is not None)
    assert link_events(first, renamed) == (LinkEvent("eth0", LinkChange.GONE), LinkEvent("eth9", LinkChange.APPEARED))
    ip("link add eth0 type dummy", "link set eth0 up", "link del eth9")
    again = await until(watch, lambda now: now["eth0"] is not None and eth0(now).up and now["eth9"] is None)
    assert link_events(first, again) == (LinkEvent("eth0", LinkChange.GONE), LinkEvent("eth0", LinkChange.APPEARED))


async def test_a_look_that_failed_is_made_up_for(cable: Cable, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = Addresses()
    await anext(watch)
    await addresses.add(VIPS)
    for failure in (KernelError("netlink: no answer"), asyncio.CancelledError()):
        with monkeypatch.context() as failing:
            failing.setattr(watch._addresses, "look", raising(failure))
            with pytest.raises(type(failure)):
                await anext(watch)
    assert eth0(await anext(watch)).holds(VIPS[0].address)
    await addresses.remove(VIPS)
    await addresses.close()


def raising(failure: BaseException) -> Callable[[str], Awaitable[Interface | None]]:
    async def look(name: str) -> Interface | None:
        raise failure

    return look


async def test_more_than_the_kernel_has_room_for(cable: Cable, watch: Watch) -> None:
    watch._notifications._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    addresses = Addresses()
    await anext(watch)
    many = [Vip(IPv4Address("198.18.0.0") + number, "eth0") for number in range(200)]
    await addresses.add(many)
    await addresses.add(VIPS)
    assert drops(watch._notifications._socket.getsockname()[0]) > 0
    interfaces = await until(watch, lambda now: eth0(now).holds(VIPS[0].address))
    assert {vip.address for vip in many} < {held.ip for held in eth0(interfaces).addresses}
    await addresses.remove([*many, *VIPS])
    await until(watch, lambda now: len(eth0(now).addresses) <= 3)
    await addresses.close()


def drops(port: int) -> int:
    """How many notifications the kernel had no room for, of the socket with this netlink port."""
    for line in Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]:
        _, protocol, own, *_, dropped, _ = line.split()
        if (protocol, own) == ("0", str(port)):
            return int(dropped)
    raise AssertionError(port)


async def test_what_is_told_already_is_not_told_again(cable: Cable, watch: Watch) -> None:
    addresses = Addresses()
    await anext(watch)
    await addresses.add(VIPS)
    await addresses.remove(VIPS)  # and nobody has looked in between
    ip("link add eth8 type dummy", "link set eth8 up", "link del eth8")
    telling = asyncio.create_task(anext(watch))
    await addresses.add(VIPS[:1])
    interfaces = await asyncio.wait_for(telling, 20)
    assert eth0(interfaces).holds(VIPS[0].address)
    await addresses.remove(VIPS)
    await addresses.close()
