"""Who gets no new connections any more, since when, and when that was long enough to leave the table.

A server that stands by leaves once it has no connections. One that an operator drained, or whose checks fail with
`on_down: quiesce`, stays with weight 0; with a `drain_timeout` it leaves once it has no connections as well, and all
three leave when that time is over. The time is counted from the first round that finds the server with weight 0, so a
restart counts it anew: too late is better than too early for the connections that are left. While the director
suspects itself nobody leaves whose checks fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from lvsctl.decide.desired import NO_DOUBT
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import NO_ORDERS, Orders
from lvsctl.decide.seats import held_quiet, pool_in_use
from lvsctl.model import CheckId, Entry, Health, RealKey, Service, ServiceKey, Spec, Table

Place: TypeAlias = tuple[ServiceKey, RealKey]
Since: TypeAlias = Mapping[Place, float]
"""When each was first found so; on the clock of `now`, seconds."""


def leaving(
    spec: Spec,
    health: Mapping[CheckId, Health],
    have: Table,
    *,
    left: Table | None = None,
    ladder: Ladder = NO_DOUBT,
    orders: Orders = NO_ORDERS,
) -> set[Place]:
    """Servers with weight 0 that leave the table in time: `desired` needs to know which of them are idle.

    One that still has a weight is not among them: a connection may come in after the counters were read.
    """
    found: set[Place] = set()
    for service in spec.services.values():
        scheduler, entry = ladder.scheduler(service), have.get(service.key)
        if scheduler is None or entry is None:
            continue
        in_use = pool_in_use(service, scheduler, health, entry if left is None else left.get(service.key), orders)
        if in_use is None and service.drain_timeout is None:
            continue
        found.update((service.key, key) for key in _of(service, entry, in_use, health, orders))
    return found


def _of(
    service: Service, entry: Entry, in_use: int | None, health: Mapping[CheckId, Health], orders: Orders
) -> Iterator[RealKey]:
    for index, pool in enumerate(service.pools):
        stands_by = in_use is not None and index > in_use
        for server in pool.servers:
            attrs = entry.servers.get(server.key)
            if attrs is None or attrs.weight:
                continue
            if stands_by or held_quiet(service, server, health, orders.get((service.key, server.key))):
                yield server.key


def still(before: Since, now_leaving: AbstractSet[Place], now: float) -> Since:
    """Since when each of those that leave has been found so."""
    return {place: before.get(place, now) for place in now_leaving}


def late(spec: Spec, quiet: Since, now: float) -> frozenset[Place]:
    """Those whose `drain_timeout` is over."""
    return frozenset(place for place, end in _ends(spec, quiet) if end <= now)


def next_late(spec: Spec, quiet: Since, now: float) -> float | None:
    """When the next `drain_timeout` ends; None if none runs."""
    return min((end for _, end in _ends(spec, quiet) if end > now), default=None)


def _ends(spec: Spec, quiet: Since) -> Iterable[tuple[Place, float]]:
    if not quiet:
        return
    allowed = {one.key: one.drain_timeout for one in spec.services.values() if one.drain_timeout is not None}
    for place, since in quiet.items():
        if place[0] in allowed:
            yield place, since + allowed[place[0]]
