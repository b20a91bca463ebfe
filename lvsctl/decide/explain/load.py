"""The links that tell of load: which pool takes new connections, and whether a server is full."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.explain.evidence import Evidence, Link
from lvsctl.decide.explain.times import span
from lvsctl.model import Server, Service


def of_service(evidence: Evidence, service: Service) -> Iterator[Link]:
    """Nothing where no server has a threshold, as then nobody is ever full."""
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
    yield from of_service(evidence, service)


_FULL = {
    True: "full (estimated): the kernel gives it no new connections",
    False: "has room (estimated)",
    None: "whether it is full cannot be told: it was between its thresholds when lvsctl first looked, or they were "
    "edited and this kernel's rules for that are not known",
}


def _of_new_connections(evidence: Evidence) -> str:
    load = evidence.load
    if load.shortage is not None and load.exhausted:
        since = span(evidence.now - load.shortage.since)
        return f"no server has room for {since}: new connections are refused (estimated)"
    spill = next((spill for spill in load.spills if spill.over is None), None)
    if spill is not None:
        return (
            f"pool {spill.pool} is full for {span(evidence.now - spill.since)}: new connections go to pool "
            f"{load.taking}, {load.spilled} went below it since (estimated)"
        )
    return f"new connections go to pool {load.taking} (estimated)" if load.taking is not None else ""
