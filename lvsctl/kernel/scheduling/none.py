"""none, a service without a scheduler; and the schedulers that are known by name alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lvsctl.errors import LvsctlError
from lvsctl.kernel.scheduling.turn import Memoryless, Servers
from lvsctl.model import RealKey


@dataclass(frozen=True, slots=True)
class NoScheduler(Memoryless):
    """Nobody picks, so every new connection is refused."""

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        return None, self


@dataclass(frozen=True, slots=True)
class NotModelled(Memoryless):
    """A service may have it; a connection to that service cannot be played."""

    name: str

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        raise LvsctlError(f"the scheduler {self.name} is not modelled: use hprio, fo, rr, wrr, lc, wlc or ovf")
