"""The families of services, pools and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lvsctl.daemon.metrics.family import Family, Sample, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.decide.health import deciding
from lvsctl.model import (
    AddressKey,
    Health,
    Override,
    Pool,
    RealAttrs,
    RealCounters,
    Server,
    Service,
    ServiceKey,
    ServiceState,
    Traffic,
    endpoint,
)

_NOTHING = RealCounters()

_TRAFFIC: tuple[tuple[str, str, Callable[[Traffic], int]], ...] = (
    ("connections_total", "Connections", lambda traffic: traffic.connections),
    ("incoming_packets_total", "Packets from clients", lambda traffic: traffic.packets_in),
    ("outgoing_packets_total", "Packets to clients that came by this director", lambda traffic: traffic.packets_out),
    ("incoming_bytes_total", "Bytes from clients", lambda traffic: traffic.bytes_in),
    ("outgoing_bytes_total", "Bytes to clients that came by this director", lambda traffic: traffic.bytes_out),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A server and all that is to be told of it.

    order: of an operator. kept: although it is down. found: in the table. health: what decides, None without a check.
    count: None where the last round found none.
    """

    labels: str
    server: Server
    order: Override | None
    kept: bool
    found: RealAttrs | None
    health: Health | None
    count: RealCounters | None


def of_services(scene: Scene) -> Iterator[Family]:
    """What status tells of services, pools and servers."""
    services = [(labels(service=service.name), service) for service in scene.spec.services.values()]
    yield from _services(scene, services)
    pools: list[tuple[str, list[_Row]]] = []
    for of_service, service in services:
        for pool in service.pools:
            of_pool = f"{of_service},{labels(pool=pool.name)}"
            pools.append((of_pool, list(_rows(scene, service, pool, of_pool))))
    yield from _pools(pools)
    yield from _servers(scene, [row for _, rows in pools for row in rows])


def vip(key: ServiceKey) -> str:
    """`192.0.2.1:80`, `mark 20`."""
    return endpoint(key.address, key.port) if isinstance(key, AddressKey) else str(key)


def _rows(scene: Scene, service: Service, pool: Pool, of_pool: str) -> Iterator[_Row]:
    entry, counted = scene.table.get(service.key), scene.counters.get(service.key)
    found = entry.servers if entry is not None else {}
    counts = counted.servers if counted is not None else {}
    for server in pool.servers:
        yield _Row(
            f"{of_pool},{labels(server=str(server.key))}",
            server,
            scene.orders.get((service.key, server.key)),
            (service.key, server.key) in scene.kept,
            found.get(server.key),
            deciding(server.checks, scene.health),
            counts.get(server.key),
        )


# --- services ---------------------------------------------------------------------------------------------------


def _services(scene: Scene, services: list[tuple[str, Service]]) -> Iterator[Family]:
    states = [(of, scene.states.get(service.name, ServiceState.WAITING)) for of, service in services]
    info = "Where a service listens and what schedules it (scheduler: empty where it is refused). Always 1."
    yield gauge("lvsctl_service_info", info, [_info(scene, *one) for one in services])
    ok = "Whether a server of the service takes connections."
    yield gauge("lvsctl_service_up", ok, [(of, int(state is ServiceState.OK)) for of, state in states])
    yield gauge(
        "lvsctl_service_state",
        "How a service stands: 1 for the state that it is in.",
        [(f'{of},state="{state}"', int(state is found)) for of, found in states for state in ServiceState],
    )
    counted = [(of, found.traffic) for of, service in services if (found := scene.counters.get(service.key))]
    for name, text, of_traffic in _TRAFFIC:
        samples = [(of, of_traffic(traffic)) for of, traffic in counted]
        yield counter(f"lvsctl_service_{name}", f"{text}, since the service is in the kernel.", samples)


