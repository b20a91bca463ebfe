"""The table that ought to be: the Spec, narrowed by health, by what the kernel can do and by what it holds now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from lvsctl.decide.health import NEVER
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import NO_ORDERS, Orders
from lvsctl.decide.overrides import orders as orders_of
from lvsctl.decide.reprieve import Reprieve, Spared
from lvsctl.decide.seats import Seats, pool_in_use
from lvsctl.decide.slow_start import AT_ONCE, Climb
from lvsctl.decide.why import Case, Subject, Why
from lvsctl.events import SchedulerMissing
from lvsctl.model import (
    CheckId,
    Entry,
    Health,
    Override,
    RealAttrs,
    RealKey,
    Service,
    ServiceAttrs,
    ServiceKey,
    Spec,
    Table,
)

NO_DOUBT = Ladder()
"""Every scheduler is there."""


@dataclass(frozen=True, slots=True)
class Desired:
    """The wanted table and how it came about.

    why: a short phrase for every server of every service, and for every service (with None for the server).
    refused: services that the kernel has no scheduler for, with one line on what to do; what the kernel holds for
    them stays. by_health: servers that are out of the table, or in it with weight 0, because of their checks alone.
    schedulers: stand-ins and refusals. orders: the override that holds, for each server that one holds for; what an
    operator ordered is never `by_health`. eased: servers with another weight than the configured one, 0 aside.
    spared: who is in the table only because this director suspects itself. unwell: servers whose checks do not let them
    in. resting: this director keeps no table, as it is not the active one.

    A service that is in neither `table` nor `refused` is not made yet: some of its checks have not spoken.
    """

    table: Table
    why: Mapping[Subject, str]
    refused: Mapping[ServiceKey, str]
    by_health: frozenset[tuple[ServiceKey, RealKey]]
    schedulers: tuple[SchedulerMissing, ...]
    orders: Orders = field(default_factory=dict)
    eased: frozenset[tuple[ServiceKey, RealKey]] = frozenset()
    spared: Spared = field(default_factory=dict)
    unwell: frozenset[tuple[ServiceKey, RealKey]] = frozenset()
    resting: bool = False


def desired(
    spec: Spec,
    health: Mapping[CheckId, Health],
    have: Table,
    *,
    left: Table | None = None,
    ladder: Ladder = NO_DOUBT,
    idle: AbstractSet[tuple[ServiceKey, RealKey]] = frozenset(),
    overrides: Iterable[Override] = (),
    climb: Climb = AT_ONCE,
    reprieve: Reprieve | None = None,
    resting: bool = False,
) -> Desired:
    """The table that `spec` calls for now.

    have: the table found in the kernel. left: the table as the last round left it, None if unknown: what is presumed
    up stays as it was left there, whatever somebody did since. ladder: which scheduler each service is given. idle:
    those servers of `quiet.leaving` that have no connection left, or whose time is over: of those that get no new
    connections only they go, the others get weight 0. overrides: what operators ordered, none whose time is over.
    climb: what slow starts are measured by. reprieve: while this director suspects itself.
    resting: no service is to be in the table.
    """
    health = dict(health)  # `why` is read later, and must tell of now
    orders = orders_of(spec, overrides)
    steered = {key for key, _ in orders}
    table: dict[ServiceKey, Entry] = {}
    cases: dict[ServiceKey, Case] = {}
    filled: list[tuple[ServiceKey, Seats]] = []
    for service in spec.services.values():
        scheduler = ladder.scheduler(service)
        if resting:
            cases[service.key] = Case(service, scheduler, rests=True)
            continue
        found = have.get(service.key)
        held = found if left is None else left.get(service.key)
        silent = _silent(service, health, found)
        if scheduler is None or (silent and found is None):
            cases[service.key] = Case(service, scheduler, waits=silent)
            continue
        here = orders if service.key in steered else NO_ORDERS  # to look up every server of all others would be slow
        in_use = pool_in_use(service, scheduler, health, held, here)
        cases[service.key] = Case(service, scheduler, in_use=in_use, climbs_later=ladder.waits(service))
        seats = Seats(service, in_use, health, found, held, here, idle, climb, reprieve)
        servers = seats.fill()
        if silent and found is not None:
            servers |= _departed(service, found)
        table[service.key] = Entry(_with_scheduler(service.attrs, scheduler), servers)
        filled.append((service.key, seats))
    why = Why(spec, cases, health, table, orders)
    return Desired(
        table,
        why,
        refused={key: why[key, None] for key, case in cases.items() if case.scheduler is None and not resting},
        by_health=frozenset((key, one) for key, seats in filled for one in seats.quelled),
        schedulers=_schedulers(cases.values()),
        orders=orders,
        eased=frozenset((key, one) for key, seats in filled for one in seats.eased),
        spared={(key, one): attrs for key, seats in filled for one, attrs in seats.spared.items()},
        unwell=frozenset((key, one) for key, seats in filled for one in seats.unwell),
        resting=resting,
    )


def _silent(service: Service, health: Mapping[CheckId, Health], found: Entry | None) -> int:
    """How many checks of servers that are not in the table have not spoken yet; UNKNOWN counts as having spoken.

    While there are any, a new service is not made (the first server to answer would get everybody), and an old one
    keeps the servers that left the configuration (those that replace them may be about to enter).
    """
    silent: set[CheckId] = set()
    for server in (server for pool in service.pools for server in pool.servers):
        quiet = [check for check in server.checks if _is_silent(health.get(check, NEVER))]
        if quiet and not (found and server.key in found.servers):
            silent.update(quiet)
    return len(silent)


def _is_silent(belief: Health) -> bool:
    return belief.last is None and not belief.answered


def _departed(service: Service, found: Entry) -> dict[RealKey, RealAttrs]:
    """What the table holds of servers that are not in the configuration."""
    configured = {server.key for pool in service.pools for server in pool.servers}
    return {key: attrs for key, attrs in found.servers.items() if key not in configured}


def _with_scheduler(attrs: ServiceAttrs, scheduler: str) -> ServiceAttrs:
    return attrs if attrs.scheduler == scheduler else replace(attrs, scheduler=scheduler)


def _schedulers(cases: Iterable[Case]) -> tuple[SchedulerMissing, ...]:
    """Which services have to do with another scheduler, or with none, because the kernel lacks theirs."""
    services: dict[tuple[str, str | None], list[str]] = {}
    for case in cases:
        wanted = case.service.attrs.scheduler
        if case.scheduler != wanted and not case.climbs_later:
            services.setdefault((wanted, case.scheduler), []).append(case.service.name)
    return tuple(SchedulerMissing(wanted, used, tuple(names)) for (wanted, used), names in services.items())
