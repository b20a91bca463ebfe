"""The adverts of both directors, as the switch gets them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator

from lvsctl.pair.datagram import PROTOCOL
from tests.directors.judge import Said
from tests.directors.town import Town
from tests.e2e.netns import inside

_ETH_P_ALL = 3


class Wiretap:
    """Listens at the directors' ports, from a thread of its own. said: in the order of time, on CLOCK_MONOTONIC."""

    def __init__(self, town: Town) -> None:
        self.said: list[Said] = []
        self._ears: dict[socket.socket, str] = {}
        with inside(town.switch):
            for host in town.directors:
                ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
                ear.bind((host.port, _ETH_P_ALL))
                self._ears[ear] = host.name
        self._end, self._told = os.pipe()
        self._thread = threading.Thread(target=self._listen)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Wiretap]:
        self._thread.start()
        try:
            yield self
        finally:
            os.close(self._told)
            self._thread.join()
            os.close(self._end)
            for ear in self._ears:
                ear.close()

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._end, *self._ears], [], [])
            if self._end in ready:
                return
            for ear in ready:
                self._take(ear)

    def _take(self, ear: socket.socket) -> None:
        with contextlib.suppress(OSError):  # "the link is down" is told once, too
            packet, (_, _, kind, _, _) = ear.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING and packet[0] >> 4 == 4 and packet[9] == PROTOCOL:
                priority = packet[(packet[0] & 15) * 4 + 2]
                self.said.append(Said(time.monotonic(), self._ears[ear], priority))