def _info(scene: Scene, of_service: str, service: Service) -> Sample:
    key = service.key
    more = labels(
        vip=vip(key),
        protocol=str(key.protocol) if isinstance(key, AddressKey) else "",
        scheduler=scene.ladder.scheduler(service) or "",
        scheduler_wanted=service.attrs.scheduler,
    )
    return f"{of_service},{more}", 1


# --- pools ------------------------------------------------------------------------------------------------------


def _pools(pools: list[tuple[str, list[_Row]]]) -> Iterator[Family]:
    active = [(of, int(any(_weight(row) for row in rows))) for of, rows in pools]
    yield gauge("lvsctl_pool_active", "Whether a server of the pool takes connections.", active)


# --- servers ----------------------------------------------------------------------------------------------------


def _servers(scene: Scene, rows: list[_Row]) -> Iterator[Family]:
    up = [(row.labels, int(row.health is None or row.health.up)) for row in rows]
    yield gauge("lvsctl_server_up", "Whether the server is up, or presumed to be; 1 where it has no check.", up)
    there = [(row.labels, int(row.found is not None)) for row in rows]
    yield gauge("lvsctl_server_in_table", "Whether the server is in the kernel's table.", there)
    yield gauge(
        "lvsctl_server_weight", "Its weight there, 0 if it is not.", [(row.labels, _weight(row)) for row in rows]
    )
    wanted = [(row.labels, row.server.attrs.weight) for row in rows]
    yield gauge("lvsctl_server_configured_weight", "Its weight in conf.d.", wanted)
    ordered = [(f'{row.labels},action="{row.order.action}"', 1) for row in rows if row.order is not None]
    yield gauge("lvsctl_server_override", "1 for what an operator ordered; absent where nobody did.", ordered)
    kept = [(row.labels, 1) for row in rows if row.kept]
    yield gauge("lvsctl_server_kept", "1 for a server that is down, and that is kept all the same; else absent.", kept)
    yield from _connections(rows)
    counted = [(row.labels, row.count.traffic) for row in rows if row.count is not None]  # 0 would be read as a reset
    for name, text, of_traffic in _TRAFFIC:
        samples = [(of, of_traffic(traffic)) for of, traffic in counted]
        yield counter(f"lvsctl_server_{name}", f"{text}, since the server is in the table.", samples)
    yield from _answers(scene, rows)


def _connections(rows: list[_Row]) -> Iterator[Family]:
    """Thresholds only where there are any: 0 would be read as one, and makes no share."""
    counts = [(row.labels, row.count or _NOTHING) for row in rows]
    active = [(of, count.active) for of, count in counts]
    yield gauge("lvsctl_server_active_connections", "Established connections, as the kernel counts.", active)
    inactive = [(of, count.inactive) for of, count in counts]
    yield gauge("lvsctl_server_inactive_connections", "Connections in any other state.", inactive)
    persistent = [(of, count.persistent) for of, count in counts]
    yield gauge("lvsctl_server_persistent_connections", "Clients that persistence remembers.", persistent)
    upper = [(row.labels, row.server.attrs.upper) for row in rows if row.server.attrs.upper]
    yield gauge("lvsctl_server_upper_threshold", "Full at this many connections; absent where never.", upper)
    lower = [(row.labels, row.server.attrs.lower) for row in rows if row.server.attrs.lower]
    yield gauge("lvsctl_server_lower_threshold", "Takes new ones again below; absent: 3/4 of the upper.", lower)


def _answers(scene: Scene, rows: list[_Row]) -> Iterator[Family]:
    heard = [(row.labels, row.health) for row in rows if row.health is not None]
    latency = [(of, round(health.last.latency, 6)) for of, health in heard if health.last is not None]
    yield gauge("lvsctl_server_check_latency_seconds", "How long the deciding check took last.", latency)
    since = [
        (of, round(health.since + scene.clock_offset, 3)) for of, health in heard if health.answered and health.since
    ]
    yield gauge("lvsctl_server_health_changed_timestamp_seconds", "When it last went up or down.", since)


def _weight(row: _Row) -> int:
    return row.found.weight if row.found is not None else 0
