"""An advert as a whole Ethernet frame, from the MAC of its virtual router (RFC 9568, 7.2). Pure.

The switch learns from it where that MAC is. By multicast only: how a unicast packet comes to its peer is the kernel's
business, and adverts to peers leave with the interface's own MAC.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from lvsctl.pair.datagram import PROTOCOL, Datagram

INTERNETWORK_CONTROL: Final = 0xC0
"""The type of service, or traffic class, that routing protocols have."""

_ETHERNET: Final = Struct("!6s6sH")  # to, from, type
_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_IPV4_WORDS: Final = Struct("!10H")


def frame(datagram: Datagram, mac: bytes) -> bytes:
    """mac: of the virtual router. The destination is a multicast address."""
    source, destination = datagram.source, datagram.destination
    if len(source) == 4:
        whole = _IPV4.size + len(datagram.payload)
        parts = (0x45, INTERNETWORK_CONTROL, whole, 0, 0, datagram.hops, PROTOCOL, 0, source, destination)
        header = bytearray(_IPV4.pack(*parts))
        header[10:12] = (-sum(_IPV4_WORDS.unpack(header)) % 0xFFFF).to_bytes(2)
        group = b"\x01\x00\x5e" + bytes((destination[1] & 0x7F,)) + destination[2:]
        return _ETHERNET.pack(group, mac, 0x0800) + header + datagram.payload
    first = 6 << 28 | INTERNETWORK_CONTROL << 20
    six = _IPV6.pack(first, len(datagram.payload), PROTOCOL, datagram.hops, source, destination)
    return _ETHERNET.pack(b"\x33\x33" + destination[12:], mac, 0x86DD) + six + datagram.payload
