"""Which override holds for each server, and what it makes of the server.

Several may name one server; the most specific holds: a server of one service, then a server wherever it is, then its
pool, and with a port before without. Of two that are equally specific disable holds before drain and drain before a
weight; of two alike, the newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from lvsctl.model import (
    MAX_WEIGHT,
    Action,
    Override,
    OverrideSubject,
    Pool,
    PoolSubject,
    RealAttrs,
    RealKey,
    Server,
    ServerSubject,
    Service,
    ServiceKey,
    Spec,
)
from lvsctl.model.moment import rfc3339

Orders: TypeAlias = Mapping[tuple[ServiceKey, RealKey], Override]
"""The override that holds, for each server that one holds for."""

NO_ORDERS: Orders = {}

_STRENGTH = {Action.WEIGHT: 0, Action.DRAIN: 1, Action.DISABLE: 2}


def over(override: Override, today: float) -> bool:
    """Whether its time has come. today: Unix time."""
    return override.until is not None and override.until <= today


def orders(spec: Spec, overrides: Iterable[Override]) -> Orders:
    """What holds for whom. overrides: none whose time is over; one that names nothing of `spec` is idle."""
    strongest: dict[OverrideSubject, Override] = {}
    for override in sorted(overrides, key=lambda one: (_STRENGTH[one.action], one.since)):
        strongest[override.subject] = override
    if not strongest:
        return NO_ORDERS
    found: dict[tuple[ServiceKey, RealKey], Override] = {}
    for service, pool, server in _named(spec, strongest):
        subjects = _subjects(service, pool, server)
        found[service.key, server.key] = next(strongest[one] for one in subjects if one in strongest)
    return found


def members(spec: Spec, subject: OverrideSubject) -> list[tuple[Service, Server]]:
    """The servers that the subject names, in the order of the configuration; empty if it is idle."""
    return members_of(spec, (subject,))[subject]


def members_of(spec: Spec, subjects: Iterable[OverrideSubject]) -> dict[OverrideSubject, list[tuple[Service, Server]]]:
    """`members` of each of them, found in one go."""
    found: dict[OverrideSubject, list[tuple[Service, Server]]] = {subject: [] for subject in subjects}
    for service, pool, server in _named(spec, found):
        for subject in _subjects(service, pool, server):
            if subject in found:
                found[subject].append((service, server))
    return found


def idle(spec: Spec, overrides: Iterable[Override]) -> list[Override]:
    """Those that name nothing of `spec`."""
    listed = list(overrides)
    found = members_of(spec, [one.subject for one in listed])
    return [one for one in listed if not found[one.subject]]


def _named(spec: Spec, subjects: Iterable[OverrideSubject]) -> Iterator[tuple[Service, Pool, Server]]:
    """Every server that one of the subjects names. Few do: hashing an address is slow, so it is done once a server."""
    wanted = frozenset(subjects)
    hosts = {subject.address for subject in wanted if isinstance(subject, ServerSubject)}
    for service in spec.services.values():
        for pool in service.pools:
            whole = PoolSubject(service.name, pool.name) in wanted
            for server in pool.servers:
                if whole or (server.key.address in hosts and not wanted.isdisjoint(_subjects(service, pool, server))):
                    yield service, pool, server


def _subjects(service: Service, pool: Pool, server: Server) -> tuple[OverrideSubject, ...]:
    """All that names this server, the most specific first."""
    address, port = server.key.address, server.key.port
    return (
        ServerSubject(service.name, address, port),
        ServerSubject(service.name, address, None),
        ServerSubject(None, address, port),
        ServerSubject(None, address, None),
        PoolSubject(service.name, pool.name),
    )


def ordered(attrs: RealAttrs, order: Override) -> RealAttrs | None:
    """The attributes in place of the configured ones; None: it is to be out of the table."""
    match order.action:
        case Action.DISABLE:
            return None
        case Action.WEIGHT if order.weight is not None:
            return replace(attrs, weight=min(order.weight.of(attrs.weight), MAX_WEIGHT))
        case _:
            return replace(attrs, weight=0)


def gets_nothing(server: Server, order: Override | None) -> bool:
    """Whether it gets no new connections even while it is up: by an operator's order, else by weight 0 in conf.d."""
    attrs = server.attrs if order is None else ordered(server.attrs, order)
    return attrs is None or attrs.weight == 0


def in_words(order: Override) -> str:
    """`drained by alice (uid 1000) until 2026-11-22T14:30:00Z: new memory`."""
    what = {
        Action.DRAIN: "drained",
        Action.DISABLE: "disabled",
        Action.WEIGHT: f"weight {order.weight}",
    }[order.action]
    return f"{what} by {order.by}{_end(order.until)}" + (f": {order.reason}" if order.reason else "")


def _end(until: float | None) -> str:
    if until is None:
        return ", without an end"
    return f" until {rfc3339(until, timespec='seconds')}"
