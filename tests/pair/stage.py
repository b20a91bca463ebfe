"""Directors as programs in their hosts, and what they say: started, killed, frozen, waited for."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from lvsctl.model import Family, Instance
from tests.e2e.netns import inside
from tests.kernel.cable import shown
from tests.pair.wire import ETH_P_ALL, datagram_in

BUSY: Final = 15.0
"""Seconds by which a busy machine may be late; what is asserted beside it is the protocol's."""

INTERVAL: Final = 1.0
"""Seconds between adverts where nobody may lose the role because the machine stood still for a moment."""

SO_TIMESTAMPNS: Final = 35
"""asm-generic/socket.h."""

STARTING: Final = 15.0
"""Seconds that a program may take to start there."""


class Director:
    """A running tests.pair.director. lines: what it has said. said: (when, instance, role), of CLOCK_MONOTONIC."""

    def __init__(self, host: str, *instances: Instance, then: Sequence[Sequence[Instance]] = ()) -> None:
        """then: what it takes at each SIGHUP."""
        pickled = [pickle.dumps(tuple(configuration)).hex() for configuration in (instances, *then)]
        command = [sys.executable, "-m", "tests.pair.director", *pickled]
        with inside(host):
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._out = self.process.stdout
        self._text = b""
        self._ended = False

    @property
    def lines(self) -> list[str]:
        if not self._ended and select.select([self._out], [], [], 0)[0]:
            read = self._out.read()
            self._ended = not read
            self._text += read or b""
        return self._text.decode().rpartition("\n")[0].splitlines()

    @property
    def said(self) -> list[tuple[float, str, str]]:
        words = [line.split() for line in self.lines]
        return [(float(when), name, role) for when, name, role, *_ in words if name not in ("#", "!")]

    def roles(self, instance: str) -> list[str]:
        """All that it has told, in order."""
        return [role for _, name, role in self.said if name == instance]

    def role(self, instance: str) -> str:
        """The last that it has told; "" before the first."""
        return next(reversed(self.roles(instance)), "")

    def until(self, instance: str, role: str, *, within: float) -> float:
        """When it told of this role, which it has now; it may just have been started."""
        told: list[tuple[float, str]] = []

        def holds() -> bool:
            told[:] = [(when, role) for when, name, role in self.said if name == instance][-1:]
            return bool(told) and told[0][1] == role

        waited(holds, within + STARTING, lambda: "\n".join(self.lines))
        return told[0][0]

    def until_told(self, instance: str, *roles: str, within: float) -> None:
        """These are the last that it has told."""
        waited(
            lambda: self.roles(instance)[-len(roles) :] == [*roles], within + STARTING, lambda: "\n".join(self.lines)
        )

    def signal(self, number: signal.Signals) -> float:
        """When."""
        now = time.monotonic()
        self.process.send_signal(number)
        return now

    def close(self) -> list[str]:
        """All that it has said, to the end."""
        self.process.terminate()
        self.process.wait(20)
        while not self._ended:
            self.lines  # noqa: B018 - reads on
        self._out.close()
        return self.lines


@contextmanager
def director(host: str, *instances: Instance, then: Sequence[Sequence[Instance]] = ()) -> Iterator[Director]:
    """Killed at the end, if it is still there. then: what it takes at each SIGHUP."""
    made = Director(host, *instances, then=then)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait(20)
        made.close()


class Ear:
    """Hears the adverts that come to a host."""

    def __init__(self, host: str) -> None:
        with inside(host):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)
        self._socket.bind(("eth0", ETH_P_ALL))
        self._came: dict[Family, float] = {}

    def last(self, family: Family) -> float:
        """When the newest came, on CLOCK_MONOTONIC, however long ago that was."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, ancillary, _, (_, _, kind, *_) = self._socket.recvmsg(2048, 64)
                advert = datagram_in(packet) if kind != socket.PACKET_OUTGOING else None
                if advert is not None:
                    [(_, _, stamp)] = ancillary
                    seconds, nanoseconds = struct.unpack("qq", stamp)
                    four = len(advert.source) == 4
                    self._came[Family.INET if four else Family.INET6] = seconds + nanoseconds / 1e9
        return self._came[family] + _monotonic()

    def close(self) -> None:
        self._socket.close()


def _monotonic() -> float:
    """What makes a moment on CLOCK_MONOTONIC of a Unix time: read where the two readings were least apart."""

    def read() -> tuple[float, float]:
        before, today, after = time.monotonic(), time.time(), time.monotonic()
        return after - before, before - today

    return min(read() for _ in range(20))[1]


@contextmanager
def ear(host: str) -> Iterator[Ear]:
    made = Ear(host)
    try:
        yield made
    finally:
        made.close()


def waited(holds: Callable[[], bool], within: float, otherwise: Callable[[], str]) -> None:
    """Until it holds."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.002)


def addresses(host: str) -> set[str]:
    """Of its eth0."""
    [link] = shown("addr", "show", "dev", "eth0", netns=host)
    return {address["local"] for address in link["addr_info"]}


def has(host: str, *instances: Instance) -> None:
    """All the virtual addresses, soon."""
    wanted = _virtual(instances)
    waited(lambda: wanted <= addresses(host), BUSY, lambda: f"{wanted - addresses(host)} are missing")


def lacks(host: str, *instances: Instance) -> None:
    """All of them, soon."""
    unwanted = _virtual(instances)
    waited(lambda: not unwanted & addresses(host), BUSY, lambda: f"{unwanted & addresses(host)} are there")


def _virtual(instances: Iterable[Instance]) -> set[str]:
    return {str(address.ip) for instance in instances for address in instance.addresses}
