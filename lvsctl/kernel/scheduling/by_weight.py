"""fo, ovf: the server of the highest weight; of equals the one that the kernel lists first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lvsctl.decide.overload import LoadedServer
from lvsctl.kernel.scheduling.turn import Memoryless, Servers, key_of
from lvsctl.model import RealKey


def _weight(server: LoadedServer) -> int:
    return server.attrs.weight


@dataclass(frozen=True, slots=True)
class FailOver(Memoryless):
    """The highest weight that has room."""

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        return key_of(max((server for server in servers if server.available), key=_weight, default=None)), self


@dataclass(frozen=True, slots=True)
class Overflow(Memoryless):
    """The same, with the weight as a limit of its own: more active connections than that make a server full, too."""

    def pick(self, servers: Servers) -> tuple[RealKey | None, Self]:
        open_ones = (server for server in servers if server.available and server.active <= server.attrs.weight)
        return key_of(max(open_ones, key=_weight, default=None)), self
