"""Slow start: a server that has come up gets its weight little by little.

It starts with weight 1 and climbs in a straight line to the full one over the service's `slow_start`, in steps no finer
than a second, the period, or a STEPS-th of the time: so it costs at most STEPS + 1 edits, and never more than there
are weights to go through.

Only who comes up while the program runs starts slowly: at a start everybody would, and nobody would be spared. So what
is presumed up, or came up before every check had spoken for the first time, has its full weight at once. And nobody
falls: who took connections all the while, because a guard kept it in the table, goes on with the weight that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lvsctl.decide.health import NEVER, Standing, standing
from lvsctl.model import CheckId, Health, Server, Service, Spec

STEPS = 20
"""Most steps of one slow start."""


@dataclass(frozen=True, slots=True)
class Climb:
    """What slow starts are measured by. now, settled: on the clock of Health.since, seconds.

    settled: when every check had spoken for the first time; None: not yet. period: seconds between rounds.
    """

    now: float
    settled: float | None
    period: float

    def weight(self, full: int, service: Service, server: Server, health: Mapping[CheckId, Health]) -> int:
        """The weight for now of a server that is up: from 1, never 0, to `full`."""
        since = self._came_up(service, server, health)
        if since is None or full <= 1:
            return full
        step = self._step(service)
        return max(1, int(full * min(self._taken(since, step) * step / service.slow_start, 1.0)))

    def next_step(self, service: Service, server: Server, health: Mapping[CheckId, Health]) -> float | None:
        """When the next step of this server is due; None: it is not in slow start."""
        since = self._came_up(service, server, health)
        if since is None:
            return None
        step = self._step(service)
        return min(since + (self._taken(since, step) + 1) * step, since + service.slow_start)

    def _came_up(self, service: Service, server: Server, health: Mapping[CheckId, Health]) -> float | None:
        """When the server came up, if it is still in slow start."""
        if self.settled is None or not (service.slow_start and server.checks):
            return None
        since = max(health.get(check, NEVER).since for check in server.checks)
        return since if since > self.settled and self.now < since + service.slow_start else None

    def _taken(self, since: float, step: float) -> int:
        """How many steps; who is woken at one must not find itself a rounding error before it."""
        return int((self.now - since) / step + 1e-6)

    def _step(self, service: Service) -> float:
        return max(1.0, self.period, service.slow_start / STEPS)


AT_ONCE = Climb(0.0, None, 1.0)
"""Nobody starts slowly."""


def next_step(spec: Spec, health: Mapping[CheckId, Health], climb: Climb) -> float | None:
    """When the next weight of any slow start is due; None if nobody is in one."""
    due = (
        climb.next_step(service, server, health)
        for service in spec.services.values()
        if service.slow_start
        for pool in service.pools
        for server in pool.servers
        if standing(server.checks, health) is Standing.UP
    )
    return min((moment for moment in due if moment is not None), default=None)
