"""Where metrics are served, and under which names besides our own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lvsctl.model.table import Address, endpoint


class Compat(StrEnum):
    """Sets of names that dashboards may know already, each called after the program that made them."""

    NODE_EXPORTER = "node_exporter"
    KEEPALIVED_EXPORTER = "keepalived_exporter"
    GEN2BRAIN = "gen2brain"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where HTTP is answered. address: of this host, or the unspecified one for all of its addresses."""

    address: Address
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)

    def overlaps(self, other: Listener) -> bool:
        """Whether the kernel gives the port to one of the two only."""
        if self.port != other.port or self.address.version != other.address.version:
            return False
        return self.address == other.address or self.address.is_unspecified or other.address.is_unspecified


@dataclass(frozen=True, slots=True)
class MetricsSpec:
    """listen: where; empty: nowhere but on the control socket."""

    listen: tuple[Listener, ...] = ()
    compat: frozenset[Compat] = frozenset()


NO_METRICS = MetricsSpec()
