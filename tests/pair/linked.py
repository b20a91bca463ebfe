"""Ports on a cable in this process, for a speaker without privileges; test_port holds them to what real ones do."""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from lvsctl.model import Family, Instance
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.filter import Wanted, program
from tests.pair.bpf import run
from tests.pair.packets import packet, six

ROOM = {Wanted.EXPECTED: 512, Wanted.REST: 128}


class Link:
    """The cable. `link.port` makes a port, as `Port` does. cut: nothing comes through."""

    def __init__(self) -> None:
        self.cut = False
        self.ports: list[LinkedPort] = []

    def port(self, interface: str, index: int, instances: Sequence[Instance]) -> LinkedPort:
        made = LinkedPort(self, index, instances)
        self.ports.append(made)
        return made

    def carry(self, datagram: Datagram, sender: LinkedPort | None = None) -> None:
        """To everybody but the sender."""
        for port in self.ports:
            if port is not sender and not self.cut:
                port.arrive(datagram)

    def unplug(self, port: LinkedPort) -> None:
        self.ports.remove(port)


class LinkedPort:
    """See `Port`. A queue's socket has something to read for as long as something waits in the queue.

    macs: from which was sent.
    """

    def __init__(self, link: Link, index: int, instances: Sequence[Instance]) -> None:
        self.index = index
        self._link = link
        self._four = instances[0].family is Family.INET
        self._ends = {wanted: socket.socketpair() for wanted in Wanted}
        self.queues = {wanted: near for wanted, (near, _) in self._ends.items()}
        self._waiting: dict[Wanted, deque[Datagram]] = {wanted: deque() for wanted in Wanted}
        self._lost: Counter[Wanted] = Counter()
        self.macs: list[bytes | None] = []
        self.serve(instances)

    def serve(self, instances: Sequence[Instance]) -> None:
        self.instances = tuple(instances)
        self._programs = {wanted: program(instances, wanted) for wanted in Wanted}
        self._judged: dict[Datagram, Wanted | None] = {}

    def close(self) -> None:
        self._link.unplug(self)
        for ends in self._ends.values():
            for end in ends:
                end.close()

    def lost(self, wanted: Wanted) -> int:
        return self._lost[wanted]

    def take(self, wanted: Wanted, most: int) -> Iterator[Datagram]:
        waiting = self._waiting[wanted]
        for _ in range(min(most, len(waiting))):
            datagram = waiting.popleft()
            if not waiting:
                self.queues[wanted].recv(1)
            yield datagram

    def send(self, datagram: Datagram, mac: bytes | None = None) -> int:
        self.macs.append(mac)
        self._link.carry(datagram, self)
        return 0

    def arrive(self, datagram: Datagram) -> None:
        """As the kernel takes it in."""
        if datagram not in self._judged:
            self._judged[datagram] = self._judge(datagram)
        wanted = self._judged[datagram]
        if wanted is None:
            return
        waiting = self._waiting[wanted]
        if len(waiting) == ROOM[wanted]:
            self._lost[wanted] += 1
            return
        if not waiting:
            self._ends[wanted][1].send(b"!")
        waiting.append(datagram)

    def _judge(self, datagram: Datagram) -> Wanted | None:
        if (len(datagram.source) == 4) is not self._four:
            return None
        data, header = (packet(datagram), b"") if self._four else (datagram.payload, six(datagram))
        return next((wanted for wanted, whole in self._programs.items() if run(whole, data, header)), None)
