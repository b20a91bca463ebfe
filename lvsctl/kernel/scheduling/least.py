"""lc, wlc: the server with the least load; of equals the one that the kernel lists first."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from lvsctl.decide.overload import LoadedServer
from lvsctl.kernel.scheduling.turn import Memoryless, Servers, key_of
from lvsctl.model import Generation, RealKey


def load(server: LoadedServer, generation: Generation) -> int:
    """An active connection weighs as much as 256 inactive ones; since the new generation, as 257."""
    return server.active * (256 if generation is Generation.OLD else 257) + server.inactive


@dataclass(frozen=True, slots=True)
class LeastConnections(Memoryless):
    generation: Generation

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        available = (server for server in servers if server.available)
        return key_of(min(available, key=lambda server: load(server, self.generation), default=None)), self


@dataclass(frozen=True, slots=True)
class WeightedLeastConnections(Memoryless):
    generation: Generation

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        available = (server for server in servers if server.available)
        return key_of(min(available, key=self._share, default=None)), self

    def _share(self, server: LoadedServer) -> Fraction:
        return Fraction(load(server, self.generation), server.attrs.weight)
