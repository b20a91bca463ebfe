"""Keeps hold of what a scrape tells, so that it can be put into words while the daemon goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvsctl.checks.runner import Stats
from lvsctl.daemon.pair_document import pair_seen
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import Orders
from lvsctl.decide.spill.load import Loads
from lvsctl.model import (
    CheckId,
    Counters,
    DeleteServer,
    EditServer,
    Health,
    Override,
    RealKey,
    Seen,
    ServiceKey,
    ServiceState,
    Spec,
    Table,
    Traffic,
)
from lvsctl.model.pair_view import PairView

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon
    from lvsctl.notify.served import ReceiverStanding


_OF_SERVERS = EditServer | DeleteServer


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a scrape tells besides what is counted.

    table: as the last round left it; counters: as it read them; total: of IPVS as a whole, None where that is not told;
    all empty before the first. spill: the load of services with thresholds, as it was seen last; spilled: seconds and
    connections of spills that ended, by service and pool.
    overrides: of operators; orders: those of them that the last round carried out, by server. clock_offset: what makes
    Unix time of Health.since. ended: Unix time of the last round's end, 0.0 before the first. kernel_answers: whether
    the newest round could ask it. foreign: services in the kernel that are not ours. written: orders given to the
    kernel. withheld: steps that guards withhold; kept: the servers that these are about, or that wait until others have
    answered.
    problems: of the newest attempt to read conf.d, warnings included. receivers: of alerts.
    pair: None where conf.d has none.
    """

    spec: Spec
    health: Mapping[CheckId, Health]
    ladder: Ladder
    states: Mapping[str, ServiceState]
    table: Table
    counters: Counters
    total: Traffic | None
    spill: Loads
    spilled: Mapping[tuple[str, str], tuple[float, int]]
    overrides: Sequence[Override]
    orders: Orders
    clock_offset: float
    ready: bool
    ended: float
    kernel_answers: bool
    foreign: int
    written: int
    withheld: int
    kept: frozenset[tuple[ServiceKey, RealKey]]
    problems: int
    checks: Stats
    receivers: tuple[ReceiverStanding, ...]
    pair: PairView | None


def look(daemon: Daemon) -> Scene:
    """What is there now; to be called on the event loop."""
    last, world, delivery = daemon.last, daemon.world, daemon.alerts.delivery
    seen = last.round.seen if last.round is not None else Seen({}, {})
    table: Table = last.round.left if last.round is not None else {}
    withheld = last.round.withheld if last.round is not None else ()
    held = last.round.decision.held if last.round is not None else ()
    return Scene(
        spec=world.spec,
        health=dict(world.health),
        ladder=world.ladder,
        states=dict(last.states),
        table=table,
        counters=seen.counters,
        total=seen.total,
        spill=dict(world.spill),
        spilled=dict(daemon.metrics.spilled),
        overrides=tuple(world.overrides),
        orders=last.round.decision.desired.orders if last.round is not None else {},
        clock_offset=daemon.clock.at(0.0),
        ready=daemon.ready,
        ended=last.ended,
        kernel_answers=last.error is None,
        foreign=len(table.keys() - world.owned),
        written=daemon.ipvs.written,
        withheld=len(withheld),
        kept=frozenset((step.op.service, step.op.server) for step, _ in held if isinstance(step.op, _OF_SERVERS)),
        problems=len(daemon.last_load.problems),
        checks=daemon.runner.stats,
        receivers=delivery.standings() if delivery is not None else (),
        pair=pair_seen(daemon),
    )
