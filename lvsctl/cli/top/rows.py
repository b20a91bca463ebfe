"""The rows of the screen, in their order: what is drawn is a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from lvsctl.cli.top.seen import Pool, Seen, Server, Service
from lvsctl.cli.top.view import Ident, Sort, View
from lvsctl.cli.top.words import gravity, pool_state, service_state, trouble, verdict

FEW = 6  # services; more are shown closed, one line each


@dataclass(frozen=True, slots=True)
class Row:
    """A service, or a pool, or a server of it."""

    service: Service
    pool: Pool | None = None
    server: Server | None = None
    opened: bool = False

    @property
    def ident(self) -> Ident:
        parts = (
            self.service.name,
            self.pool.name if self.pool else None,
            self.server.endpoint if self.server else None,
        )
        return tuple(part for part in parts if part is not None)


def rows(seen: Seen, view: View) -> list[Row]:
    """All rows that could be scrolled to."""
    words = view.filter.lower().split()
    services = sorted(seen.services, key=_SERVICES[view.sort]) if view.sort in _SERVICES else seen.services
    found = list[Row]()
    for service in reversed(services) if view.backwards else services:
        pools = _filtered(service, words)
        if pools is None:
            continue
        opened = is_open(service.name, view, len(seen.services))
        found.append(Row(service, opened=opened))
        found += _inside(service, pools, view) if opened else ()
    return found


def is_open(name: str, view: View, services: int) -> bool:
    """Whether the service shows its servers; a filter opens what it finds."""
    usual = view.opened if view.opened is not None else bool(view.filter) or services <= FEW
    return usual ^ (name in view.turned)


_Part: TypeAlias = tuple[Pool, Sequence[Server]]
"""A pool and those of its servers that the filter lets through."""


def _inside(service: Service, parts: Iterable[_Part], view: View) -> Iterator[Row]:
    """A pool's row only where there are several: alone it would say what the service's says."""
    for pool, servers in parts:
        if len(service.pools) > 1:
            yield Row(service, pool)
        ordered = sorted(servers, key=_SERVERS[view.sort]) if view.sort in _SERVERS else servers
        for server in reversed(ordered) if view.backwards else ordered:
            yield Row(service, pool, server)


def _filtered(service: Service, words: Sequence[str]) -> list[_Part] | None:
    """What the filter finds: all of a service whose own line has every word; None if nothing has."""
    if not words or _has(words, service.name, service.key, service_state(service)[0], service.scheduler):
        return [(pool, pool.servers) for pool in service.pools]
    about = (service.name, service.key)
    found = [
        (pool, [s for s in pool.servers if _has(words, *about, pool.name, *_of_server(service, pool, s))])
        for pool in service.pools
    ]
    return [part for part in found if part[1]] or None


def _of_server(service: Service, pool: Pool, server: Server) -> Iterator[str]:
    yield from (server.endpoint, server.name, verdict(server)[0], server.reason, pool_state(service, pool)[0])
    if server.override is not None:
        yield from (server.override.by, server.override.reason, "drained" if server.override.action == "drain" else "")


def _has(words: Sequence[str], *texts: str) -> bool:
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def fullness(service: Service) -> tuple[int, int | None]:
    """Connections and capacity of the first pool that has one: when it is full, the service spills or refuses."""
    for pool in service.pools:
        if pool.capacity:
            return pool.connections, pool.capacity
    return sum(pool.connections for pool in service.pools), None


def _load(service: Service) -> float:
    count, capacity = fullness(service)
    return count / capacity if capacity else 0.0


_SERVICES: dict[Sort, Callable[[Service], float | str]] = {
    Sort.TROUBLE: lambda service: -gravity(service),
    Sort.NAME: lambda service: service.name,
    Sort.LOAD: lambda service: -_load(service),
    Sort.CONNECTIONS: lambda service: -sum(pool.connections for pool in service.pools),
    Sort.LATENCY: lambda service: -max((s.latency or 0.0 for pool in service.pools for s in pool.servers), default=0.0),
}
_SERVERS: dict[Sort, Callable[[Server], float | str]] = {
    Sort.TROUBLE: lambda server: -trouble(server),
    Sort.NAME: lambda server: server.endpoint,
    Sort.LOAD: lambda server: -server.load,
    Sort.CONNECTIONS: lambda server: -server.connections,
    Sort.LATENCY: lambda server: -(server.latency or 0.0),
}


def settle(view: View, shown: Sequence[Row], height: int) -> View:
    """The view with its cursor on a row that is there and inside the `height` rows on the screen.

    Who is chosen stays chosen wherever the sorting moves it. If it is gone, its service is chosen, else its place.
    """
    if not shown:
        return replace(view, at=0, top=0)
    at = _place(view, shown)
    top = min(max(view.top, at - height + 1), at, max(len(shown) - height, 0))
    return replace(view, cursor=shown[at].ident if view.cursor is not None else None, at=at, top=max(top, 0))


def _place(view: View, shown: Sequence[Row]) -> int:
    if view.cursor is None:
        return 0
    if view.at < len(shown) and shown[view.at].ident == view.cursor:  # as nearly always; all others cost 30 ms
        return view.at
    places = {row.ident: index for index, row in enumerate(shown)}
    for length in range(len(view.cursor), 0, -1):
        if view.cursor[:length] in places:
            return places[view.cursor[:length]]
    return min(view.at, len(shown) - 1)
