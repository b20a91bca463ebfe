"""Virtual MAC addresses: a macvlan on top of an interface, with the MAC that VRRP gives to a virtual router.

What is ours is known by what it is, so that it is still known after a crash: a macvlan of the name that was asked
for, with a virtual router's MAC. Anything else of that name is left alone.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lvsctl.kernel import links, wire
from lvsctl.kernel.addresses import find, find_link
from lvsctl.kernel.channel import asked_again
from lvsctl.kernel.link_refusals import macvlan_refusal, no_interface, not_ours
from lvsctl.kernel.links import Ifla, Info, Rtm
from lvsctl.kernel.numbers import FAMILY
from lvsctl.kernel.rtnetlink import RouteSocket, Rtnetlink
from lvsctl.kernel.wire import Attributes, Message
from lvsctl.model import Effect, Family, LinkAnswer, VirtualLink

KIND: Final = "macvlan"
IPV6_CONF: Final = Path("/proc/sys/net/ipv6/conf")
VEPA: Final = 2
"""The mode: two virtual routers on one interface do not see each other's packets, unless the switch reflects them.

Not PRIVATE, which would have suited as well: there a multicast packet that has the macvlan's own MAC as its source,
as the adverts of the other director have, is handed to the macvlan alone, and nothing is heard on the interface below.
"""

PREFIX: Final = {Family.INET: bytes.fromhex("00005e0001"), Family.INET6: bytes.fromhex("00005e0002")}
"""RFC 9568, section 7.3: the number of the virtual router follows."""

MODE: Final = 1  # attribute of a macvlan
INET_CONF: Final = 1  # attribute of a link in FAMILIES: the sysctls net.ipv4.conf.NAME.*
RP_FILTER: Final = 8
ARP_IGNORE: Final = 19
GENERATE: Final = 8  # attribute of a link in FAMILIES: how it gets a link-local IPv6 address
NOT_AT_ALL: Final = 1


def virtual_mac(family: Family, router: int) -> bytes:
    """router: the VRRP number of the virtual router, 1 to 255."""
    return PREFIX[family] + bytes((router,))


@dataclass(frozen=True, slots=True)
class _Found:
    """A link that has the name. ours: a macvlan with a virtual router's MAC."""

    index: int
    parent: int
    mac: bytes
    up: bool
    ours: bool


class Macvlans:
    """Of the network namespace in which they are first used; raises `KernelError` when it cannot be asked.

    What the interface below has to be like is the operator's to set (see `hindrances`). What the macvlan has to be like
    is set here: it answers ARP for its own addresses alone, takes packets though the way back is by the interface below
    (rp_filter), and makes itself no link-local address of the virtual MAC, which would be the same on both directors.
    """

    def __init__(self, rtnetlink: Rtnetlink) -> None:
        self._rtnetlink = rtnetlink

    async def add(self, name: str, parent: str, mac: bytes) -> LinkAnswer:
        """Have it there, up, on top of `parent`. mac: see `virtual_mac`."""
        async with self._rtnetlink.conversation() as kernel:
            below = await find(kernel, parent)
            if below is None:
                return no_interface(parent)
            found = await _look(kernel, name)
            if found is not None and not found.ours:
                return not_ours(name)
            if found is not None and (found.parent, found.mac, found.up) == (below.index, mac, True):
                return Effect.NONE
            if found is not None:
                await kernel.order([(Rtm.DELETE_LINK, _by_index(found.index))])
            number = await _make(kernel, name, below.index, mac)
            if not number:
                _hear_no_routers(name)
            return macvlan_refusal(name, parent, number) if number else Effect.CHANGED

    @asked_again
    async def found(self) -> Sequence[VirtualLink]:
        """All that have a virtual router's MAC, whoever made them. parent: "" where it is in another namespace."""
        async with self._rtnetlink.conversation() as kernel:
            listed = await kernel.dump(Rtm.GET_LINK, links.find_links())
        names = {links.index_of(message): links.name_of_link(message) for message in listed}
        every = [_found(message) for message in listed if _kind(links.attributes_of_link(message)) == KIND]
        return [VirtualLink(names[it.index], names.get(it.parent, ""), it.mac) for it in every if it.ours]

    async def remove(self, name: str) -> LinkAnswer:
        """Have it gone, with the addresses that are on it."""
        async with self._rtnetlink.conversation() as kernel:
            found = await _look(kernel, name)
            if found is None:
                return Effect.NONE
            if not found.ours:
                return not_ours(name)
            (number,) = await kernel.order([(Rtm.DELETE_LINK, _by_index(found.index))])
            return macvlan_refusal(name, "", number) if number else Effect.CHANGED


def _hear_no_routers(name: str) -> None:
    """Their advertisements would give it an address of the virtual MAC. Where sysctls are read-only, that is borne."""
    with contextlib.suppress(OSError):
        (IPV6_CONF / name / "accept_ra").write_text("0")


async def _look(kernel: RouteSocket, name: str) -> _Found | None:
    message = await find_link(kernel, name)
    if message is None:
        return None
    return _found(message)


def _found(message: Message) -> _Found:
    interface, link = links.interface(message), links.attributes_of_link(message)
    ours = _kind(link) == KIND and interface.mac[:-1] in PREFIX.values()
    return _Found(interface.index, link.number(Ifla.PARENT, 4, 0), interface.mac, interface.up, ours)


def _kind(link: Attributes) -> str:
    return link.nested(Ifla.INFO).text(Info.KIND, "") if Ifla.INFO in link else ""


async def _make(kernel: RouteSocket, name: str, parent: int, mac: bytes) -> int:
    """errno, or 0; nothing is left of one that could not be made as it should be."""
    made, configured, without_v6, up = await kernel.order(_making(name, parent, mac))
    number = configured or up or (0 if without_v6 == errno.EAFNOSUPPORT else without_v6)
    if number and not made and (half := await find(kernel, name)) is not None:
        await kernel.order([(Rtm.DELETE_LINK, _by_index(half.index))])
    return made or number


def _making(name: str, parent: int, mac: bytes) -> list[tuple[Rtm, bytes]]:
    """Made while down, and brought up when it is as it should be."""
    data = wire.nested(Info.DATA, wire.u32(MODE, VEPA))
    kind = wire.nested(Ifla.INFO, wire.text(Info.KIND, KIND) + data)
    conf = wire.nested(INET_CONF, wire.u32(ARP_IGNORE, 1) + wire.u32(RP_FILTER, 0))
    four = wire.nested(FAMILY[Family.INET], conf)
    no_address = wire.nested(links.INET6, wire.attribute(GENERATE, bytes((NOT_AT_ALL,))))
    by_name = links.LINK.pack(0, 0, 0, 0, 0) + wire.text(Ifla.NAME, name)
    up = links.LINK.pack(0, 0, 0, links.IFF_UP, links.IFF_UP) + wire.text(Ifla.NAME, name)
    return [
        (Rtm.NEW_LINK, by_name + wire.attribute(Ifla.MAC, mac) + wire.u32(Ifla.PARENT, parent) + kind),
        (Rtm.SET_LINK, by_name + wire.nested(Ifla.FAMILIES, four)),
        (Rtm.SET_LINK, by_name + wire.nested(Ifla.FAMILIES, no_address)),
        (Rtm.SET_LINK, up),
    ]


def _by_index(index: int) -> bytes:
    return links.LINK.pack(0, 0, index, 0, 0)
