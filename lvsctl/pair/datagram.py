"""One datagram of IP protocol 112, and what its IP header said of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROTOCOL = 112
HOPS = 255
"""TTL or hop limit of every advert: no router has forwarded it (RFC 9568, 5.1.1.3 and 5.1.2.3)."""

_IPV4 = struct.Struct("!BxH2xHBB2x4s4s")
_FRAGMENT = 0x3FFF  # "more fragments", and the offset


@dataclass(frozen=True, slots=True)
class Datagram:
    """payload: what follows the IP header. source, destination: 4 or 16 bytes. hops: TTL or hop limit."""

    payload: bytes
    source: bytes
    destination: bytes
    hops: int = HOPS


def from_ipv4(packet: bytes) -> Datagram | None:
    """The datagram in an IPv4 packet, as a raw socket hands it over; None if it is no whole one of protocol 112.

    The kernel checks headers before it hands them to a raw socket, so None is not expected there. An IPv6 raw socket
    hands over the payload alone: there the header's fields come as ancillary data.
    """
    if len(packet) < _IPV4.size:
        return None
    first, total, fragment, hops, protocol, source, destination = _IPV4.unpack_from(packet)
    header = (first & 15) * 4
    if (
        first >> 4 != 4
        or protocol != PROTOCOL
        or fragment & _FRAGMENT
        or not _IPV4.size <= header <= total <= len(packet)
    ):
        return None
    return Datagram(packet[header:total], source, destination, hops)
