"""A kernel at the other end of a socket pair: it answers from a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeAlias

from lvsctl.kernel import wire
from lvsctl.kernel.genl import GenericSocket
from lvsctl.kernel.rtnetlink import RouteSocket
from tests.kernel.golden import FAMILY

Answer: TypeAlias = Callable[[int], bytes]
"""Sequence number of the first message of a request -> one datagram."""


class ScriptedKernel:
    """answers: for each datagram that comes, the datagrams that go back. opened: how many sockets it was asked for."""

    def __init__(self, *answers: list[Answer]) -> None:
        self.opened = 0
        self.asked: list[wire.Message] = []
        self._answers = list(answers)
        self._far: list[socket.socket] = []

    async def open(self) -> GenericSocket:
        """For NetlinkIpvs: a new socket to this kernel."""
        return GenericSocket(FAMILY, self._connect())

    async def open_route(self) -> RouteSocket:
        """For Rtnetlink: the same."""
        return RouteSocket(self._connect())

    def _connect(self) -> socket.socket:
        self.opened += 1
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        far.setblocking(False)
        self._far.append(far)
        asyncio.get_running_loop().add_reader(far.fileno(), self._answer, far)
        return near

    def close(self) -> None:
        for far in self._far:
            asyncio.get_running_loop().remove_reader(far.fileno())
            far.close()

    def _answer(self, far: socket.socket) -> None:
        asked = list(wire.messages(far.recv(65536)))
        self.asked += asked
        if not asked:  # the near end was closed
            asyncio.get_running_loop().remove_reader(far.fileno())
            return
        for answer in self._answers.pop(0):
            far.send(answer(asked[0].sequence))
