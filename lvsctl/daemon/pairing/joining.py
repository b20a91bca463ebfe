"""When this director takes part, and with which provider: begun, changed and ended as the configuration says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from lvsctl.daemon.pairing.part import Part
from lvsctl.daemon.pairing.providers import Providers, Told, Wrong, retake
from lvsctl.model import PairSpec, Provider
from lvsctl.pair.provider import RoleProvider

PROVING = 10.0
"""Seconds that VRRP waits for the first complete round; after them this director joins with the lowest priority."""


class Joining:
    """A director that has just started does not take over with a table that nobody has proven.

    VRRP begins after the first complete round: every check has spoken, and the table is programmed. A check that keeps
    its answer for long must not keep the addresses from being served where the other director is dead: after PROVING
    seconds this one joins with the lowest priority, behind everybody who is there, and offers its own once the round
    is done. Who follows somebody else's word, keepalived's or an operator's, does so from the start: there the
    addresses are not ours to wait with. What an earlier life left on the interfaces is taken off before, whoever says
    the role now, and where there is no pair any more.

    So of `lvsctl failover --wait && systemctl restart lvsctl` nobody notices anything: the addresses are elsewhere, the
    table stays as it is (`on_exit: keep`), and if this director preempts, it does so with a table as good as before.
    """

    def __init__(
        self, providers: Providers, offered: Callable[[PairSpec], Mapping[str, int]], *, told: Told, wrong: Wrong
    ) -> None:
        """offered: the priorities by the name of the instance, as they are to be now."""
        self._providers = providers
        self._offered = offered
        self._told = told
        self._wrong = wrong
        self._spec: PairSpec | None = None
        self._part: Part | None = None
        self._proven = asyncio.Event()
        self._waiting: asyncio.Task[None] | None = None
        self._begun = self._stopped = False

    @property
    def provider(self) -> RoleProvider | None:
        """The one at work; None: this director takes no part."""
        return self._part.provider if self._part is not None else None

    @property
    def trouble(self) -> str:
        """Why it takes no part, "" where it does, or is just about to."""
        if self._part is not None:
            return self._part.trouble
        return "" if self._stopped else "it waits for the first complete round"

    async def take(self, spec: PairSpec | None) -> None:
        """Take part as this says from now on.

        VRRP goes on with other instances in the roles that it has, as far as it can (see `Speaker.take`). Whatever else
        is another hands over first.
        """
        if self._stopped or (self._begun and self._spec is None and spec is None):
            return
        self._begun = True
        before, self._spec = self._spec, spec
        if spec is not None and before is not None and _core(before) == _core(spec) and self._goes_on(before, spec):
            self.offer()
            return
        await self.end()
        if not self._stopped:
            self._waiting = asyncio.create_task(self._join(spec), name="pair: joining")

    def proven(self) -> None:
        """The first complete round is done."""
        self._proven.set()

    def offer(self) -> None:
        """Tell the priorities. Level-triggered: a speaker that was not there the last time hears it now."""
        if self.provider is not None and self._spec is not None and self._spec.provider is Provider.VRRP:
            for name, priority in self._offered(self._spec).items():
                self.provider.set_priority(name, priority)

    def stop(self) -> None:
        """Begin to hand over, for good; `end` waits for it."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.cancel()
        if self._part is not None:
            self._part.stop()

    async def end(self) -> None:
        """Hand over; within seconds, whatever hangs."""
        if self._part is not None:
            self._part.stop()  # at once: it may be about to begin, as a configuration says that counts no more
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait([self._waiting])
            self._waiting = None
        if self._part is not None:
            await self._part.closed()
            self._part = None

    def _goes_on(self, before: PairSpec, spec: PairSpec) -> bool:
        """Whether what is at work, or begins later, does so as the new configuration says."""
        same = (before.instances, before.announcing) == (spec.instances, spec.announcing)
        return same or self.provider is None or retake(self.provider, self._now(spec))

    async def _join(self, spec: PairSpec | None) -> None:
        await self._clear()
        if spec is None:
            return
        vrrp = spec.provider is Provider.VRRP
        if vrrp and not self._proven.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROVING):
                    await self._proven.wait()
        self._part = Part(spec.provider, self._make, self._wrong, self._clear if vrrp else None)
        self._part.start()

    async def _clear(self) -> None:
        """Of what a speaker that was killed has left here: the other director has it, or is about to have it."""
        await self._providers.clear(self._spec, self._wrong)

    def _make(self) -> RoleProvider:
        assert self._spec is not None  # noqa: S101 - there is no part without one
        return self._providers.make(self._now(self._spec), self._told, self._wrong)

    def _now(self, spec: PairSpec) -> PairSpec:
        """With the priorities that are offered now, so that the first advert says no other."""
        offered = self._offered(spec)
        instances = tuple(replace(one, priority=offered.get(one.name, one.priority)) for one in spec.instances)
        return replace(spec, instances=instances)


def _core(spec: PairSpec) -> object:
    """What a provider cannot change while it is at work. Numbers for seals are there from the start or not at all."""
    sealed = any(instance.keys for instance in spec.instances)
    return spec.provider, spec.follows, spec.name, sealed
