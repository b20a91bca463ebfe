"""Clients of virtual services, packet by packet: no TCP of this kernel's own takes part, so nothing is sent twice.

The director's real servers are addresses behind a dummy interface, and nobody is there. What the director sends them
is seen on that interface at once, by the hardware address; what a server would answer is sent in its name.
"""

from __future__ import annotations

import socket
import struct
import subprocess
from enum import IntFlag
from ipaddress import IPv4Address

from lvsctl.model import AddressKey, Protocol, RealKey

VIP = IPv4Address("192.0.2.1")
SERVERS = tuple(IPv4Address(f"198.51.100.{host}") for host in range(11, 19))
SERVER_BY_HARDWARE = {bytes((2, 0, 0, 0, 0, number)): address for number, address in enumerate(SERVERS)}
ROUTER = IPv4Address("198.51.100.254")  # towards the clients, 10.9.0.0/16
ETH_P_ALL = 3  # what is sent is shown to nobody who asks for one protocol
NUMBER = {Protocol.TCP: 6, Protocol.UDP: 17}


class Flag(IntFlag):
    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16


class Clients:
    """To be made in a network namespace of its own; VIP and SERVERS are there for the taking."""

    def __init__(self) -> None:
        _lay_wires()
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._tap.bind(("dummy0", ETH_P_ALL))
        self._tap.setblocking(False)

    def close(self) -> None:
        self._raw.close()
        self._tap.close()

    def send(self, client: IPv4Address, port: int, service: AddressKey, flags: Flag = Flag.ACK) -> IPv4Address | None:
        """One packet of a client to a service; the server that it reaches, if any."""
        return self._send(packet(client, port, VIP, service.port, service.protocol, flags), VIP)

    def answer(self, server: RealKey, client: IPv4Address, port: int, flags: Flag) -> None:
        """One segment of a server that is masqueraded."""
        self._send(packet(server.address, server.port, client, port, Protocol.TCP, flags), client)

    def _send(self, data: bytes, destination: IPv4Address) -> IPv4Address | None:
        self._drain()
        try:
            self._raw.sendto(data, (str(destination), 0))
        except PermissionError:
            return None  # the director drops it
        reached = [SERVER_BY_HARDWARE[frame] for frame in self._drain() if frame in SERVER_BY_HARDWARE]
        assert len(reached) <= 1, f"a packet that reaches {len(reached)} servers"
        return reached[0] if reached else None

    def _drain(self) -> list[bytes]:
        seen = []
        while True:
            try:
                seen.append(self._tap.recv(6))  # the hardware address that it is sent to
            except BlockingIOError:
                return seen


def _lay_wires() -> None:
    neighbours = [(address, hardware.hex(":")) for hardware, address in SERVER_BY_HARDWARE.items()]
    lines = [
        "link add dummy0 type dummy",
        "link set dummy0 arp on up",
        "address add 198.51.100.1/24 dev dummy0",
        f"address add {VIP}/32 dev lo",
        *(
            f"neighbour add {address} lladdr {hardware} dev dummy0 nud permanent"
            for address, hardware in (*neighbours, (ROUTER, "02:00:00:00:00:fe"))
        ),
        f"route add 10.9.0.0/16 via {ROUTER}",
    ]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def packet(
    source: IPv4Address, source_port: int, target: IPv4Address, target_port: int, protocol: Protocol, flags: Flag
) -> bytes:
    """An IPv4 packet with right checksums and nothing in it."""
    if protocol is Protocol.UDP:
        head, tail = struct.pack("!HHH", source_port, target_port, 8), b""
    else:
        head = struct.pack("!HHIIBBH", source_port, target_port, 1, 1, 5 << 4, flags, 1024)
        tail = bytes(2)
    length = len(head) + 2 + len(tail)
    pseudo = source.packed + target.packed + struct.pack("!HH", NUMBER[protocol], length)
    body = head + struct.pack("!H", _checksum(pseudo + head + tail) or 0xFFFF) + tail
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, NUMBER[protocol], 0)
    return ip + source.packed + target.packed + body  # the kernel fills in the header's own checksum


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
