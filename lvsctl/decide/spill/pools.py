"""What the load of its servers makes of a service: pools that are full, the one that takes connections, the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lvsctl.decide.spill.load import PoolLoad, ServerLoad
from lvsctl.model import Pool, RealKey


def pool_load(pool: Pool, present: Mapping[RealKey, ServerLoad]) -> PoolLoad:
    """present: the servers that are in the table."""
    live = [load for server in pool.servers if (load := present.get(server.key)) is not None and load.attrs.weight]
    if not live:
        return PoolLoad(pool.name)
    uppers = [load.attrs.upper for load in live]
    weights = [load.attrs.weight for load in live]
    return PoolLoad(
        pool.name,
        live=len(live),
        conns=sum(load.total for load in live),
        capacity=sum(uppers) if all(uppers) else None,
        full=all(load.overloaded for load in live),
        weights=(min(weights), max(weights)),
    )


def taking(pools: Sequence[Pool], present: Mapping[RealKey, ServerLoad]) -> str | None:
    """The pool of the highest weight that has room; None if none has.

    Without a priority scheduler the weights of one pool alone are above 0, so this is that pool.
    """
    best, found = 0, None
    for pool in pools:
        for server in pool.servers:
            load = present.get(server.key)
            if load is not None and load.attrs.weight > best and not load.overloaded:
                best, found = load.attrs.weight, pool.name
    return found


def falls(pools: Iterable[PoolLoad]) -> tuple[PoolLoad, ...]:
    """Pools by which a priority scheduler goes, highest first: each gets connections only while all before it are full.

    Those without a live server are left out, and those whose weights do not lie below: an operator may weight a server
    above a higher pool's.
    """
    order = sorted((pool for pool in pools if pool.live), key=lambda pool: pool.weights[1], reverse=True)
    found: list[PoolLoad] = []
    lowest = 0
    for pool in order:
        if not found or pool.weights[1] < lowest:
            found.append(pool)
        lowest = min(lowest or pool.weights[0], pool.weights[0])
    return tuple(found)
