"""Virtual addresses and macvlans on the real kernel, with `ip` as the judge."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

import pytest

from lvsctl.errors import KernelError
from lvsctl.kernel.addresses import Addresses
from lvsctl.kernel.announcer import Announcer
from lvsctl.kernel.macvlan import Macvlans, virtual_mac
from lvsctl.kernel.rtnetlink import Rtnetlink
from lvsctl.kernel.watch import Watch
from lvsctl.model import Effect, Family, Refusal, Vip
from tests.e2e.netns import ip
from tests.kernel.cable import ETH0, NEAR_MAC, Cable, shown
from tests.kernel.privileges import CAP_NET_ADMIN, CAP_NET_RAW, run_as

pytestmark = pytest.mark.kernel

NOBODY = 65534
VIP4 = Vip(IPv4Address("192.0.2.100"), "eth0", "eth0:vip")
VIP6 = Vip(IPv6Address("2001:db8::100"), "eth0")
VIPS = [VIP4, VIP6]
MAC = virtual_mac(Family.INET, 51)


@pytest.fixture
async def addresses(cable: Cable) -> AsyncIterator[Addresses]:
    made = Addresses()
    yield made
    await made.close()


@pytest.fixture
async def macvlans(cable: Cable) -> AsyncIterator[Macvlans]:
    rtnetlink = Rtnetlink()
    yield Macvlans(rtnetlink)
    await rtnetlink.close()


async def test_virtual_addresses_come_and_go_and_are_nobodys_source(cable: Cable, addresses: Addresses) -> None:
    before = await addresses.look("eth0")
    assert before is not None
    assert (before.name, before.mac, before.up, before.carrier) == ("eth0", NEAR_MAC, True, True)
    assert {IPv4Interface("192.0.2.10/24"), IPv6Interface("2001:db8::10/64")} < set(before.addresses)
    assert list(await addresses.add(VIPS)) == [Effect.CHANGED] * 2
    assert list(await addresses.add(VIPS)) == [Effect.NONE] * 2
    there = await addresses.look("eth0")
    assert there is not None and all(there.holds(vip.address) for vip in VIPS)
    four, six = (cable.addresses()[str(vip.address)] for vip in VIPS)
    assert (four["prefixlen"], four["label"], four["scope"]) == (32, "eth0:vip", "global")
    assert (six["prefixlen"], six["nodad"], six["deprecated"], six["preferred_life_time"]) == (128, True, True, 0)
    for destination, source in (("192.0.2.20", "192.0.2.10"), ("2001:db8::20", "2001:db8::10")):
        (route,) = shown("route", "get", destination, netns=cable.near)
        assert route["prefsrc"] == source
    assert list(await addresses.remove([Vip(VIP4.address, "eth0"), VIP6])) == [Effect.CHANGED] * 2  # whatever its label
    assert list(await addresses.remove(VIPS)) == [Effect.NONE] * 2
    assert await addresses.look("eth0") == before


async def test_an_address_with_another_prefix_length_is_the_operators(cable: Cable, addresses: Addresses) -> None:
    own = [Vip(IPv4Address("192.0.2.10"), "eth0"), Vip(IPv6Address("2001:db8::10"), "eth0")]
    assert list(await addresses.remove(own)) == [Effect.NONE] * 2
    assert list(await addresses.add(own)) == [Effect.CHANGED, Effect.NONE]  # IPv6 has every address once
    assert list(await addresses.remove(own)) == [Effect.CHANGED, Effect.NONE]
    look = await addresses.look("eth0")
    assert look is not None and all(look.holds(vip.address) for vip in own)


async def test_what_was_put_on_is_known_again_and_an_operators_is_not(cable: Cable, addresses: Addresses) -> None:
    ip("address add 192.0.2.101/32 dev eth0")
    ip("address add 2001:db8::101/128 dev eth0")
    assert list(await addresses.found()) == []
    await addresses.add([*VIPS, Vip(IPv4Address("192.0.2.101"), "eth0")])
    assert set(await addresses.found()) == {Vip(VIP4.address, "eth0"), VIP6}
    await addresses.remove(await addresses.found())
    assert list(await addresses.found()) == []
    ip("address del 192.0.2.101/32 dev eth0")
    ip("address del 2001:db8::101/128 dev eth0")


async def test_a_refused_address_says_what_to_do_and_stops_no_other(cable: Cable, addresses: Addresses) -> None:
    long = Vip(IPv4Address("192.0.2.101"), "eth0", "a-label-too-long")
    lost = Vip(IPv4Address("192.0.2.102"), "eth9")
    nowhere = Refusal(errno.ENODEV, "there is no interface eth9: create it, or correct the name")
    unlabelled = "192.0.2.101 on eth0: give a unicast address, and a label of at most 15 bytes, not 'a-label-too-long'"
    assert list(await addresses.add([long, lost, VIP4])) == [Refusal(errno.ERANGE, unlabelled), nowhere, Effect.CHANGED]
    assert list(await addresses.remove([lost, long, VIP4])) == [Effect.NONE, Effect.NONE, Effect.CHANGED]
    multicast = Vip(IPv6Address("ff02::1"), "eth0")
    unfit = "ff02::1 on eth0: give a unicast address, and for IPv6 an interface with an MTU of 1280 or more"
    assert list(await addresses.add([multicast])) == [Refusal(errno.EADDRNOTAVAIL, unfit)]
    cable.worn = True
    (ETH0 / "disable_ipv6").write_text("1")
    off = "2001:db8::100 on eth0: IPv6 is off there: set net.ipv6.conf.eth0.disable_ipv6 = 0"
    assert list(await addresses.add([VIP6])) == [Refusal(errno.EACCES, off)]
    ip("link set eth0 mtu 1000")
    assert list(await addresses.add([VIP6])) == [Refusal(errno.EINVAL, unfit.replace("ff02::1", "2001:db8::100"))]
    assert list(await addresses.remove([VIP6])) == [Effect.NONE]
    assert await addresses.look("eth9") is None
    assert await addresses.look("") is None
    assert await addresses.look("a-name-too-long-") is None


async def test_two_hundred_at_once(cable: Cable, addresses: Addresses) -> None:
    many = [Vip(IPv4Address("198.18.0.0") + number, "eth0") for number in range(150)]
    many += [Vip(IPv6Address("2001:db8:1::") + number, "eth0") for number in range(50)]
    assert set(await addresses.add(many)) == {Effect.CHANGED}
    look = await addresses.look("eth0")
    assert look is not None and {vip.address for vip in many} < {held.ip for held in look.addresses}
    assert set(await addresses.remove(many)) == {Effect.CHANGED}


async def test_a_host_that_forwards_is_seen_to(cable: Cable, addresses: Addresses) -> None:
    before = await addresses.look("eth0")
    (ETH0 / "forwarding").write_text("1")
    after = await addresses.look("eth0")
    (ETH0 / "forwarding").write_text("0")
    assert before is not None and after is not None
    assert (before.forwards_v6, after.forwards_v6) == (False, True)


async def test_a_virtual_mac_is_a_macvlan_that_is_known_again(cable: Cable, macvlans: Macvlans) -> None:
    assert await macvlans.add("vr.51", "eth0", MAC) is Effect.CHANGED
    assert await macvlans.add("vr.51", "eth0", MAC) is Effect.NONE
    (link,) = shown("-d", "link", "show", "vr.51", netns=cable.near)
    assert (link["link"], link["address"], "UP" in link["flags"]) == ("eth0", "00:00:5e:00:01:33", True)
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvlan", "vepa")
    (held,) = shown("addr", "show", "vr.51", netns=cable.near)
    assert held["addr_info"] == []  # no link-local address, which the peer would have as well
    four, six = Path("/proc/sys/net/ipv4/conf/vr.51"), Path("/proc/sys/net/ipv6/conf/vr.51")
    settings = [(four / "arp_ignore").read_text(), (four / "rp_filter").read_text(), (six / "accept_ra").read_text()]
    assert settings == ["1\n", "0\n", "0\n"]
    ip("link set vr.51 down")
    assert await macvlans.add("vr.51", "eth0", MAC) is Effect.CHANGED
    assert await macvlans.add("vr.51", "eth0", virtual_mac(Family.INET6, 52)) is Effect.CHANGED
    assert await macvlans.remove("vr.51") is Effect.CHANGED
    assert await macvlans.remove("vr.51") is Effect.NONE


async def test_macvlans_of_others_are_left_alone(cable: Cable, macvlans: Macvlans) -> None:
    cable.worn = True
    ip("link add theirs link eth0 type macvlan")
    for answer in (await macvlans.add("theirs", "eth0", MAC), await macvlans.remove("theirs")):
        assert answer == Refusal(
            errno.EEXIST, "interface theirs is no virtual router's macvlan, and is left alone: choose another name"
        )
    assert await macvlans.add("vr.51", "eth9", MAC) == Refusal(
        errno.ENODEV, "there is no interface eth9: create it, or correct the name"
    )
    assert await macvlans.add("vr.51", "lo", MAC) == Refusal(
        errno.EINVAL, "no macvlan vr.51 on lo: that takes an Ethernet interface, and a name of 1 to 15 bytes"
    )
    assert await macvlans.add("vr.51", "eth0", MAC) is Effect.CHANGED
    assert await macvlans.add("vr.52", "eth0", MAC) == Refusal(
        errno.EADDRINUSE, "no macvlan vr.52: eth0 has one with its MAC: give every virtual router a number"
    )
    assert [link["ifname"] for link in shown("link", "show", netns=cable.near)] == ["lo", "eth0", "theirs", "vr.51"]


def test_two_capabilities_are_enough_and_are_needed(cable: Cable) -> None:
    async def everything() -> None:
        rtnetlink = Rtnetlink()
        addresses, macvlans = Addresses(rtnetlink), Macvlans(rtnetlink)
        assert list(await addresses.add(VIPS)) == [Effect.CHANGED] * 2
        assert await macvlans.add("vr.51", "eth0", MAC) is Effect.CHANGED
        announcer = Announcer("vr.51")
        assert await announcer.send([bytes(60)]) is None
        announcer.close()
        assert await macvlans.remove("vr.51") is Effect.CHANGED
        assert list(await addresses.remove(VIPS)) == [Effect.CHANGED] * 2
        await rtnetlink.close()

    async def nothing() -> None:
        rtnetlink = Rtnetlink()
        addresses, macvlans = Addresses(rtnetlink), Macvlans(rtnetlink)
        assert await addresses.look("eth0") is not None
        async with Watch(["eth0"]) as watch:
            assert (await anext(watch))["eth0"] is not None
        not_permitted = Refusal(errno.EPERM, "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace")
        assert list(await addresses.add(VIPS)) == [not_permitted] * 2
        assert list(await addresses.remove(VIPS)) == [not_permitted] * 2
        assert await macvlans.add("vr.51", "eth0", MAC) == not_permitted
        with pytest.raises(KernelError) as caught:
            Announcer("eth0")
        assert str(caught.value) == (
            "cannot announce addresses on eth0: not permitted: give lvsctl CAP_NET_RAW in this network namespace"
        )
        await rtnetlink.close()

    run_as(NOBODY, frozenset({CAP_NET_ADMIN, CAP_NET_RAW}), lambda: asyncio.run(everything()))
    run_as(NOBODY, frozenset(), lambda: asyncio.run(nothing()))
