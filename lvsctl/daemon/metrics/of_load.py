"""The families of what is full, and of what spilled: estimated from what the last round counted."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.daemon.metrics.family import Family, Sample, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.decide.spill.load import PoolLoad, ServerLoad, ServiceLoad, Spill
from lvsctl.model import RealKey, Service


def of_load(scene: Scene) -> Iterator[Family]:
    """Of services with thresholds: the others have nothing that could be full."""
    loads = [(service, load) for service in scene.spec.services.values() if (load := scene.spill.get(service.key))]
    yield from _servers(scene, loads)
    yield from _pools(loads)
    active = [(labels(service=service.name), int(bool(load.spills))) for service, load in loads]
    text = "Whether connections go to a lower pool, as a higher one is full, or did within spill_quiet."
    yield gauge("lvsctl_spill_active", text, active)
    exhausted = [(labels(service=service.name), int(load.shortage is not None)) for service, load in loads]
    text = "Whether no server of the service has room, or none had within spill_quiet."
    yield gauge("lvsctl_spill_exhausted", text, exhausted)
    yield from _totals(scene, loads)


def _servers(scene: Scene, loads: list[tuple[Service, ServiceLoad]]) -> Iterator[Family]:
    full: list[Sample] = []
    for service, load in loads:
        entry = scene.table.get(service.key)
        for pool in service.pools:
            of_pool = labels(service=service.name, pool=pool.name)
            for server in pool.servers:
                known = _overloaded(load, server.key)
                if known is not None and entry is not None and server.key in entry.servers:
                    full.append((f"{of_pool},{labels(server=str(server.key))}", int(known)))
    text = "Whether the server is full, as estimated; absent where that cannot be told."
    yield gauge("lvsctl_server_overloaded", text, full)


def _overloaded(load: ServiceLoad, server: RealKey) -> bool | None:
    known: ServerLoad | None = load.servers.get(server)
    return known.overloaded if known is not None else None


def _pools(loads: list[tuple[Service, ServiceLoad]]) -> Iterator[Family]:
    pools: list[tuple[str, PoolLoad]] = [
        (labels(service=service.name, pool=pool.name), pool) for service, load in loads for pool in load.pools
    ]
    text = "Whether every server of the pool that takes connections is full."
    yield gauge("lvsctl_pool_full", text, [(of, int(pool.full)) for of, pool in pools])
    text = "Connections of the pool's servers that have a weight, in any state."
    yield gauge("lvsctl_pool_connections", text, [(of, pool.conns) for of, pool in pools])
    text = "What these servers have room for; absent where one has no threshold."
    yield gauge("lvsctl_pool_capacity", text, [(of, pool.capacity) for of, pool in pools if pool.capacity is not None])


def _totals(scene: Scene, loads: list[tuple[Service, ServiceLoad]]) -> Iterator[Family]:
    """Those that have ended, as they were told of, and those that go on, as the last round saw them."""
    seconds: dict[tuple[str, str], float] = {}
    connections: dict[tuple[str, str], int] = {}
    for service, load in loads:
        for pool in service.pools:
            key = service.name, pool.name
            going_on = [spill for spill in load.spills if spill.to == pool.name]
            if pool is service.pools[0] and not going_on and key not in scene.spilled:
                continue  # nothing is above it, unless an operator weights it so
            ended = scene.spilled.get(key, (0.0, 0))
            seconds[key] = round(ended[0] + sum(_lasted(spill, load.at) for spill in going_on), 3)
            connections[key] = ended[1] + sum(spill.connections for spill in going_on)
    names = {key: labels(service=key[0], to=key[1]) for key in seconds}
    text = "How long new connections went to this pool, as those above it were full; with pauses below spill_quiet."
    yield counter("lvsctl_spill_seconds_total", text, [(names[key], value) for key, value in seconds.items()])
    text = "Connections that went there meanwhile."
    yield counter("lvsctl_spill_connections_total", text, [(names[key], value) for key, value in connections.items()])


def _lasted(spill: Spill, at: float) -> float:
    return (at if spill.over is None else spill.over) - spill.since
