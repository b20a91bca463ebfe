"""What an explanation is made of, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsctl.decide.desired import Desired
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import Orders
from lvsctl.decide.spill.load import ServiceLoad
from lvsctl.model import (
    CheckId,
    Counters,
    Entry,
    Health,
    RealAttrs,
    RealKey,
    Refusal,
    Role,
    Service,
    ServiceKey,
    ServiceState,
    Spec,
    Step,
    Table,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known at this moment.

    have, counters: the kernel's, read just now. desired, withheld, refused: of the newest round, None and empty before
    the first. now: on the clock of Health.since, seconds. orders: the override that holds, by service and server.
    load: of the service that is asked for. role: in the pair, None where there is none, or nobody knows; resting: the
    table is to be empty because of it.
    """

    spec: Spec
    health: Mapping[CheckId, Health]
    ladder: Ladder
    have: Table
    counters: Counters
    desired: Desired | None
    withheld: tuple[tuple[Step, str], ...]
    refused: tuple[tuple[Step, Refusal], ...]
    now: float
    load: ServiceLoad
    orders: Orders = field(default_factory=dict)
    role: Role | None = None
    resting: bool = False

    def wanted(self, service: ServiceKey) -> Entry | None:
        """The service as the newest round wanted it; None if it wanted none or there was no round."""
        return self.desired.table.get(service) if self.desired is not None else None

    def found(self, service: ServiceKey, server: RealKey) -> RealAttrs | None:
        entry = self.have.get(service)
        return entry.servers.get(server) if entry is not None else None

    def why(self, service: ServiceKey, server: RealKey | None) -> str:
        """The phrase of the newest round; "" where that had none."""
        return self.desired.why.get((service, server), "") if self.desired is not None else ""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain. about: a word such as `health`, or a server's address; says: one line."""

    about: str
    says: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """subject: as an operator may write it; answer: the whole in one line; chain: from conf.d to the kernel."""

    subject: str
    answer: str
    chain: tuple[Link, ...]


def state(service: Service, desired: Desired | None, entry: Entry | None) -> tuple[ServiceState, str]:
    """ok, waiting (for first answers), refused (no scheduler), down (no server takes connections) or idle; and why.

    entry: the service as the kernel has it.
    """
    if desired is not None and service.key in desired.refused:
        return ServiceState.REFUSED, desired.refused[service.key]
    if entry is None and desired is not None and desired.resting:
        return ServiceState.IDLE, desired.why.get((service.key, None), "")
    if entry is None:
        return ServiceState.WAITING, _waits(service, desired)
    if not any(attrs.weight > 0 for attrs in entry.servers.values()):
        return ServiceState.DOWN, "no server takes new connections"
    return ServiceState.OK, desired.why.get((service.key, None), "") if desired is not None else ""


def _waits(service: Service, desired: Desired | None) -> str:
    if desired is None:
        return "there was no round yet"
    return "a round makes it" if service.key in desired.table else desired.why.get((service.key, None), "")
