"""The youngest connections of a director that hands over, told to the other one before the sync daemon is stopped.

The kernel's master gathers entries until a message is full, or for two seconds, and throws away what it has when it is
stopped: who had just been accepted was cut off by every handover. So they are copied once more, from the table.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Final, TypeVar

from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.sync_message import ESTABLISHED, SYN_RECV, Copied, messages
from lvsctl.model import Address, AddressKey, Forward, MarkKey, Protocol, RealKey, Syncing, Table

_T = TypeVar("_T")

TABLE: Final = Path("/proc/net/ip_vs_conn")

GATHERED: Final = 4
"""Seconds without a packet from which on a connection has been sent by the kernel: two, and what clocks round off."""

OPENING: Final = 60
"""Seconds that the kernel keeps a TCP connection whose handshake is not over (tcp_timeouts, ip_vs_proto_tcp.c)."""

_MREQN: Final = struct.Struct("@4s4si")


async def copy_youngest(ipvs: Ipvs, syncing: Syncing) -> int:
    """Send them as the sync master would; returns how many. Raises KernelError, and OSError where it cannot be sent."""
    table, timeouts = await ipvs.read(), await ipvs.timeouts()
    found = await asyncio.to_thread(_read, table, timeouts.tcp)
    if found:
        await _send(list(messages(syncing.sync_id, found, largest=syncing.max_length)), syncing)
    return len(found)


def youngest(lines: Sequence[str], table: Table, tcp_timeout: int) -> Iterator[Copied]:
    """Those to one of the services of the table that had a packet in the last seconds.

    lines: of /proc/net/ip_vs_conn, without the heading: protocol, then address and port of client, service and server
    in hexadecimal digits, the state, and the seconds that are left.
    """
    lives = {"ESTABLISHED": (ESTABLISHED, tcp_timeout), "SYN_RECV": (SYN_RECV, OPENING)}
    marked = _marked(table)
    for line in lines:
        words = line.split()
        if len(words) < 9 or words[0] != "TCP" or words[7] not in lives:
            continue
        state, timeout = lives[words[7]]
        if int(words[8]) < timeout - GATHERED:
            continue
        client, vip, server = (_address(words[at]) for at in (1, 3, 5))
        ports = [int(words[at], 16) for at in (2, 4, 6)]
        how = _service(table, marked, AddressKey(vip, ports[1], Protocol.TCP), RealKey(server, ports[2]))
        if how is not None and server.version == vip.version:
            forward, mark = how
            yield Copied(client, ports[0], vip, ports[1], server, ports[2], forward, state, timeout, mark)


def _read(table: Table, tcp_timeout: int) -> list[Copied]:
    try:
        lines = TABLE.read_text().splitlines()[1:]
    except FileNotFoundError:
        return []
    return list(youngest(lines, table, tcp_timeout))


def _address(digits: str) -> Address:
    return ip_address(digits) if ":" in digits else IPv4Address(int(digits, 16))


def _marked(table: Table) -> Mapping[RealKey, tuple[Forward, int]]:
    """Servers of services that go by a firewall mark: nothing in a connection says which."""
    return {
        server: (attrs.forward, key.mark)
        for key, entry in table.items()
        if isinstance(key, MarkKey)
        for server, attrs in entry.servers.items()
    }


def _service(
    table: Table, marked: Mapping[RealKey, tuple[Forward, int]], key: AddressKey, server: RealKey
) -> tuple[Forward, int] | None:
    entry = table.get(key) or table.get(replace(key, port=0))
    if entry is None:
        return _of(marked, server)
    attrs = _of(entry.servers, server)
    return (attrs.forward, 0) if attrs is not None else None


def _of(servers: Mapping[RealKey, _T], server: RealKey) -> _T | None:
    """A server without a port is asked at the one that the client asked for."""
    return servers.get(server) or servers.get(replace(server, port=0))


async def _send(datagrams: Sequence[bytes], syncing: Syncing) -> None:
    six = syncing.group.version == 6
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        index = socket.if_nametoindex(syncing.interface)
        if six:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, syncing.ttl)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        else:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _MREQN.pack(b"", b"", index))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, syncing.ttl)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        sender.setblocking(False)
        for datagram in datagrams:
            await asyncio.get_running_loop().sock_sendto(sender, datagram, (str(syncing.group), syncing.port))
