"""How things stand now, as the records that would begin an alert about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lvsctl import events as happened
from lvsctl.decide.alerting.happening import Standing
from lvsctl.decide.health import Standing as ServerStanding
from lvsctl.decide.health import standing
from lvsctl.decide.record import records
from lvsctl.decide.spill.load import ServiceLoad
from lvsctl.events import Event
from lvsctl.model import Health, Outcome, Record, Server, ServiceState, Verdict

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon
    from lvsctl.daemon.world import World

DOUBT = 60.0
"""Seconds after all checks have spoken for which nobody can say that what went on before a restart is over: it is seen
by what connections do, by checks that fail again, by attempts to deliver."""

_OF_THE_ROUND = frozenset({"refused", "withheld", "scheduler_missing"})
_LATER = frozenset({"spill_started", "pool_exhausted", "capacity_high", "director_suspected", "delivery_failed"})
_ALWAYS = frozenset(
    {"server_down", "service_down", "service_refused", "not_asked", "reload_refused", "kernel_silent", "peer_lost"}
)
_OF_THE_PEER = frozenset({"peer_lost"})
_OF_BOTH = frozenset({"opinions_differ", "both_active"})
_UNKNOWN = Outcome(Verdict.UNKNOWN, "", "", 0.0)


def how_things_stand(daemon: Daemon) -> Standing:
    """What goes on in this daemon, for the alerts. Before the first round nothing is known of what rounds find."""
    world, done = daemon.world, daemon.last.round
    hosts = Counter(str(server.key.address) for _, _, server in _checked(world))
    judged = _ALWAYS | _OF_THE_PEER | {"override_set"} | (_OF_THE_ROUND if done is not None else frozenset())
    if done is not None and world.settled is not None and daemon.loop.time() - world.settled >= DOUBT:
        judged |= _LATER | (_OF_BOTH if daemon.peer.knows else frozenset())
    return Standing(
        judged=judged | daemon.pairing.knows,
        holds=tuple(_told(daemon, _going_on(daemon))),
        unsure=tuple(_told(daemon, _unsure(daemon))),
        services=frozenset(world.spec.services),
        hosts=hosts,
    )


def _told(daemon: Daemon, events: Iterable[Event]) -> Iterator[Record]:
    for event in events:
        yield from records(event, daemon.world.names)


def _going_on(daemon: Daemon) -> Iterator[Event]:
    world, done = daemon.world, daemon.last.round
    for service, pool, server in _checked(world):
        if standing(server.checks, world.health) is ServerStanding.DOWN:
            kind, outcome = _why(world, server)
            yield happened.ServerChanged(service, pool, server.key, False, kind, outcome)
    for name, state in daemon.last.states.items():
        if state in (ServiceState.DOWN, ServiceState.REFUSED):
            yield happened.ServiceChanged(name, state, None, "")
    for check in world.spec.checks.values():
        last = world.health[check.id].last
        if last is not None and last.verdict is Verdict.UNKNOWN:
            yield happened.NotAsked(world.spec.questions[check.question], last)
    if daemon.last.error is not None:
        yield happened.KernelSilent(daemon.last.error)
    if not daemon.last_load.ok:
        yield happened.ReloadRefused(daemon.last_load.problems)
    yield from (happened.OverrideSet(override) for override in world.overrides)
    yield from daemon.peer.going_on()
    yield from daemon.pairing.going_on()
    if (suspicion := world.trust.suspicion) is not None:
        yield happened.DirectorSuspected(suspicion.why, daemon.doubt.seen)
    yield from _of_the_load(world)
    if done is not None:
        yield from (happened.OpRefused(step, refusal) for step, refusal in done.refused)
        yield from done.decision.desired.schedulers
        if done.withheld:
            yield happened.GuardTripped(tuple(step for step, _ in done.withheld), done.withheld[0][1])


def _of_the_load(world: World) -> Iterator[Event]:
    for load in world.spill.values():
        yield from (happened.SpillStarted(load.name, spill.pool, spill.to) for spill in load.spills)
        if load.shortage is not None:
            yield happened.PoolExhausted(load.name)
        crowded = [pool for pool in load.pools if pool.name in load.crowds and load.crowds[pool.name].told]
        limit = _limit(world, load)
        yield from (happened.CapacityHigh(load.name, pool.name, pool.share, limit) for pool in crowded)


def _limit(world: World, load: ServiceLoad) -> float:
    service = world.spec.services.get(load.name)
    return service.capacity_warning.share if service is not None and service.capacity_warning is not None else 1.0


def _unsure(daemon: Daemon) -> Iterator[Event]:
    """What is not known yet, or not well enough.

    Servers that have not been heard of, or are only presumed up; services that no round has judged or that wait for the
    first answers; pools that have not been nearly full for long; receivers of which somebody is to hear something; a
    peer that has not been heard yet, and what it sees differently, but not for long.
    """
    world = daemon.world
    yield from daemon.peer.unsure()
    for load in world.spill.values():
        yield from (happened.CapacityHigh(load.name, name, 0.0, 0.0) for name in load.crowds)
    for one in daemon.alerts.delivery.standings() if daemon.alerts.delivery is not None else ():
        if one.waiting or one.failing_since is not None:
            yield happened.DeliveryFailed(one.receiver, one.why, one.waiting)
    for service, pool, server in _checked(world):
        if standing(server.checks, world.health) in (ServerStanding.UNPROVEN, ServerStanding.PRESUMED):
            yield happened.ServerChanged(service, pool, server.key, False, "", _UNKNOWN)
    for name in world.spec.services:
        if daemon.last.states.get(name, ServiceState.WAITING) is ServiceState.WAITING:
            for state in (ServiceState.DOWN, ServiceState.REFUSED):
                yield happened.ServiceChanged(name, state, None, "")


def _checked(world: World) -> Iterator[tuple[str, str, Server]]:
    for service in world.spec.services.values():
        for pool in service.pools:
            yield from ((service.name, pool.name, server) for server in pool.servers if server.checks)


def _why(world: World, server: Server) -> tuple[str, Outcome]:
    """The check that keeps a server down, and what it said last."""
    down = next(check for check in server.checks if not _passes(world.health[check]))
    last = world.health[down].last
    question = world.spec.questions[world.spec.checks[down].question]
    return question.kind, last if last is not None else _UNKNOWN


def _passes(health: Health) -> bool:
    return health.up
