"""The addresses of one instance follow its role: on the interface while it is active, announced, and off it else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from lvsctl.decide.announcing import announce, campaign
from lvsctl.errors import KernelError
from lvsctl.model import Announcing, Effect, Instance, Interfaces, LinkAnswer, Refusal, Role, Transition, Vip
from lvsctl.pair.ground import Ground
from lvsctl.pair.place import Place, former, place

RETRY: Final = 1.0
"""Seconds after which addresses that could not be moved are tried again."""

HELPLESS: Final = 3.0
"""Seconds of trying after which an active instance that has none of its addresses says so."""

QUIET: Final = 60.0
"""Seconds after that for which it does not say so again: if the other director fares no better, the role goes to and
fro no faster."""


class Mover:
    """told: called with each transition, in their order, when the addresses are moved and announced, or could not be.

    Of several transitions that came at once the last one decides where the addresses go. The callbacks must neither
    block nor raise; wrong: in words what could not be done. helpless: see HELPLESS.
    """

    def __init__(
        self,
        instance: Instance,
        ground: Ground,
        plan: Announcing,
        *,
        told: Callable[[Transition], None],
        wrong: Callable[[str], None],
        helpless: Callable[[], None],
    ) -> None:
        self._place = place(instance)
        self._former = list(former(instance))
        self._ground = ground
        self._plan = plan
        self._told = told
        self._wrong = wrong
        self._helpless = helpless
        self._without: float | None = None
        self._helpless_until = 0.0
        self._ended = False
        self._wanted = False
        self._due: list[Transition] = []
        self._announce = False
        self._leaving = False
        self._failed = False
        self._retry: asyncio.TimerHandle | None = None
        self._awake = asyncio.Event()
        self._said = asyncio.Event()
        self._idle = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None
        self._awake.set()  # addresses of an earlier life are taken off

    def take(self, instance: Instance, plan: Announcing) -> None:
        """Configured otherwise: if active, new addresses are put on and announced; former ones are taken off."""
        here = place(instance)
        if (here, plan, False) == (self._place, self._plan, self._leaving):
            return
        if here != self._place:
            self._former.append(self._place)
        self._announce |= plan != self._plan
        self._place, self._plan, self._leaving = here, plan, False
        self._wake()

    def leave(self) -> None:
        """`run` ends when everything is off, unless `take` comes first."""
        self._leaving = True
        self._wake()

    def become(self, transition: Transition) -> None:
        """The role is another one from now on."""
        self._due.append(transition)
        self._wanted = transition.role is Role.ACTIVE
        if not self._wanted:
            self._announce = False
            self._be_silent()
        self._wake()

    def announce(self) -> None:
        """Tell the link once more, from the beginning, if active."""
        self._announce = True
        self._wake()

    def look(self, interfaces: Interfaces) -> None:
        """Somebody may have moved addresses behind our back."""
        if not self._place.is_right(interfaces, active=self._wanted):
            self._wake()

    async def run(self) -> None:
        """Until cancelled; see `leave`."""
        self._warn(self._place)
        try:
            while self._awake.is_set() or self._failed or not self._leaving:
                self._idle.set()
                await self._awake.wait()
                self._awake.clear()
                await self._settle()
        finally:
            self._ended = True
            self._idle.set()
            self._be_silent()
            if self._retry is not None:
                self._retry.cancel()

    async def settled(self) -> None:
        """When everything that is known of has been done, once; by itself where `run` has ended before its time."""
        while self._awake.is_set() or not self._idle.is_set():
            if self._ended:
                self._awake.clear()
                await self._settle()
                return
            await self._idle.wait()
            await asyncio.sleep(0)

    def _wake(self) -> None:
        self._idle.clear()
        self._awake.set()

    async def _settle(self) -> None:
        due, self._due = self._due, []
        self._failed = False
        if self._wanted:
            await self._serve(self._place)
        else:
            await self._clear(self._place)
        for there in list(self._former):
            if await self._clear(there, but=self._place):
                self._former.remove(there)
        for transition in due:
            self._told(transition)

    # --- where the addresses are --------------------------------------------------------------------------------------

    async def _serve(self, here: Place) -> None:
        """They are there, and announced if that is news."""
        there, changed = await self._put(here)
        self._count(without=not there)
        if self._wanted and there and (self._announce or changed):
            self._announce = False
            self._be_silent()
            self._said = asyncio.Event()
            self._announcing = asyncio.create_task(self._campaign(here.interface, there, self._said))
            await self._said.wait()

    def _count(self, *, without: bool) -> None:
        now = asyncio.get_running_loop().time()
        if not (without and self._wanted):
            self._without = None
        elif self._without is None:
            self._without = now
        elif now - self._without >= HELPLESS and now >= self._helpless_until:
            self._helpless_until = now + QUIET
            self._helpless()

    async def _put(self, here: Place) -> tuple[Sequence[Vip], bool]:
        """The addresses that are there; whether one was not before."""
        made = await self._asked(self._ground.make(here.links)) if here.links else ()
        if not all(isinstance(answer, Effect) for answer in made) or len(made) < len(here.links):
            return (), False
        if Effect.CHANGED in made:
            self._warn(here)
        answers = await self._asked(self._ground.add(here.vips))
        there = [vip for vip, answer in zip(here.vips, answers, strict=False) if isinstance(answer, Effect)]
        return there, Effect.CHANGED in answers

    async def _clear(self, place: Place, *, but: Place | None = None) -> bool:
        """Whether all is off. but: what is there as well stays."""
        vips = [vip for vip in place.vips if but is None or vip not in but.vips]
        links = [link for link in place.links if but is None or link not in but.links]
        answers = [
            *(await self._asked(self._ground.remove(vips)) if vips else ()),
            *(await self._asked(self._ground.unmake(links)) if links else ()),
        ]
        return sum(isinstance(answer, Effect) for answer in answers) == len(vips) + len(links)

    async def _asked(self, answering: Awaitable[Sequence[LinkAnswer]]) -> Sequence[LinkAnswer]:
        """None where the kernel could not be asked."""
        try:
            answers = await answering
        except KernelError as error:
            self._fail(str(error))
            return ()
        for answer in answers:
            if isinstance(answer, Refusal):
                self._fail(answer.message)
        return answers

    def _fail(self, sentence: str) -> None:
        self._failed = True
        self._wrong(sentence)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._wake()

    def _warn(self, here: Place) -> None:
        for link in here.links:
            for sentence in self._ground.hindrances(link):
                self._wrong(sentence)

    # --- announcements ------------------------------------------------------------------------------------------------

    async def _campaign(self, interface: str, vips: Sequence[Vip], said: asyncio.Event) -> None:
        """said: when every address was told of, or never will be."""
        now = asyncio.get_running_loop().time
        state = campaign(now())
        try:
            while state.due is not None:
                await asyncio.sleep(state.due - now())
                state, numbers = announce(state, self._plan, len(vips), now())
                await self._say(interface, [vips[number] for number in numbers])
                said.set()
        finally:
            said.set()

    async def _say(self, interface: str, vips: list[Vip]) -> None:
        try:
            refusal = await self._ground.announce(interface, [vip.address for vip in vips])
        except KernelError as error:
            self._wrong(str(error))
            return
        if refusal is not None:
            self._wrong(refusal.message)

    def _be_silent(self) -> None:
        if self._announcing is not None:
            self._announcing.cancel()
            self._announcing = None
        self._said.set()
