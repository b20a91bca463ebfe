"""The daemon's doubt in itself: what a suspicion is told with, and what a round took out because of checks alone."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

from lvsctl.daemon.examine.ourselves import Ourselves
from lvsctl.daemon.lag import STANDSTILL, Lag
from lvsctl.daemon.reconcile import Decision, Round
from lvsctl.daemon.world import World
from lvsctl.decide.suspicion import Suspicion, canaries_seen
from lvsctl.events import DirectorSuspected, Event, StoodStill
from lvsctl.model import Spec


class Doubt:
    """Takes over into the World what rounds found of this director, and tells of it, and of its standstills, once each.

    seen: what this director sees of itself while it suspects itself, empty otherwise.
    """

    def __init__(self, world: World, tell: Callable[[Event], None], lag: Lag) -> None:
        self.seen: tuple[str, ...] = ()
        self._world = world
        self._tell = tell
        self._ourselves = Ourselves(lag)
        lag.listeners.append(self._late)
        self._spec: Spec | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._renew()
        self._watch = asyncio.create_task(self._ourselves.watch())

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch

    async def weigh(self, decision: Decision, now: float) -> None:
        """Whether this director suspects itself from now on, and with what evidence."""
        self._renew()
        before, after = self._world.trust.suspicion, decision.trust.suspicion
        self._world.trust = decision.trust
        if decision.trusted is not None:
            self._tell(decision.trusted)
        self.seen = () if after is None else await self._look(after, now)
        if before is None and after is not None:
            self._tell(DirectorSuspected(after.why, self.seen))

    def note(self, done: Round, now: float) -> None:
        """Remember whom checks alone have taken out: a period's worth is limited."""
        recent = {server: at for server, at in self._world.removed.items() if now - at < self._world.spec.period}
        self._world.removed = recent | dict.fromkeys(done.taken_out, now)

    def patience(self, now: float) -> float:
        """Seconds until a suspicion ends by itself, and a round is due; infinite where there is none."""
        suspicion = self._world.trust.suspicion
        return math.inf if suspicion is None else max(0.0, suspicion.ends - now)

    async def _look(self, suspicion: Suspicion, now: float) -> tuple[str, ...]:
        world = self._world
        host = await self._ourselves.seen(now - suspicion.began)
        return (*canaries_seen(suspicion, world.spec, world.health), *host)

    def _late(self, seconds: float) -> None:
        if seconds >= STANDSTILL:
            self._tell(StoodStill(seconds))

    def _renew(self) -> None:
        """After a reload other addresses matter."""
        if self._spec is not self._world.spec:
            self._spec = self._world.spec
            self._ourselves.keep(frozenset(asked.target.address for asked in self._spec.questions.values()))
