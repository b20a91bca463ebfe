"""The kernel's connection sync messages, version 1, as far as a director tells of its youngest connections itself.

Shape (net/netfilter/ipvs/ip_vs_sync.c, the comments on `sync_conn`): a header of eight bytes - reserved 0, id, bytes of
the whole message, number of entries, version 1, spare 0 -, then the entries, 36 bytes with IPv4 and 72 with IPv6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lvsctl.kernel.numbers import FORWARD, PROTOCOL
from lvsctl.model import Address, Forward, Protocol

LARGEST: Final = 1472
"""Bytes of a message: what an Ethernet frame has room for beside the headers, as the kernel's own."""

MOST: Final = 255
"""Entries of a message."""

_HEADER: Final = struct.Struct("!BBHBbH")
_ENTRY: Final = struct.Struct("!BBHIHHHHII")
_VERSION: Final = 1
_INACTIVE: Final = 0x100
_INET6: Final = 1

ESTABLISHED: Final = 1
SYN_RECV: Final = 3
"""States of TCP (enum in include/net/ip_vs.h)."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A TCP connection. state: ESTABLISHED or SYN_RECV. timeout: seconds that it lives without a packet.

    mark: of its service, 0 if that goes by address.
    """

    client: Address
    client_port: int
    vip: Address
    port: int
    server: Address
    server_port: int
    forward: Forward
    state: int
    timeout: int
    mark: int = 0


def messages(sync_id: int, connections: Sequence[Copied], *, largest: int = LARGEST) -> Iterator[bytes]:
    """As few as there can be. largest: bytes of each, 0 for as usual."""
    room = (largest or LARGEST) - _HEADER.size
    entries: list[bytes] = []
    filled = 0
    for entry in map(_entry, connections):
        if entries and (filled + len(entry) > room or len(entries) == MOST):
            yield _message(sync_id, entries)
            entries, filled = [], 0
        entries.append(entry)
        filled += len(entry)
    if entries:
        yield _message(sync_id, entries)


def _message(sync_id: int, entries: Sequence[bytes]) -> bytes:
    whole = b"".join(entries)
    return _HEADER.pack(0, sync_id, _HEADER.size + len(whole), len(entries), _VERSION, 0) + whole


def _entry(one: Copied) -> bytes:
    addresses = one.client.packed + one.vip.packed + one.server.packed
    flags = FORWARD[one.forward] | (0 if one.state == ESTABLISHED else _INACTIVE)
    return (
        _ENTRY.pack(
            _INET6 if one.vip.version == 6 else 0,
            PROTOCOL[Protocol.TCP],
            _ENTRY.size + len(addresses),
            flags,
            one.state,
            one.client_port,
            one.port,
            one.server_port,
            one.mark,
            one.timeout,
        )
        + addresses
    )
