"""hprio: the highest weight that has room, round robin among equals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lvsctl.kernel.scheduling.turn import Servers
from lvsctl.model import RealKey


@dataclass(frozen=True, slots=True)
class HighestPriority:
    """queue: servers with their weights; those of one weight are a tier, next in turn first.

    A tier's turn is its own: nothing that happens to servers of another weight disturbs it.
    """

    queue: tuple[tuple[RealKey, int], ...] = ()

    @classmethod
    def bind(cls, servers: Servers) -> HighestPriority:
        return cls(tuple((server.key, server.attrs.weight) for server in reversed(servers)))

    def added(self, server: RealKey, servers: Servers) -> Self:
        return self._last(server, servers)

    def edited(self, server: RealKey, servers: Servers) -> Self:
        """Who keeps the weight keeps the turn."""
        known = dict(self.queue)[server] == _weight(server, servers)
        return self if known else self._last(server, servers)

    def deleted(self, server: RealKey, servers: Servers) -> Self:
        return type(self)(self._without(server))

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        available = {server.key for server in servers if server.available}
        weights = [weight for key, weight in self.queue if key in available]
        if not weights:
            return None, self
        tier = [key for key, weight in self.queue if weight == max(weights)]
        picked = next(key for key in tier if key in available)
        had_their_turn = set(tier[: tier.index(picked) + 1])  # the ones passed over, too
        waiting = tuple(row for row in self.queue if row[0] not in had_their_turn)
        return picked, type(self)(waiting + tuple(row for row in self.queue if row[0] in had_their_turn))

    def _last(self, server: RealKey, servers: Servers) -> Self:
        return type(self)((*self._without(server), (server, _weight(server, servers))))

    def _without(self, server: RealKey) -> tuple[tuple[RealKey, int], ...]:
        return tuple(row for row in self.queue if row[0] != server)


def _weight(server: RealKey, servers: Servers) -> int:
    return next(other.attrs.weight for other in servers if other.key == server)
