"""The pair as values, for those who show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lvsctl.model import Instance, PairSpec, Provider, Role
from lvsctl.model.pair_view import InstanceView, Neighbour
from lvsctl.pair.apart import Apart
from lvsctl.pair.provider import RoleProvider
from lvsctl.pair.speaker import Report, Speaker
from lvsctl.pair.state import Cause
from lvsctl.pair.words import in_fault_together

SILENT = 4
"""Intervals after which who was heard is no neighbour any more: the RFC's three, and what a skew may add."""


@dataclass(frozen=True, slots=True)
class Became:
    """The newest transition of an instance. at: Unix time."""

    at: float
    why: str
    priority: int


NEVER = Became(0.0, "", 0)


def of_the_director(roles: Iterable[Role | None]) -> Role | None:
    """ACTIVE if any instance is, else FAULT if any is, else STANDBY; None where none takes part."""
    found = frozenset(roles)
    return next((role for role in (Role.ACTIVE, Role.FAULT, Role.STANDBY) if role in found), None)


def role_of(provider: RoleProvider, instance: str) -> Role | None:
    """None, too, for one that it does not have yet: another configuration is on its way to it."""
    try:
        return provider.role(instance)
    except KeyError:
        return None


@dataclass(frozen=True, slots=True)
class Sight:
    """What the views are made of. now: on the clock of the speaker. offered, reasons: by the name of the instance."""

    spec: PairSpec
    provider: RoleProvider | None
    became: Mapping[str, Became]
    offered: Mapping[str, int]
    reasons: tuple[str, ...]
    now: float

    def instances(self) -> tuple[InstanceView, ...]:
        """In the order of conf.d."""
        if self.spec.provider is Provider.VRRP:
            reports = _reports(self.provider)
            return tuple(self._spoken(instance, reports) for instance in self.spec.instances)
        return tuple(self._followed(name) for name in self.spec.names)

    def _followed(self, name: str) -> InstanceView:
        last = self.became.get(name, NEVER)
        role = role_of(self.provider, name) if self.provider is not None else None
        return InstanceView(name, role, last.at or None, last.why, last.priority, last.priority)

    def _spoken(self, me: Instance, reports: Mapping[str, Report]) -> InstanceView:
        last = self.became.get(me.name, NEVER)
        view = InstanceView(
            me.name,
            None,
            last.at or None,
            last.why,
            self.offered.get(me.name, me.priority),
            me.priority,
            self.reasons if self.offered.get(me.name, me.priority) != me.priority else (),
            me.interface,
            me.addresses,
        )
        return self._at_work(me, view, reports[me.name]) if me.name in reports else view

    def _at_work(self, me: Instance, view: InstanceView, report: Report) -> InstanceView:
        state, counts = report.state, report.counts
        return replace(
            view,
            role=state.role,
            priority=state.priority,
            neighbour=self._neighbour(report),
            faults=(*report.lacking, *((in_fault_together(me),) if Cause.GROUP in state.faults else ())),
            counts={
                "sent": counts.sent,
                "heard": counts.heard,
                "zero_sent": counts.zero_sent,
                "zero_heard": counts.zero_heard,
                "became_active": counts.became_active,
                "gave_up": counts.gave_up,
                "unsent": counts.unsent,
                "lost": counts.lost,
                "lost_rest": counts.lost_rest,
            },
            refused={str(reason): number for reason, number in counts.refused.items()},
            odd={str(oddity): number for oddity, number in counts.odd.items()},
        )

    def _neighbour(self, report: Report) -> Neighbour | None:
        """Who fell silent, or said farewell, is none; nor who was heard before this director's newest transition.

        Whom it preempted is silent for its own reasons: after a failover that one counts when it speaks again.
        """
        state, heard = report.state, report.heard
        if heard is None or not heard.priority or not state.anew or self.now - state.heard > SILENT * state.interval:
            return None
        return Neighbour(heard.source, heard.priority)


def _reports(provider: RoleProvider | None) -> Mapping[str, Report]:
    match provider:
        case Apart() | Speaker():
            return provider.reports()
        case _:
            return {}
