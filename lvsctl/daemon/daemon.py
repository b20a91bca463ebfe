"""Round after round, checks in between, and a reload when somebody asks: one kernel's keeper."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from lvsctl.checkapi import AnyKind
from lvsctl.checks.runner import Runner
from lvsctl.config.load import Loaded
from lvsctl.daemon import between
from lvsctl.daemon.alert_file import AlertFile
from lvsctl.daemon.alerting import Alerts
from lvsctl.daemon.clock import Clock
from lvsctl.daemon.doubt import Doubt
from lvsctl.daemon.herald import Herald, to_log
from lvsctl.daemon.history import History
from lvsctl.daemon.lag import Lag
from lvsctl.daemon.last_round import LastRound
from lvsctl.daemon.leaving import leave
from lvsctl.daemon.loading import LastLoad, Loading
from lvsctl.daemon.lookout import RECHECK, Lookout
from lvsctl.daemon.metrics.counting import Metrics
from lvsctl.daemon.metrics.exposition import Expositions
from lvsctl.daemon.metrics.listeners import Listeners
from lvsctl.daemon.overrides import Overrides, heed
from lvsctl.daemon.pairing.around import pairing_of, peer_of, scene
from lvsctl.daemon.pairing.providers import Providers
from lvsctl.daemon.reconcile import act, look_and_decide
from lvsctl.daemon.standing import how_things_stand
from lvsctl.daemon.state import State
from lvsctl.daemon.stream import Stream
from lvsctl.daemon.systemd import notify
from lvsctl.daemon.users import Users
from lvsctl.daemon.world import World
from lvsctl.decide.health import presume
from lvsctl.errors import KernelError, LvsctlError
from lvsctl.events import Event
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import Generation, Outcome, Problem, Question

if TYPE_CHECKING:
    from lvsctl.notify.delivery import Delivery

log = structlog.get_logger("lvsctl")


class Daemon:
    """What `app` builds and runs: checks and rounds over one kernel.

    recheck_schedulers: seconds between looks for a scheduler that is missing. generation: of the kernel, None if its
    version does not tell. providers: of the role in a pair, by default on the kernel's ground.
    """

    def __init__(
        self,
        *,
        config: Path,
        loaded: Loaded,
        kinds: Mapping[str, AnyKind],
        ipvs: Ipvs,
        state: State,
        recheck_schedulers: float = RECHECK,
        generation: Generation | None = None,
        providers: Providers | None = None,
    ) -> None:
        self.config = config
        self.kinds = kinds
        self.ipvs = ipvs
        self.state = state
        self.metrics = Metrics()
        self.loop = asyncio.get_running_loop()
        self.clock = Clock(self.loop.time)
        self.lag = Lag(self.loop)
        self.lag.listeners.append(self.metrics.late)
        self.expositions = Expositions(self)
        self.listeners = Listeners(self)
        self.started = time.time()
        self.last = LastRound(self.tell, self.loop.time)
        self.ready = False
        self.runner = Runner(kinds, self._heard)
        self.world = World(
            loaded.spec,
            health={},
            owned=state.owned(),
            clock=self.loop.time,
            tell=self.tell,
            hasten=self.runner.hasten,
        )
        self.users = Users()
        self.overrides = Overrides(state.overrides, today=self._today, tell=self.tell)
        self.world.generation = generation
        self.world.overrides = self.overrides.in_force()  # who asks before the first round is told of them, too
        self.herald = Herald(lambda: self.world.names)
        self.stream = Stream()
        self.history = History(state.directory / "history.jsonl")
        self.alerts = Alerts(
            AlertFile(state.directory / "alerts.json"),
            self._delivery,
            stands=lambda: how_things_stand(self),
            tell=self.tell,
        )
        self.herald.listeners += [to_log(log), self.stream.hear, self.history.hear, self.alerts.hear]
        self.doubt = Doubt(self.world, self.tell, self.lag)
        self.peer = peer_of(self)
        self.pairing = pairing_of(self, loaded.spec.pair, providers)
        self._stop = asyncio.Event()
        self._loading = Loading(self, loaded)
        self.lookout = Lookout(ipvs, recheck=recheck_schedulers, clock=self.loop.time)
        self.due: float | None = None  # when time alone calls for the next round
        self._forgetful: str | None = None  # why what is ours cannot be written down

    # --- what happens ---------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Count one event, and tell everybody who listens."""
        self.metrics.tell(event)
        self.herald.tell(event)

    def _today(self) -> float:
        return self.clock.at(self.loop.time())

    def _heard(self, question: Question, outcome: Outcome) -> float:
        self.metrics.heard(question, outcome)
        return self.world.heard(question, outcome)

    def stop(self) -> None:
        """End `run` after the round in progress; the other director need not wait for that."""
        self.pairing.stop()
        self._stop.set()
        self.world.wake.set()

    def _delivery(self) -> Delivery:
        from lvsctl.notify.delivery import Delivery  # noqa: PLC0415 - it imports aiohttp, which is slow to import

        return Delivery(self.state.directory / "alerts", tell=self.tell)

    # --- the configuration ----------------------------------------------------------------------------------------

    async def reload(self) -> tuple[Problem, ...]:
        """Take conf.d as it is now; returns its warnings. With an LvsctlError, which is logged, nothing has changed."""
        return await self._loading.reload()

    @property
    def last_load(self) -> LastLoad:
        """What there is to tell of the configuration in force."""
        return self._loading.last

    @property
    def stopping(self) -> bool:
        """Whether `run` is to end, or has ended."""
        return self._stop.is_set()

    async def _look_for_schedulers(self) -> None:
        spec = self.world.spec
        missing = await self.lookout.missing(spec)
        if self.world.spec is spec:  # else a reload has looked for those of its own
            self.world.found_missing(missing)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Presume health from the table found, and start asking. Raises KernelError if there is no table to find."""
        self.world.health = presume(self.world.spec, await self.ipvs.read())
        await self._look_for_schedulers()
        self.overrides.say_idle(self.world.spec)
        self.metrics.loaded(ok=True, at=self.started)
        self.metrics.keep(self.world.spec.services)
        await self.alerts.start(self.world.spec.alerting)  # before the first answer
        self.runner.keep(self.world.spec.questions)
        await self.listeners.start(self.world.spec.metrics.listen)
        await self.peer.take(self.world.spec.pair)

    async def run(self) -> None:
        """Round after round until `stop`; then what conf.d says about leaving."""
        self.lag.start()
        self.doubt.start()
        await self.pairing.start()
        while not self._stop.is_set():
            complete = self.world.all_spoken()
            if complete and self.world.settled is None:
                self.world.settled = self.loop.time()
            self.world.wake.clear()
            began = self.loop.time()
            ok = await self._round()
            self.metrics.round_took(self.loop.time() - began)
            if complete and ok and not self.ready:
                self.ready = True
                self.alerts.ready()
                notify("READY=1", f"STATUS={len(self.world.spec.services)} services")
                log.info("ready", services=len(self.world.spec.services))
            if self.ready and ok:
                self.pairing.judged(scene(self), self.loop.time())
            between.alive(self)
            await self.listeners.try_again()
            await between.wait(self, rest=self.loop.time() - began)
        await leave(self)

    async def _round(self) -> bool:
        self.last.begin()
        self.due = None
        self.overrides.expire()
        try:
            if self.lookout.is_due(self.world.spec, self.world.ladder.missing, self.last.round):
                await self._look_for_schedulers()
            self.world.overrides = await heed(self.overrides, self.world, self.ipvs, self.last.round)
            self.world.resting = self.pairing.resting
            decision = await look_and_decide(self.world, self.ipvs, self.loop.time())
            if self.world.found(decision.have):
                decision = await look_and_decide(self.world, self.ipvs, self.loop.time())
            self.world.looked(decision.seen)
            await self.doubt.weigh(decision, self.loop.time())
            self.remember()
            self.world.quiet, self.world.fallen, self.due = decision.quiet, decision.fallen, decision.due
            self.world.left = None  # unless `act` comes to its end nobody knows how far it came
            done = await act(decision, self.ipvs)
        except KernelError as error:
            self.metrics.kernel_failed()
            self.last.failed(str(error))
            return False
        self.last.tell(done, self.world.spec)
        self.doubt.note(done, self.loop.time())
        wanted = {service.key for service in self.world.spec.services.values()}
        self.world.left = done.left
        self.world.owned = frozenset(wanted | (self.world.owned & done.left.keys()))
        self.last.complete(done)
        self.metrics.schedulers(done.decision.desired.schedulers, kept=len(self.world.ladder.kept))
        self.remember()
        return True

    def remember(self) -> None:
        """Write down what is ours. A full disk must not keep a dead server in the table: say so, once, and go on."""
        problem: str | None = None
        try:
            self.state.remember(self.world.owned)
        except LvsctlError as error:
            problem = str(error)
        if problem is not None and problem != self._forgetful:
            log.error("after a restart, services that leave conf.d meanwhile are not deleted", error=problem)
        self._forgetful = problem
