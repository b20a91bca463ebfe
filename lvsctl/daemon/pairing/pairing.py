"""The facade of the director pair: one provider of the role at work, and all that follows the role."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from math import inf

from lvsctl.daemon.pairing import said
from lvsctl.daemon.pairing.following import Following
from lvsctl.daemon.pairing.joining import Joining
from lvsctl.daemon.pairing.offering import Lowering, Offer, nothing
from lvsctl.daemon.pairing.providers import Providers
from lvsctl.daemon.pairing.showing import Became, Sight, of_the_director, role_of
from lvsctl.daemon.pairing.syncing import Keeper
from lvsctl.decide.condition import Scene, conditions
from lvsctl.errors import LvsctlError
from lvsctl.events import Event, PairTroubled, RoleChanged
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import PairSpec, Provider, Role, Standby, SyncRole, Transition, Trouble
from lvsctl.model.pair_view import HookView, PairView
from lvsctl.notify.hooks import Hooks
from lvsctl.pair.beside import Beside
from lvsctl.pair.keepalived import Notice
from lvsctl.pair.manual import Manual
from lvsctl.pair.provider import RoleProvider
from lvsctl.pair.speaker import boottime

HANDOVER = 60.0
"""Seconds that handing over may take with everything around it that hangs, without the hooks."""

NO_PAIR = "there is no pair in conf.d: this director stands alone"


class Pairing:
    """Idle where conf.d has no pair."""

    def __init__(
        self,
        spec: PairSpec | None,
        providers: Providers,
        *,
        ipvs: Ipvs,
        tell: Callable[[Event], None],
        wake: Callable[[], None],
        left: Callable[[], AbstractSet[SyncRole]] = frozenset,
        lowering: Lowering = nothing,
        clock: Callable[[], float] = boottime,
    ) -> None:
        """wake: the rounds, as what they go by has changed. left: which sync daemons go on at the end.

        lowering: what the comparison with the peer takes from the priority; whoever has it another wakes the rounds.
        clock: the speaker's, in seconds.
        """
        self._spec = spec
        self._providers = providers
        self._tell = tell
        self._wake = wake
        self._left = left
        self._clock = clock
        self._keeper = Keeper(ipvs, providers.ground.look, tell)
        self._hooks = Hooks(spec or PairSpec(), tell)
        self._following = Following(self._keeper, self._hooks.became)
        self._offer = Offer(tell, lowering)
        self._joining = Joining(providers, self._offer.weighed, told=self._told, wrong=self._wrong)
        self._judged: tuple[Scene, float] | None = None
        self._became: dict[str, Became] = {}
        self._turn = asyncio.Lock()
        self._closed = False

    # --- from the start to the end --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to take part, as soon as that is right; returns at once."""
        self._keeper.take(self._spec.sync if self._spec is not None else None)
        self._following.start()
        await self._joining.take(self._spec)

    def judged(self, scene: Scene, now: float) -> None:
        """A round is done in which every check had spoken. now: on one clock, on which `due` is told too."""
        self._judged = scene, now
        self._judge()
        self._joining.offer()
        self._joining.proven()

    @property
    def due(self) -> float:
        """When time alone may change the priority; infinite if it cannot."""
        return self._offer.due if self._spec is not None else inf

    async def take(self, spec: PairSpec | None) -> None:
        """Another configuration; where another provider says the role from now on, the one before hands over."""
        async with self._turn:
            if self._closed:
                return
            before, self._spec = self._spec, spec
            if spec is not None:
                self._hooks.take(spec)
            if before is None:
                self._judge()  # it may begin before the next round
            await self._joining.take(spec)
            self._keeper.take(spec.sync if spec is not None else None)
        self._wake()

    def stop(self) -> None:
        """Begin to hand over; `close` waits for it. Nothing is taken any more."""
        if not self._closed:
            self._following.leave(self._left())
        self._closed = True
        self._joining.stop()

    @property
    def farewell(self) -> float:
        """Seconds that `hand_over` and `close` may take, together, where everything hangs; 0 without a pair."""
        return HANDOVER + 2 * self._spec.hooks.timeout if self._spec is not None else 0.0

    async def hand_over(self) -> None:
        """The addresses are gone and the sync daemons have followed when this returns, or seconds are over."""
        self.stop()
        async with self._turn:
            await self._joining.end()
        await self._following.close()

    async def close(self) -> None:
        """After `hand_over`: let hooks come to their end, and release what is held."""
        await self._hooks.close()
        await self._providers.close()

    # --- what is to be seen ---------------------------------------------------------------------------------------

    def role(self) -> Role | None:
        """Of the director: ACTIVE if any instance is, else FAULT if any is, else STANDBY; None: not known."""
        provider = self._joining.provider
        if self._spec is None or provider is None:
            return None
        return of_the_director(role_of(provider, name) for name in self._spec.names)

    def view(self) -> PairView | None:
        """Everything that is shown; None where no pair is configured."""
        spec = self._spec
        if spec is None:
            return None
        offer = self._offer
        sight = Sight(spec, self._joining.provider, self._became, offer.offered, offer.reasons, self._clock())
        role = self.role()
        return PairView(
            spec.provider,
            spec.standby,
            role,
            sight.instances(),
            self._joining.trouble,
            self.resting,
            self._keeper.view(),
            tuple(HookView(run.hook, run.instance, run.began, run.duration, run.failed) for run in self._hooks.last),
        )

    @property
    def resting(self) -> bool:
        """Whether this director is to have no table now (`standby: idle`).

        While nobody knows the role it keeps what it has: a restart beside an active keepalived must not cost it. When
        it becomes active the addresses come first, and the round that is woken then makes the table: for as long as
        that takes, milliseconds for a few services and a second or two for ten thousand servers, new connections are
        refused. Whoever minds keeps both tables programmed, as is the default.
        """
        idle = self._spec is not None and self._spec.standby is Standby.IDLE
        return idle and self.role() in (Role.STANDBY, Role.FAULT)

    def going_on(self) -> Iterator[Event]:
        """What would be told if it began now, for the alerts."""
        view = self.view()
        for one in view.instances if view is not None else ():
            if one.role is Role.FAULT:
                yield RoleChanged(Transition(one.name, one.role, None, one.why, one.priority))
        yield from self._keeper.going_on()

    @property
    def knows(self) -> frozenset[str]:
        """Of which kinds of records `going_on` tells all that there are.

        What hooks did is not known after a restart: the next run of the same one will tell.
        """
        if self._spec is None:
            return frozenset({"role_fault", "sync_failed", "hook_failed"})
        return frozenset({"role_fault", "sync_failed"}) if self.role() is not None else frozenset()

    # --- what is ordered ------------------------------------------------------------------------------------------

    async def failover(self, by: str) -> None:
        """Hand over to the other director, and stay behind it until it falls silent. Raises LvsctlError.

        by: who orders it. What was said by hand (`say`) is said anew: a restart must not take the role back.
        """
        provider = self._at_work()
        if self.role() is not Role.ACTIVE:
            raise LvsctlError("this director is not active: hand over on the other one")
        if isinstance(provider, Manual):
            self.say(Role.STANDBY, by)
        provider.release()

    def say(self, role: Role, by: str) -> None:
        """The role from now on, over restarts; for the provider `manual`. Raises LvsctlError."""
        spec = self._configured()
        if spec.provider is not Provider.MANUAL:
            raise LvsctlError(f"the role comes from the provider {spec.provider}: only `manual` is told it")
        said.write(self._providers.role_file, role, by=by, at=time.time())
        if isinstance(self._joining.provider, Manual):
            self._joining.provider.say(role)

    def notified(self, notice: Notice) -> None:
        """What keepalived's notify script was called with. Raises LvsctlError."""
        spec = self._configured()
        if spec.provider is not Provider.KEEPALIVED:
            raise LvsctlError(f"the role comes from the provider {spec.provider}: keepalived's word does not count")
        provider = self._at_work()
        assert isinstance(provider, Beside)  # noqa: S101 - that is what the spec makes
        provider.notified(notice)

    # --- what happens ---------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        if self._spec is not None and self._judged is not None:
            scene, now = self._judged
            self._offer.judge(self._spec, conditions(scene, self._spec.penalties), now)

    def _configured(self) -> PairSpec:
        if self._spec is None:
            raise LvsctlError(NO_PAIR)
        return self._spec

    def _at_work(self) -> RoleProvider:
        self._configured()
        provider = self._joining.provider
        if provider is None:
            raise LvsctlError(f"this director takes no part in the pair now: {self._joining.trouble or 'it begins'}")
        return provider

    def _told(self, transition: Transition) -> None:
        self._became[transition.instance] = Became(time.time(), transition.why, transition.priority)
        self._tell(RoleChanged(transition))
        self._following.became(transition)
        self._wake()

    def _wrong(self, trouble: Trouble) -> None:
        self._tell(PairTroubled(trouble))
