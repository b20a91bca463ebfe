"""What a speaker relies on of links and addresses: one contract, for the kernel and for what stands in for it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address
from typing import cast

import pytest

from lvsctl.daemon.ground import KernelGround
from lvsctl.model import Effect, Interfaces, Refusal, Vip, VirtualLink
from lvsctl.pair.ground import Ground
from tests.e2e.netns import inside
from tests.pair.remembered import ETH0, RememberedGround
from tests.pair.wire import cable, hosts

VIPS = [Vip(ip_address("192.0.2.100"), "eth0"), Vip(ip_address("2001:db8::100"), "eth0")]


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.kernel)])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "memory":
        yield RememberedGround(ETH0)
        return
    with cable(), inside(hosts()[1]):
        made = KernelGround()
        yield cast(Ground, made)
        await made.close()


def held(interfaces: Interfaces) -> set[str]:
    interface = interfaces["eth0"]
    assert interface is not None
    return {str(vip.address) for vip in VIPS if interface.holds(vip.address)}


async def test_contract(ground: Ground) -> None:
    async with asyncio.timeout(30), ground.watch(["eth0", "eth9"]) as watch:
        first = await anext(watch)
        assert (held(first), first["eth9"]) == (set(), None)
        assert list(await ground.remove(VIPS)) == [Effect.NONE] * 2
        assert list(await ground.added()) == []
        assert list(await ground.add(VIPS)) == [Effect.CHANGED] * 2
        assert set(await ground.added()) == set(VIPS)
        assert list(await ground.add(VIPS)) == [Effect.NONE] * 2
        while held(await anext(watch)) != {"192.0.2.100", "2001:db8::100"}:
            pass
        assert await ground.announce("eth0", [vip.address for vip in VIPS]) is None
        assert list(await ground.remove(VIPS)) == [Effect.CHANGED] * 2
        assert list(await ground.added()) == []
        while held(await anext(watch)):
            pass
        elsewhere = [Vip(ip_address("192.0.2.100"), "eth9"), VIPS[0]]
        refused = Refusal(errno.ENODEV, "there is no interface eth9: create it, or correct the name")
        assert list(await ground.add(elsewhere)) == [refused, Effect.CHANGED]
        assert list(await ground.remove(elsewhere)) == [Effect.NONE, Effect.CHANGED]
        assert await ground.announce("eth9", [VIPS[0].address]) is None


async def test_contract_of_virtual_links(ground: Ground) -> None:
    link = VirtualLink("eth0-v4-51", "eth0", bytes.fromhex("00005e000133"))
    vips = [Vip(ip_address("192.0.2.100"), link.name)]
    async with asyncio.timeout(30), ground.watch([link.name]) as watch:
        assert (await anext(watch))[link.name] is None
        assert list(await ground.unmake([link])) == [Effect.NONE]
        assert list(await ground.made()) == []
        assert list(await ground.make([link])) == [Effect.CHANGED]
        assert list(await ground.make([link])) == [Effect.NONE]
        assert list(await ground.made()) == [link]
        assert list(await ground.add(vips)) == [Effect.CHANGED]
        assert await ground.announce(link.name, [vips[0].address]) is None
        while (found := (await anext(watch))[link.name]) is None or not found.holds(vips[0].address):
            pass
        assert (found.mac, found.up) == (link.mac, True)
        assert list(await ground.unmake([link])) == [Effect.CHANGED]
        while (await anext(watch))[link.name] is not None:
            pass
        refused = Refusal(errno.ENODEV, "there is no interface eth9: create it, or correct the name")
        assert list(await ground.make([replace(link, parent="eth9")])) == [refused]
