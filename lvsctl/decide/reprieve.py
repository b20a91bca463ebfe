"""What a director that suspects itself spares: whom its checks would take out, and whom they took out just before."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from lvsctl.decide.plan import takes
from lvsctl.decide.suspicion import Suspicion
from lvsctl.model import DeleteServer, EditServer, Plan, RealAttrs, RealKey, ServiceKey, Table

KEPT = "down but kept"
"""How every reason begins for which a server stays that its checks would take out."""

Fallen: TypeAlias = Mapping[tuple[ServiceKey, RealKey], int]
"""Whom a round took out of the table, or to weight 0, and whose checks fail since; the weight that each had."""

Spared: TypeAlias = Mapping[tuple[ServiceKey, RealKey], RealAttrs | None]
"""Who is in the table because of a reprieve alone, and what each would have without it; None: it would be out."""


@dataclass(frozen=True, slots=True)
class Reprieve:
    """While it lasts checks take nobody out, and of the fallen those are back that began to fail at `began` or later.

    why: for people; it begins with KEPT.
    """

    why: str
    began: float
    fallen: Fallen


def reprieve(suspicion: Suspicion | None, fallen: Fallen) -> Reprieve | None:
    """What follows from a suspicion."""
    if suspicion is None:
        return None
    return Reprieve(f"{KEPT}: {suspicion.why}, this director suspects itself", suspicion.began, fallen)


def fallen(before: Fallen, plan: Plan, have: Table, unwell: AbstractSet[tuple[ServiceKey, RealKey]]) -> Fallen:
    """Who has fallen once `plan` is carried out on `have`. unwell: all whose checks do not let them in."""
    ops = (step.op for step in plan if takes(step.op))
    places = [(op.service, op.server) for op in ops if isinstance(op, EditServer | DeleteServer)]
    taken = {(service, server): have[service].servers[server].weight for service, server in places}
    return {place: weight for place, weight in {**taken, **before}.items() if place in unwell}
