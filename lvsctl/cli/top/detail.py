"""All that is known of the chosen row, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from lvsctl.cli.columns import counted
from lvsctl.cli.top import words
from lvsctl.cli.top.cells import Tone
from lvsctl.cli.top.rows import Row
from lvsctl.cli.top.seen import Pool, Server, Service


def detail(row: Row, now: float, zone: tzinfo | None) -> tuple[str, str, Tone]:
    """A title, a text of any length, and its tone."""
    title = "/".join(row.ident)
    if row.server is not None:
        title += f" {row.server.name}" if row.server.name else ""
        tone = Tone.BAD if row.server.health == "down" else Tone.PLAIN
        return title, "; ".join(_server(row.server, now, zone)), tone
    if row.pool is not None:
        return title, "; ".join(_pool(row.service, row.pool)), Tone.PLAIN
    tone = Tone.BAD if words.gravity(row.service) >= 6 else Tone.PLAIN
    return title, "; ".join(_service(row.service, now)), tone


def _server(server: Server, now: float, zone: tzinfo | None) -> Iterator[str]:
    since = f" since {words.clock(server.since, zone)} ({words.span(now - server.since)})" if server.since else ""
    yield f"{server.health}{since}: {server.reason}" if server.reason else f"{server.health}{since}"
    if server.kept:
        yield f"down but kept: {server.kept}"
    if server.override is not None:
        yield words.overridden(server.override, now)
    if server.overloaded:
        yield f"full, takes connections again below {server.lower or server.upper}"
    if server.weight is None:
        yield f"not in the table (weight {server.configured} configured)"
    elif server.weight != server.configured:
        yield f"weight {server.weight} ({server.configured} configured)"
    if server.override is None and server.why not in ("", f"{server.health}: {server.reason}"):
        yield server.why


def _pool(service: Service, pool: Pool) -> Iterator[str]:
    yield f"{words.pool_state(service, pool)[0]}, {words.serving(list(pool.servers))} serve"
    limit = f" of {pool.capacity}" if pool.capacity else ", no limit"
    yield f"{counted(pool.connections, 'connection')}{limit}"
    if service.spill.pool == pool.name:
        yield "takes the new connections"


def _service(service: Service, now: float) -> Iterator[str]:
    spill = service.spill
    yield f"{service.key}, {service.state}" + (f": {service.reason}" if service.state != "ok" else "")
    if spill.exhausted:
        yield "no server has room, new connections are refused"
    if spill.active:
        since = f" for {words.span(now - spill.since)}" if spill.since is not None else ""
        yield f"spills to {spill.pool or 'another pool'}{since}, {counted(spill.spilled, 'connection')} so far"
    used = f" (wanted {service.wanted})" if service.scheduler != service.wanted else ""
    yield f"scheduler {service.scheduler}{used}"
    if service.state == "ok" and service.reason not in ("", "configuration"):
        yield service.reason
    servers = [server for pool in service.pools for server in pool.servers]
    yield f"{words.serving(servers)} servers serve"
    for server in servers:
        if server.health == "down":
            yield f"{server.endpoint} down: {server.reason}"
