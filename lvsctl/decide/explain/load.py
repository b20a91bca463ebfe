"""The links that tell of load: which pool takes new connections, and whether a server is full."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.explain.evidence import Evidence, Link
from lvsctl.decide.explain.times import span
from lvsctl.model import Server, Service


def of_service(evidence: Evidence, service: Service) -> Iterator[Link]:
    """Nothing where no server has a threshold, as then nobody is ever full."""
    yield from _of_pools(evidence, service)
    live = [pool for pool in evidence.load.pools if pool.live]
    if live and all(pool.capacity is not None for pool in live) and not evidence.load.exhausted:
        yield Link("load", _UNSEEN)


def _of_pools(evidence: Evidence, service: Service) -> Iterator[Link]:
    if not any(server.attrs.upper for pool in service.pools for server in pool.servers):
        return
    for pool in evidence.load.pools:
        if pool.capacity:
            full = ", and is full (estimated)" if pool.full else ""
            yield Link("load", f"pool {pool.name} holds {pool.conns} of {pool.capacity} connections{full}")
    says = _of_new_connections(evidence)
    if says:
        yield Link("load", says)


def of_server(evidence: Evidence, service: Service, server: Server) -> Iterator[Link]:
    """Whether it is full, and what its pool makes of that."""
    known, found = evidence.load.servers.get(server.key), evidence.found(service.key, server.key)
    if known is not None and server.attrs.upper and found is not None and found.weight:
        yield Link("load", _FULL[known.overloaded])
    yield from _of_pools(evidence, service)


_FULL = {
    True: "full (estimated): the kernel gives it no new connections",
    False: "has room (estimated)",
    None: "whether it is full cannot be told: it was between its thresholds when lvsctl first looked, or they were "
    "edited and this kernel's rules for that are not known",
}

_UNSEEN = "the kernel counts nobody whom it refuses: that no server has room is seen only if it is so at a look"


def _of_new_connections(evidence: Evidence) -> str:
    load = evidence.load
    if load.shortage is not None and load.exhausted:
        since = span(evidence.now - load.shortage.since)
        return f"no server has room for {since}: new connections are refused (estimated)"
    spill = next((spill for spill in load.spills if spill.over is None), None)
    if spill is not None:
        return (
            f"pool {spill.pool} has spilled for {span(evidence.now - spill.since)}: it is full, new connections go to "
            f"pool {load.taking}, {load.spilled} went below it since (estimated)"
        )
    return f"new connections go to pool {load.taking} (estimated)" if load.taking is not None else ""
