"""Who of one service sits in its table, and with what weight: by health, pool, slow start and an operator's order."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from lvsctl.decide.failures import failing_since
from lvsctl.decide.health import Standing, standing
from lvsctl.decide.overrides import NO_ORDERS, Orders, gets_nothing, ordered
from lvsctl.decide.reprieve import Reprieve
from lvsctl.decide.slow_start import Climb
from lvsctl.model import (
    PRIORITY_SCHEDULERS,
    Action,
    CheckId,
    Entry,
    Health,
    OnDown,
    Override,
    RealAttrs,
    RealKey,
    Server,
    Service,
    ServiceKey,
)


def pool_in_use(
    service: Service,
    scheduler: str,
    health: Mapping[CheckId, Health],
    held: Entry | None,
    orders: Orders = NO_ORDERS,
) -> int | None:
    """Index of the only pool that takes connections, below which all others stand by. held: what presumptions keep.

    None where none stands by: with a priority scheduler (the kernel picks by load), and while no server is up.
    """
    if scheduler in PRIORITY_SCHEDULERS or len(service.pools) == 1:
        return None
    for index, pool in enumerate(service.pools):
        if any(_takes_connections(service, server, health, held, orders) for server in pool.servers):
            return index
    return None


def held_quiet(service: Service, server: Server, health: Mapping[CheckId, Health], order: Override | None) -> bool:
    """Whether a server is to leave when its `drain_timeout` says so: drained, or down and quiesced."""
    if service.drain_timeout is None:
        return False
    if order is not None and _is_quiet(server, order):
        return True
    return service.on_down is OnDown.QUIESCE and standing(server.checks, health) is Standing.DOWN


def _is_quiet(server: Server, order: Override) -> bool:
    """Whether an operator ordered that the server gets no new connections, but keeps those that it has."""
    if order.action is not Action.WEIGHT:
        return order.action is Action.DRAIN
    attrs = ordered(server.attrs, order)
    return attrs is not None and attrs.weight == 0


@dataclass(slots=True)
class Seats:
    """Who of one service sits in the table, and with what weight.

    found: the service as the kernel has it; held: what presumptions keep. quelled: servers that health alone takes away
    or to weight 0. eased: those with a positive weight that is not the configured one. unwell: those whose checks do
    not let them in. spared: who is in because of the reprieve alone, and what it would have without.
    """

    service: Service
    in_use: int | None
    health: Mapping[CheckId, Health]
    found: Entry | None
    held: Entry | None
    orders: Orders
    idle: AbstractSet[tuple[ServiceKey, RealKey]]
    climb: Climb
    reprieve: Reprieve | None = None
    quelled: list[RealKey] = field(default_factory=list)
    eased: list[RealKey] = field(default_factory=list)
    unwell: list[RealKey] = field(default_factory=list)
    spared: dict[RealKey, RealAttrs | None] = field(default_factory=dict)

    def fill(self) -> dict[RealKey, RealAttrs]:
        """The servers that belong in the table, in the order of the configuration."""
        servers: dict[RealKey, RealAttrs] = {}
        slow = self.service.slow_start > 0
        for index, pool in enumerate(self.service.pools):
            stands_by = self.in_use is not None and index > self.in_use
            for server in pool.servers:
                order = self.orders.get((self.service.key, server.key)) if self.orders else None
                state = standing(server.checks, self.health)
                if state in _UNWELL:
                    self.unwell.append(server.key)
                if order is not None:
                    attrs = self._ordered(server, state, order, stands_by=stands_by)
                elif state is not Standing.UP or stands_by:
                    attrs = self._judged(server, state, server.attrs, stands_by=stands_by)
                else:  # nearly always
                    attrs = self._climbing(server) if slow else server.attrs
                if attrs is not None:
                    servers[server.key] = attrs
        return servers

    def _ordered(self, server: Server, state: Standing, order: Override, *, stands_by: bool) -> RealAttrs | None:
        """What an operator made of it, who need not ask the guards: nothing of it is `quelled`."""
        attrs = ordered(server.attrs, order)
        if attrs is None:
            return None
        if _is_quiet(server, order):
            return self._at_rest(server, state, stands_by=stands_by)
        attrs = self._judged(server, state, attrs, stands_by=stands_by)
        if attrs is not None and attrs.weight not in (0, server.attrs.weight):
            self.eased.append(server.key)
        return attrs

    def _judged(self, server: Server, state: Standing, attrs: RealAttrs, *, stands_by: bool) -> RealAttrs | None:
        """By health and pool."""
        if not stands_by:
            if state is Standing.UP or (state is Standing.PRESUMED and _is_live(self.held, server.key)):
                return attrs
            if state is not Standing.PRESUMED and attrs.weight > 0:
                had = self._had(server)
                if had:
                    return self._spare(server, state, attrs, had)
                self.quelled.append(server.key)
        return self._at_rest(server, state, stands_by=stands_by)

    def _at_rest(self, server: Server, state: Standing, *, stands_by: bool) -> RealAttrs | None:
        """For one that is to get no new connections: weight 0 if it is there, for it enters only to get some."""
        attrs = self._at_rest_by_itself(server, state, stands_by=stands_by)
        if attrs is not None or state is not Standing.DOWN or self._had(server) is None:
            return attrs
        self.spared[server.key] = None  # to delete it would end what it serves
        return replace(server.attrs, weight=0)

    def _at_rest_by_itself(self, server: Server, state: Standing, *, stands_by: bool) -> RealAttrs | None:
        """The same, whatever this director thinks of itself."""
        service = self.service
        if self.found is None or server.key not in self.found.servers:
            return None
        if service.on_down is OnDown.REMOVE and state is Standing.DOWN:
            return None
        order = self.orders.get((service.key, server.key))
        leaves = stands_by or held_quiet(service, server, self.health, order)
        if leaves and (service.key, server.key) in self.idle:
            return None
        return replace(server.attrs, weight=0)

    def _had(self, server: Server) -> int | None:
        """Under a reprieve, the weight that it has, or had before it fell; None: it is no matter of a reprieve."""
        if self.reprieve is None:
            return None
        entries = (entry.servers for entry in (self.found, self.held) if entry is not None)
        weights = [servers[server.key].weight for servers in entries if server.key in servers]
        had = self.reprieve.fallen.get((self.service.key, server.key))
        if had is not None and failing_since(server, self.health) >= self.reprieve.began:
            weights.append(had)
        return max(weights, default=None)

    def _spare(self, server: Server, state: Standing, attrs: RealAttrs, had: int) -> RealAttrs:
        """As if it were up; a slow start goes no further meanwhile, and does not begin anew."""
        self.spared[server.key] = self._at_rest_by_itself(server, state, stands_by=False)
        weight = min(had, attrs.weight) if self.service.slow_start else attrs.weight
        if weight == attrs.weight:
            return attrs
        self.eased.append(server.key)
        return replace(attrs, weight=weight)

    def _climbing(self, server: Server) -> RealAttrs:
        """In slow start it never falls: one that a guard kept in the table while its checks failed stays as it is."""
        weight = self.climb.weight(server.attrs.weight, self.service, server, self.health)
        held = self.held.servers.get(server.key) if self.held is not None else None
        if held is not None:
            weight = min(max(weight, held.weight), server.attrs.weight)
        if weight == server.attrs.weight:
            return server.attrs
        self.eased.append(server.key)
        return replace(server.attrs, weight=weight)


_UNWELL = (Standing.DOWN, Standing.UNPROVEN)


def _takes_connections(
    service: Service, server: Server, health: Mapping[CheckId, Health], held: Entry | None, orders: Orders
) -> bool:
    """Whether the server, if its pool is in use, is to be in the table with a weight."""
    order = orders.get((service.key, server.key)) if orders else None
    if gets_nothing(server, order):
        return False
    state = standing(server.checks, health)
    return state is Standing.UP or (state is Standing.PRESUMED and _is_live(held, server.key))


def _is_live(held: Entry | None, server: RealKey) -> bool:
    attrs = held.servers.get(server) if held else None
    return attrs is not None and attrs.weight > 0
