"""Who had the virtual address when, as the kernels of the directors tell it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests.directors.town import VIP, Host, Town
from tests.e2e.netns import inside

_RTMGRP_IPV4_IFADDR = 0x10
_RTM_NEWADDR, _RTM_DELADDR = 20, 21
_IFA_LOCAL = 2
_MESSAGE = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBi")


@dataclass(frozen=True, slots=True)
class Moved:
    """when: on CLOCK_MONOTONIC, when the kernel's message was read. there: it came, else it went."""

    when: float
    host: Host
    there: bool


class Witness:
    """Watches both directors from a thread of its own. moved: in the order of time."""

    def __init__(self, town: Town) -> None:
        self.moved: list[Moved] = []
        self._ears: dict[int, tuple[socket.socket, Host]] = {}
        for host in town.directors:
            with inside(host.netns):
                ear = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            ear.bind((0, _RTMGRP_IPV4_IFADDR))
            self._ears[ear.fileno()] = (ear, host)
        self._end, self._told = os.pipe()
        self._thread = threading.Thread(target=self._watch)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Witness]:
        self._thread.start()
        try:
            yield self
        finally:
            os.close(self._told)
            self._thread.join()
            os.close(self._end)
            for ear, _ in self._ears.values():
                ear.close()

    def came(self, host: Host, since: float) -> float | None:
        """When the address came to this host, the first time after `since`."""
        return next((one.when for one in self.moved if one.host is host and one.there and one.when >= since), None)

    def went(self, host: Host, since: float) -> float | None:
        """When it went from there, the first time after `since`."""
        return next((one.when for one in self.moved if one.host is host and not one.there and one.when >= since), None)

    def _watch(self) -> None:
        while True:
            ready, _, _ = select.select([self._end, *self._ears], [], [])
            if self._end in ready:
                return
            for ear, host in (self._ears[number] for number in ready):
                now = time.monotonic()
                self.moved += [Moved(now, host, there) for there in _read(ear.recv(65536))]


def _read(datagram: bytes) -> Iterator[bool]:
    """For each message on the virtual address: whether it came."""
    at = 0
    while at < len(datagram):
        length, kind, _, _, _ = _MESSAGE.unpack_from(datagram, at)
        body = datagram[at + _MESSAGE.size + _ADDRESS.size : at + length]
        if kind in (_RTM_NEWADDR, _RTM_DELADDR) and _attribute(body, _IFA_LOCAL) == IPv4Address(VIP).packed:
            yield kind == _RTM_NEWADDR
        at += (length + 3) & ~3


def _attribute(body: bytes, wanted: int) -> bytes:
    while body:
        length, kind = struct.unpack_from("=HH", body)
        if kind == wanted:
            return body[4:length]
        body = body[(length + 3) & ~3 :]
    return b""
