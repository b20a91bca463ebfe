"""rr, wrr: the next in the kernel's list after the one that was picked last."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from lvsctl.decide.overload import LoadedServer
from lvsctl.kernel.scheduling.turn import Memoryless, Servers, place_of
from lvsctl.model import RealKey


@dataclass(frozen=True, slots=True)
class RoundRobin(Memoryless):
    """last: the server picked last; None: the head of the list, so that the first one is next."""

    last: RealKey | None = None

    def deleted(self, server: RealKey, servers: Servers) -> Self:
        """Without the server picked last, the one before it takes its place."""
        if server != self.last:
            return self
        place = place_of(server, servers)
        return replace(self, last=servers[place - 2].key if place > 1 else None)

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        place = place_of(self.last, servers)
        for server in (*servers[place:], *servers[:place]):
            if server.available:
                return server.key, replace(self, last=server.key)
        return None, self


@dataclass(frozen=True, slots=True)
class WeightedRoundRobin:
    """The list is gone through once for each level, from `top` down in `step`s; a level takes weights of at least it.

    last: as in RoundRobin. level: the current one. step: the weights' greatest common divisor. top: such that the
    lowest level is 1, so that no weight is missed.
    """

    level: int
    step: int
    top: int
    last: RealKey | None = None

    @classmethod
    def bind(cls, servers: Servers) -> WeightedRoundRobin:
        step, top = _levels(servers)
        return cls(level=top, step=step, top=top)

    def added(self, server: RealKey, servers: Servers) -> Self:
        return self._changed(servers)

    def edited(self, server: RealKey, servers: Servers) -> Self:
        return self._changed(servers)

    def deleted(self, server: RealKey, servers: Servers) -> Self:
        return self._changed([other for other in servers if other.key != server])

    def _changed(self, servers: Servers) -> Self:
        """Whatever changes, the list is begun again, at about the same level."""
        step, top = _levels(servers)
        level = self.level
        if not 0 < level <= top:
            level = top
        elif step > 1:
            level = level // step * step + 1
        return replace(self, last=None, level=level, step=step, top=top)

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        place = place_of(self.last, servers)
        available = [server for server in servers if server.available]
        if not available:
            return None, self._after_nobody(place)
        level, row = self.level, servers[place:]
        if not any(_takes(server, level) for server in row):
            level, row = self._level_below(max(server.attrs.weight for server in available)), servers
        picked = next(server.key for server in row if _takes(server, level))
        return picked, replace(self, last=picked, level=level)

    def _level_below(self, weight: int) -> int:
        """The next level that somebody of this weight takes part in: the kernel tries all of them on its way."""
        level = self.level - self.step if self.level > self.step else self.top
        missed = max(0, level - weight)
        return level - (missed + self.step - 1) // self.step * self.step

    def _after_nobody(self, place: int) -> Self:
        """The search ends after the lowest level; begun in the midst of that, where it began."""
        if place > 0 and self.level <= self.step:
            return self
        return replace(self, last=None, level=self.top)


def _takes(server: LoadedServer, level: int) -> bool:
    return server.available and server.attrs.weight >= level


def _levels(servers: Servers) -> tuple[int, int]:
    """(step, top)"""
    weights = [server.attrs.weight for server in servers if server.attrs.weight > 0]
    step = math.gcd(*weights) or 1
    return step, max(weights, default=0) - (step - 1)
