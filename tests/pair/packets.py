"""Datagrams with the IP headers that they came with."""

from __future__ import annotations

import struct

from lvsctl.pair.datagram import PROTOCOL, Datagram


def packet(datagram: Datagram, options: bytes = b"") -> bytes:
    """With its IPv4 header."""
    size = 20 + len(options)
    first, total = 0x40 | size // 4, size + len(datagram.payload)
    fields = (first, 0, total, 0, 0, datagram.hops, PROTOCOL, 0, datagram.source, datagram.destination)
    return struct.pack("!BBHHHBBH4s4s", *fields) + options + datagram.payload


def six(datagram: Datagram) -> bytes:
    """Its IPv6 header."""
    fields = (6 << 28, len(datagram.payload), PROTOCOL, datagram.hops, datagram.source, datagram.destination)
    return struct.pack("!IHBB16s16s", *fields)
