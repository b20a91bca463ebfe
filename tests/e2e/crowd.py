"""Many clients, each with an address of its own, that connect and stay."""

from __future__ import annotations

import socket
import struct
from collections import Counter

from tests.e2e.netns import Town, inside

REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


class Crowd:
    """Clients of the virtual service; each new one has the next address of the clients' prefix."""

    def __init__(self, town: Town, port: int = 80) -> None:
        self.town = town
        self.port = port
        self.refused = 0
        self._next = 0
        self._held: list[tuple[socket.socket, str]] = []

    def arrive(self, count: int) -> Counter[str]:
        """`count` clients come one after the other, get an answer, and keep the connection; who answered, how often."""
        answered: Counter[str] = Counter()
        for _ in range(count):
            name = self._connect()
            if name is None:
                self.refused += 1
            else:
                answered[name] += 1
        return answered

    def _connect(self) -> str | None:
        self._next += 1
        source = f"{self.town.plan.clients}.{self._next % 250 + 1}"
        with inside(self.town.client):
            held = socket.socket()
        held.settimeout(5)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((source, 0))
        try:
            held.connect((self.town.plan.vip, self.port))
            name = self._ask(held)
        except OSError:
            held.close()
            return None
        self._held.append((held, name))
        return name

    @staticmethod
    def _ask(held: socket.socket) -> str:
        held.sendall(REQUEST)
        answer = held.recv(4096)
        if b"\r\n\r\n" not in answer:
            raise ConnectionError("no answer")
        return answer.partition(b"\r\n\r\n")[2].decode()

    def still_there(self) -> int:
        """How many of those who stayed still get an answer, each from the server that it had."""
        return sum(self._answers(held, name) for held, name in self._held)

    def _answers(self, held: socket.socket, name: str) -> bool:
        try:
            return self._ask(held) == name
        except OSError:
            return False

    def held(self) -> int:
        return len(self._held)

    def leave(self) -> None:
        """All hang up, with a reset: the kernel forgets such a connection after 10 s, a closed one after 2 minutes."""
        for held, _ in self._held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            held.close()
        self._held.clear()
