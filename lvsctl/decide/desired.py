"""The table that ought to be: the Spec, narrowed by health, by what the kernel can do and by what it holds now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from lvsctl.decide.health import NEVER, Standing, standing
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.why import Case, Subject, Why
from lvsctl.events import SchedulerMissing
from lvsctl.model import (
    PRIORITY_SCHEDULERS,
    CheckId,
    Entry,
    Health,
    OnDown,
    RealAttrs,
    RealKey,
    Server,
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
    schedulers: stand-ins and refusals.

    A service that is in neither `table` nor `refused` is not made yet: some of its checks have not spoken.
    """

    table: Table
    why: Mapping[Subject, str]
    refused: Mapping[ServiceKey, str]
    by_health: frozenset[tuple[ServiceKey, RealKey]]
    schedulers: tuple[SchedulerMissing, ...]


def desired(
    spec: Spec,
    health: Mapping[CheckId, Health],
    have: Table,
    *,
    left: Table | None = None,
    ladder: Ladder = NO_DOUBT,
    idle: AbstractSet[tuple[ServiceKey, RealKey]] = frozenset(),
) -> Desired:
    """The table that `spec` calls for now.

    have: the table found in the kernel. left: the table as the last round left it, None if unknown: what is presumed
    up stays as it was left there, whatever somebody did since. ladder: which scheduler each service is given. idle:
    those servers of `standing_by` that have no connection left; of the pools that stand by only they go, the others
    get weight 0.
    """
    health = dict(health)  # `why` is read later, and must tell of now
    table: dict[ServiceKey, Entry] = {}
    cases: dict[ServiceKey, Case] = {}
    by_health: list[tuple[ServiceKey, RealKey]] = []
    for service in spec.services.values():
        scheduler = ladder.scheduler(service)
        found = have.get(service.key)
        held = found if left is None else left.get(service.key)
        silent = _silent(service, health, found)
        if scheduler is None or (silent and found is None):
            cases[service.key] = Case(service, scheduler, waits=silent)
            continue
        in_use = pool_in_use(service, scheduler, health, held)
        cases[service.key] = Case(service, scheduler, in_use=in_use, climbs_later=ladder.waits(service))
        servers, kept_out = _servers(service, in_use, health, found=found, held=held, idle=idle)
        if silent and found is not None:
            servers |= _departed(service, found)
        table[service.key] = Entry(_with_scheduler(service.attrs, scheduler), servers)
        by_health += kept_out
    why = Why(spec, cases, health)
    return Desired(
        table,
        why,
        refused={key: why[key, None] for key, case in cases.items() if case.scheduler is None},
        by_health=frozenset(by_health),
        schedulers=_schedulers(cases.values()),
    )


def standing_by(
    spec: Spec,
    health: Mapping[CheckId, Health],
    have: Table,
    *,
    left: Table | None = None,
    ladder: Ladder = NO_DOUBT,
) -> set[tuple[ServiceKey, RealKey]]:
    """Servers whose pool stands by and that get no new connections: `desired` needs to know which of them are idle.

    One that still has a weight is not among them: a connection may come in after the counters were read.
    """
    found: set[tuple[ServiceKey, RealKey]] = set()
    for service in spec.services.values():
        scheduler, entry = ladder.scheduler(service), have.get(service.key)
        if scheduler is None or entry is None:
            continue
        in_use = pool_in_use(service, scheduler, health, entry if left is None else left.get(service.key))
        if in_use is not None:
            lower = (server.key for pool in service.pools[in_use + 1 :] for server in pool.servers)
            found.update((service.key, key) for key in lower if key in entry.servers and entry.servers[key].weight == 0)
    return found


def pool_in_use(service: Service, scheduler: str, health: Mapping[CheckId, Health], held: Entry | None) -> int | None:
    """Index of the only pool that takes connections, below which all others stand by. held: what presumptions keep.

    None where none stands by: with a priority scheduler (the kernel picks by load), and while no server is up.
    """
    if scheduler in PRIORITY_SCHEDULERS or len(service.pools) == 1:
        return None
    for index, pool in enumerate(service.pools):
        if any(_takes_connections(server, health, held) for server in pool.servers):
            return index
    return None


def _servers(
    service: Service,
    in_use: int | None,
    health: Mapping[CheckId, Health],
    *,
    found: Entry | None,
    held: Entry | None,
    idle: AbstractSet[tuple[ServiceKey, RealKey]],
) -> tuple[dict[RealKey, RealAttrs], list[tuple[ServiceKey, RealKey]]]:
    """The servers that belong in the table, in the order of the configuration, and those that health alone quells."""
    servers: dict[RealKey, RealAttrs] = {}
    quelled: list[tuple[ServiceKey, RealKey]] = []
    present = found.servers if found else {}
    for index, pool in enumerate(service.pools):
        stands_by = in_use is not None and index > in_use
        for server in pool.servers:
            state = standing(server.checks, health)
            if state is Standing.UP and not stands_by:  # nearly always
                servers[server.key] = server.attrs
                continue
            if state is Standing.PRESUMED and not stands_by and _is_live(held, server.key):
                servers[server.key] = server.attrs
                continue
            if state is not Standing.PRESUMED and not stands_by and server.attrs.weight > 0:
                quelled.append((service.key, server.key))
            if server.key not in present:
                continue  # a server enters only after its checks have passed
            if state is Standing.DOWN and service.on_down is OnDown.REMOVE:
                continue
            if stands_by and (service.key, server.key) in idle:
                continue
            servers[server.key] = replace(server.attrs, weight=0)
    return servers, quelled


def _takes_connections(server: Server, health: Mapping[CheckId, Health], held: Entry | None) -> bool:
    """Whether the server, if its pool is in use, is to be in the table with a weight."""
    if server.attrs.weight == 0:
        return False
    state = standing(server.checks, health)
    return state is Standing.UP or (state is Standing.PRESUMED and _is_live(held, server.key))


def _is_live(held: Entry | None, server: RealKey) -> bool:
    attrs = held.servers.get(server) if held else None
    return attrs is not None and attrs.weight > 0


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
