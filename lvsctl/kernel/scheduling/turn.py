"""What a scheduler is: a pick among a service's real servers, and whatever it has to remember until the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeAlias

from lvsctl.decide.overload import LoadedServer
from lvsctl.model import RealKey

Servers: TypeAlias = Sequence[LoadedServer]
"""A service's real servers as the kernel lists them: the one added last comes first."""


class Turn(Protocol):
    """A scheduler as bound to one service, between two picks. Frozen: everything that happens makes a new one."""

    def added(self, server: RealKey, servers: Servers) -> Self:
        """After `server` was added: it is the first of `servers`."""

    def edited(self, server: RealKey, servers: Servers) -> Self:
        """After `server` got new attributes, which `servers` has already."""

    def deleted(self, server: RealKey, servers: Servers) -> Self:
        """After `server` was deleted: `servers` are those that were there before, `server` among them."""

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        """The server for a new connection, None to refuse it."""


class Memoryless:
    """A scheduler that looks at the servers alone."""

    __slots__ = ()

    def added(self, server: RealKey, servers: Servers) -> Self:
        return self

    def edited(self, server: RealKey, servers: Servers) -> Self:
        return self

    def deleted(self, server: RealKey, servers: Servers) -> Self:
        return self


def key_of(server: LoadedServer | None) -> RealKey | None:
    """The answer of a pick."""
    return None if server is None else server.key


def place_of(server: RealKey | None, servers: Servers) -> int:
    """Where `server` stands in the list, from 1; 0 is the list's head, which is before the first."""
    for place, other in enumerate(servers, 1):
        if other.key == server:
            return place
    return 0
