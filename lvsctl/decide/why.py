"""Why each service and server stands as it does, in plain words, put together only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lvsctl.decide.health import NEVER, Standing, standing
from lvsctl.decide.ladder import lacks, stand_in, there_now, way_out
from lvsctl.decide.overrides import Orders, in_words
from lvsctl.model import Action, CheckId, Health, RealKey, Server, Service, ServiceKey, Spec, Table, Verdict

RESTS = "standby: idle, and this director is not the active one"
"""Why a service is not in the table."""

Subject: TypeAlias = tuple[ServiceKey, RealKey | None]
"""A server of a service, or with None the service itself."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was decided of a service.

    scheduler: the one in effect, None if the service is refused. in_use: index of the only pool in use, below which
    all others stand by, or None. waits: how many checks must still speak before the service is made. climbs_later: the
    kernel has the wanted scheduler by now, and the service takes it at the next reload. rests: it is not made, as this
    director is not active.
    """

    service: Service
    scheduler: str | None
    in_use: int | None = None
    waits: int = 0
    climbs_later: bool = False
    rests: bool = False


class Why(Mapping[Subject, str]):
    """A phrase for every server and every service of a Spec; ten thousand of them would be slow to make in advance."""

    def __init__(
        self,
        spec: Spec,
        cases: Mapping[ServiceKey, Case],
        health: Mapping[CheckId, Health],
        table: Table,
        orders: Orders,
    ) -> None:
        self._spec = spec
        self._cases = cases
        self._health = health
        self._table = table
        self._orders = orders
        self._found: dict[ServiceKey, dict[RealKey, tuple[int, Server]]] = {}

    def __getitem__(self, subject: Subject) -> str:
        key, real = subject
        case = self._cases[key]
        if real is None:
            return _of_service(case)
        if key not in self._found:
            pools = enumerate(case.service.pools)
            self._found[key] = {server.key: (index, server) for index, pool in pools for server in pool.servers}
        index, server = self._found[key][real]
        return self._of_server(case, index, server)

    def __iter__(self) -> Iterator[Subject]:
        for key, case in self._cases.items():
            yield key, None
            for pool in case.service.pools:
                for server in pool.servers:
                    yield key, server.key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _of_server(self, case: Case, index: int, server: Server) -> str:
        order = self._orders.get((case.service.key, server.key))
        if order is None:
            return self._of_health(case, index, server)
        words = in_words(order)
        if standing(server.checks, self._health) is Standing.UP and order.action is not Action.WEIGHT:
            return words
        return f"{words}; {self._of_health(case, index, server)}"

    def _of_health(self, case: Case, index: int, server: Server) -> str:
        if case.in_use is not None and index > case.in_use:
            return f"pool {case.service.pools[case.in_use].name} is in use, pool {case.service.pools[index].name} waits"
        if server.attrs.weight == 0 and standing(server.checks, self._health) is Standing.UP:
            return "configured with weight 0"
        if not server.checks:
            return "up: no checks"
        words = self._of_check(min(server.checks, key=self._gravity))
        return words + self._slow(case, server)

    def _slow(self, case: Case, server: Server) -> str:
        """What a slow start has come to."""
        entry = self._table.get(case.service.key)
        attrs = entry.servers.get(server.key) if entry is not None else None
        ordered = (case.service.key, server.key) in self._orders
        if ordered or attrs is None or not 0 < attrs.weight < server.attrs.weight:
            return ""
        return f"; slow start, {attrs.weight} of weight {server.attrs.weight} for now"

    def _gravity(self, check: CheckId) -> tuple[bool, bool, bool]:
        """The check that decides comes first: down, else never answered, else in doubt."""
        belief = self._health.get(check, NEVER)
        return belief.up, belief.up is belief.answered, not belief.streak

    def _of_check(self, check: CheckId) -> str:
        belief = self._health.get(check, NEVER)
        words = _BELIEFS[belief.up, belief.answered]
        if belief.streak and belief.up:
            words += f", {belief.streak} of {self._spec.checks[check].fall} fails"
        elif belief.streak:
            words += f", {belief.streak} of {self._spec.checks[check].rise} passes"
        if belief.last is None:
            return words
        asked = "; not asked" if belief.last.verdict is Verdict.UNKNOWN else ""
        return f"{words}{asked}: {belief.last.code} {belief.last.detail}".rstrip()


_BELIEFS = {
    (True, True): "up",
    (True, False): "presumed up",
    (False, True): "down",
    (False, False): "no answer yet",
}


def _of_service(case: Case) -> str:
    service, wanted = case.service, case.service.attrs.scheduler
    if case.rests:
        return RESTS
    if case.scheduler is None and service.fallback is None:
        return f"{lacks(wanted)}: {way_out(wanted)}, or allow a scheduler_fallback"
    if case.scheduler is None and service.fallback is not None:
        return (
            f"the kernel has neither scheduler {wanted} nor its fallback {service.fallback}: "
            f"{way_out(wanted)}, or {way_out(service.fallback)}"
        )
    if case.waits:
        return f"waiting for the first word of {case.waits} check{'s' if case.waits > 1 else ''}"
    words = "configuration"
    if case.scheduler is not None and case.scheduler != wanted:
        words += f"; {there_now(wanted, case.scheduler) if case.climbs_later else stand_in(wanted, case.scheduler)}"
    if case.in_use:
        words += f"; pool {service.pools[case.in_use].name} is in use"
    return words
