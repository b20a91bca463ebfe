"""A look beside the one before: the load of every service with thresholds, and what happened since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lvsctl.decide.spill.counting import Rise, rises, spills, were_full
from lvsctl.decide.spill.load import Loads, PoolLoad, ServerLoad, ServiceLoad, Spill, generations
from lvsctl.decide.spill.pools import falls, pool_load, taking
from lvsctl.decide.spill.server import seen, was_full
from lvsctl.decide.spill.telling import crowds, shortage, told, without_ended
from lvsctl.events import Event
from lvsctl.model import PRIORITY_SCHEDULERS, Generation, RealKey, Seen, Service, ServiceKey, Spec


@dataclass(frozen=True, slots=True)
class Watched:
    """loads: of the services with thresholds; events: in the order of conf.d, those of services that left it last."""

    loads: Loads
    events: tuple[Event, ...]


def watch(spec: Spec, look: Seen, before: Loads, now: float, *, generation: Generation | None) -> Watched:
    """What `look` says of the load. before: of the last look, empty after a start. generation: None if not known.

    Only while a priority scheduler is in the table is there a spill: connections go to a lower pool because every live
    server above it is full. If none above it is live, the lower pool is in use, which is no spill. After a start only
    what is full now is told, and what spills from now on.

    A shortage of room that begins and ends between two looks is missed. Who is refused is in none of IPVS' counters
    (tests/kernel/test_totals.py): they are of what was given to a server. The ICMP errors that tell the refused are
    limited in rate, and counted in /proc/net/snmp together with those of every closed port.
    """
    limited = {service.key: service for service in spec.services.values() if _is_limited(service)}
    kinds = generations(generation)
    loads: dict[ServiceKey, ServiceLoad] = {}
    events: list[Event] = []
    for key, service in limited.items():
        was = before.get(key)
        if was is not None and was.name != service.name:
            events += told(_departed(was, now), was, now)
            was = replace(was, name=service.name, spills=(), shortage=None, crowds={})
        load = _load(service, look, was, now, kinds)
        events += told(load, was, now, quiet=service.spill_quiet, warning=service.capacity_warning)
        loads[key] = without_ended(load, now, service.spill_quiet)
    for key, was in before.items():
        if key not in limited:
            events += told(_departed(was, now), was, now)
    return Watched(loads, tuple(events))


def load_of(service: Service, look: Seen, now: float) -> ServiceLoad:
    """One service, with thresholds or without, of which nothing is known but what `look` shows."""
    return _load(service, look, None, now, generations(None))


def _is_limited(service: Service) -> bool:
    return any(server.attrs.upper for pool in service.pools for server in pool.servers)


def _departed(load: ServiceLoad, now: float) -> ServiceLoad:
    """Nothing goes on in what has left conf.d."""
    return ServiceLoad(load.name, now, (), {}, (), taking=None, since=None)


def _load(
    service: Service, look: Seen, before: ServiceLoad | None, now: float, kinds: tuple[Generation, ...]
) -> ServiceLoad:
    """What is over is in it still, told or not."""
    entry = look.table.get(service.key)
    known = before.servers if before is not None else {}
    persistent = entry is not None and entry.attrs.persistence > 0
    present = _present(service, look, known, kinds, persistent=persistent)
    has_falls = entry is not None and entry.attrs.scheduler in PRIORITY_SCHEDULERS
    came = rises(before, service.pools, present, persistent=persistent) if before is not None and has_falls else {}
    pools, order = _pools(service, present, known, came, has_falls=has_falls)
    takes = taking(service.pools, present)
    spilling = tuple(spills(before.spills if before is not None else (), order, came, now))
    exhausted = takes is None and any(pool.live for pool in pools)
    servers = {**_absent(service, known), **present}
    return ServiceLoad(
        service.name,
        now,
        service.pools,
        servers,
        pools,
        taking=takes,
        since=_since(before, takes, spilling, now),
        spills=spilling,
        shortage=shortage(before.shortage if before is not None else None, now, exhausted=exhausted),
        crowds=crowds(service.capacity_warning, pools, before.crowds if before is not None else {}, now),
        below=tuple(pool.name for pool in order[1:]),
        entitled=_entitled(service, order, before, now, came=_newcomers(before, servers, present)),
        away=frozenset(servers.keys() - present.keys()) if len(servers) > len(present) else frozenset(),
    )


def _present(
    service: Service,
    look: Seen,
    known: Mapping[RealKey, ServerLoad],
    kinds: tuple[Generation, ...],
    *,
    persistent: bool,
) -> dict[RealKey, ServerLoad]:
    """The servers of the configuration that are in the table."""
    if service.key not in look.table:
        return {}
    attrs, counters = look.table[service.key].servers, look.counters[service.key].servers
    return {
        key: seen(known.get(key), attrs[key], counters[key], kinds, persistent=persistent)
        for pool in service.pools
        for server in pool.servers
        if (key := server.key) in attrs
    }


def _absent(service: Service, known: Mapping[RealKey, ServerLoad]) -> dict[RealKey, ServerLoad]:
    """All that is known of servers of the configuration: one that comes back soon goes on where it was."""
    keys = (server.key for pool in service.pools for server in pool.servers)
    return {key: known[key] for key in keys if key in known}


def _pools(
    service: Service,
    present: dict[RealKey, ServerLoad],
    known: Mapping[RealKey, ServerLoad],
    came: Mapping[str, Rise],
    *,
    has_falls: bool,
) -> tuple[tuple[PoolLoad, ...], tuple[PoolLoad, ...]]:
    """All pools, and those by which the service falls. What signs of a spill say of servers is put into `present`."""
    pools = tuple(pool_load(pool, present) for pool in service.pools)
    order = falls(pools) if has_falls else ()
    deep = were_full(order, came, late=False)
    if not deep:
        return pools, order
    above = {pool.name for pool in order[:deep]}
    for key in (server.key for pool in service.pools if pool.name in above for server in pool.servers):
        if key in present and present[key].attrs.weight:  # nobody waits until one that drains is full
            present[key] = was_full(present[key], known.get(key))
    pools = tuple(pool_load(pool, present) for pool in service.pools)
    return pools, falls(pools)


def _since(before: ServiceLoad | None, takes: str | None, spilling: tuple[Spill, ...], now: float) -> float | None:
    """When the pool began to take connections: with the spill that it takes them from, though that may have paused."""
    if before is None or before.taking == takes:
        return None if before is None else before.since
    return next((spill.since for spill in spilling if spill.to == takes and spill.over is None), now)


def _newcomers(
    before: ServiceLoad | None, servers: Mapping[RealKey, ServerLoad], present: Mapping[RealKey, ServerLoad]
) -> frozenset[RealKey]:
    """Those in the table that were not there at the last look, and that have a past; if the pools are the same."""
    if before is None or not (before.away or len(servers) > len(before.servers)):
        return frozenset()
    new = ((key, load) for key, load in present.items() if key in before.away or key not in before.servers)
    return frozenset(key for key, load in new if load.ever or load.total)


def _entitled(
    service: Service, order: tuple[PoolLoad, ...], before: ServiceLoad | None, now: float, *, came: frozenset[RealKey]
) -> dict[str, float]:
    """Every pool but those below another, and those of servers that came; after a start or a change of the pools all.

    What the counters tell is late.
    """
    names = [pool.name for pool in service.pools]
    if before is None or before.configured != service.pools:
        return dict.fromkeys(names, now)
    below = {pool.name for pool in order[1:]}
    if came:
        below -= {pool.name for pool in service.pools if any(server.key in came for server in pool.servers)}
    return {**before.entitled, **{name: now for name in names if name not in below}}
