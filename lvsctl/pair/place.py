"""Where an instance has its addresses while it is active: on its interface, or on one with a MAC of its own. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from lvsctl.model import Family, Instance, Interfaces, Vip, VirtualLink

LONGEST: Final = 15  # bytes of an interface's name

_PREFIX: Final = {Family.INET: bytes.fromhex("00005e0001"), Family.INET6: bytes.fromhex("00005e0002")}
_NUMBER: Final = {Family.INET: 4, Family.INET6: 6}


@dataclass(frozen=True, slots=True)
class Place:
    """interface: that has the addresses. links: made for them, and then the interface; (): it is the instance's own."""

    interface: str
    vips: tuple[Vip, ...]
    links: tuple[VirtualLink, ...] = ()

    def is_right(self, interfaces: Interfaces, *, active: bool) -> bool:
        """Whether all of it is there, or nothing of it."""
        interface = interfaces.get(self.interface)
        if interface is None:
            return not (self.links and active)
        if self.links and not (active and interface.up):
            return False
        return all(interface.holds(vip.address) is active for vip in self.vips)


def place(me: Instance) -> Place:
    """Of this instance."""
    links = virtual_links([me])
    interface = links[0].name if links else me.interface
    return Place(interface, tuple(Vip(address.ip, interface) for address in me.addresses), links)


def former(me: Instance) -> tuple[Place, ...]:
    """Where an earlier life may have left its addresses, configured otherwise; links are swept (see `is_ours`)."""
    return (place(replace(me, virtual_mac=False)),) if me.virtual_mac else ()


def virtual_link(me: Instance) -> VirtualLink:
    """The interface with the virtual router's MAC (RFC 9568, 7.3), as `eth0-v4-51`.

    The same in every life, so that what a killed one left is known. A name that does not fit has a sum instead of the
    interface's.
    """
    end = f"-v{_NUMBER[me.family]}-{me.vrid}"
    name = me.interface + end
    if len(name.encode()) > LONGEST:
        name = f"{zlib.crc32(me.interface.encode()):08x}{end}"
    return VirtualLink(name, me.interface, _PREFIX[me.family] + bytes((me.vrid,)))


def advert_mac(me: Instance) -> bytes | None:
    """From which its adverts go (RFC 9568, 7.2); None: from that of its interface. See `frame` for unicast."""
    return virtual_link(me).mac if me.virtual_mac and not me.peers else None


def is_ours(link: VirtualLink) -> bool:
    """Whether it is one that some life of ours has made: by its name, which has what its MAC has."""
    ends = [f"-v{_NUMBER[family]}-{link.mac[-1]}" for family, prefix in _PREFIX.items() if link.mac[:-1] == prefix]
    return any(link.name.endswith(end) for end in ends)


def virtual_links(instances: Iterable[Instance]) -> tuple[VirtualLink, ...]:
    """Of those that have one."""
    return tuple(virtual_link(me) for me in instances if me.virtual_mac)
