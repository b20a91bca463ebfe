"""Who has which addresses, and who says what, as a bystander sees it: each with the time when it was so.

Nothing is asked for again and again: the kernels tell of their addresses, and every frame passes by.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeAlias

from tests.directors.switch import Switch
from tests.e2e.netns import inside
from tests.pair.wire import ETH_P_ALL, datagram_in

_NEW_ADDRESS, _DELETE_ADDRESS = 20, 21
_GROUPS: Final = 1 << 4 | 1 << 8  # IPv4 addresses, IPv6 addresses
_MESSAGE, _ADDRESS, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBI"), struct.Struct("=HH")
_IFA_ADDRESS = 1


@dataclass(frozen=True, slots=True)
class Said:
    """An advert that a host has sent. at: CLOCK_MONOTONIC, here and below."""

    at: float
    host: int
    vrid: int
    priority: int


@dataclass(frozen=True, slots=True)
class Held:
    """From now on a host has this address, or has it no more."""

    at: float
    host: int
    address: str
    here: bool


Seen: TypeAlias = Said | Held


class Watcher:
    """seen: in order. A thread of its own, so that what is waited for elsewhere does not hold it up."""

    def __init__(self, switch: Switch) -> None:
        self.seen: list[Seen] = []
        self._news = threading.Condition()
        with inside(switch.name):
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._kernels = {self._listen(switch.host(number)): number for number in switch.hosts}
        self._end, self._ending = socket.socketpair()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.close()
        self._thread.join()
        for one in (self._wire, self._ending, *self._kernels):
            one.close()

    def advert(self, host: int, within: float) -> float:
        """Waits for its next one; when it was sent."""
        with self._news:
            before = len(self.seen)
            assert self._news.wait_for(lambda: self._spoken(host, before) is not None, within), f"{host} says nothing"
            return self._spoken(host, before) or 0.0

    def _spoken(self, host: int, since: int) -> float | None:
        return next((one.at for one in self.seen[since:] if isinstance(one, Said) and one.host == host), None)

    @staticmethod
    def _listen(host: str) -> socket.socket:
        with inside(host):
            kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        kernel.bind((0, _GROUPS))
        return kernel

    def _watch(self) -> None:
        poll = select.poll()
        ears = {one.fileno(): one for one in (self._ending, self._wire, *self._kernels)}
        for handle in ears:
            poll.register(handle, select.POLLIN)
        while True:
            for handle, _ in poll.poll():
                ear = ears[handle]
                if ear is self._ending:
                    return
                with self._news:
                    self.seen += self._from_wire() if ear is self._wire else self._from_kernel(ear)
                    self._news.notify_all()

    def _from_wire(self) -> Iterator[Seen]:
        packet, (port, _, kind, _, _) = self._wire.recvfrom(2048)
        found = datagram_in(packet) if port.startswith("port") and kind != socket.PACKET_OUTGOING else None
        if found is not None:
            yield Said(time.monotonic(), int(port.partition(".")[2]), found.payload[1], found.payload[2])

    def _from_kernel(self, kernel: socket.socket) -> Iterator[Seen]:
        told, now = kernel.recv(65536), time.monotonic()
        at = 0
        while at < len(told):
            length, kind, *_ = _MESSAGE.unpack_from(told, at)
            if kind in (_NEW_ADDRESS, _DELETE_ADDRESS):
                address = _address(told[at + _MESSAGE.size : at + length])
                yield Held(now, self._kernels[kernel], address, kind == _NEW_ADDRESS)
            at += (length + 3) & ~3


def _address(message: bytes) -> str:
    at = _ADDRESS.size
    while True:
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == _IFA_ADDRESS:
            return str(ip_address(message[at + _ATTRIBUTE.size : at + length]))
        at += (length + 3) & ~3
