"""The addresses of one instance follow its role: on the interface while it is active, announced, and off it else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from lvsctl.decide.announcing import announce, campaign
from lvsctl.errors import KernelError
from lvsctl.model import Announcing, Effect, Instance, Interfaces, LinkAnswer, Refusal, Role, Transition, Vip
from lvsctl.pair.ground import Ground

RETRY: Final = 1.0
"""Seconds after which addresses that could not be moved are tried again."""


class Mover:
    """told: called with each transition, in their order, when the addresses are moved and announced, or could not be.

    Of several transitions that came at once the last one decides where the addresses go. Both callbacks must neither
    block nor raise; wrong: in words what could not be done.
    """

    def __init__(
        self,
        instance: Instance,
        ground: Ground,
        plan: Announcing,
        *,
        told: Callable[[Transition], None],
        wrong: Callable[[str], None],
    ) -> None:
        self._interface = instance.interface
        self._vips = tuple(Vip(address.ip, instance.interface) for address in instance.addresses)
        self._ground = ground
        self._plan = plan
        self._told = told
        self._wrong = wrong
        self._wanted = False
        self._due: list[Transition] = []
        self._announce = False
        self._awake = asyncio.Event()
        self._said = asyncio.Event()
        self._idle = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None
        self._awake.set()  # addresses of an earlier life are taken off

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
        interface = interfaces.get(self._interface)
        if interface is not None and any(interface.holds(vip.address) is not self._wanted for vip in self._vips):
            self._wake()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._idle.set()
                await self._awake.wait()
                self._awake.clear()
                await self._settle()
        finally:
            self._be_silent()

    async def settled(self) -> None:
        """When everything that is known of has been done, once."""
        while self._awake.is_set() or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)

    def _wake(self) -> None:
        self._idle.clear()
        self._awake.set()

    async def _settle(self) -> None:
        due, self._due = self._due, []
        wanted = self._wanted
        answers = await self._move(wanted)
        there = [vip for vip, answer in zip(self._vips, answers, strict=False) if isinstance(answer, Effect)]
        if wanted and self._wanted and there and (self._announce or Effect.CHANGED in answers):
            self._announce = False
            self._be_silent()
            self._said.clear()
            self._announcing = asyncio.create_task(self._campaign(there))
            await self._said.wait()
        for transition in due:
            self._told(transition)

    async def _move(self, wanted: bool) -> Sequence[LinkAnswer]:
        """One answer for each address; none where the kernel could not be asked."""
        try:
            answers = await (self._ground.add(self._vips) if wanted else self._ground.remove(self._vips))
        except KernelError as error:
            self._failed(str(error))
            return ()
        for answer in answers:
            if isinstance(answer, Refusal):
                self._failed(answer.message)
        return answers

    def _failed(self, sentence: str) -> None:
        self._wrong(sentence)
        asyncio.get_running_loop().call_later(RETRY, self._awake.set)

    async def _campaign(self, vips: Sequence[Vip]) -> None:
        now = asyncio.get_running_loop().time
        state = campaign(now())
        try:
            while state.due is not None:
                await asyncio.sleep(state.due - now())
                state, numbers = announce(state, self._plan, len(vips), now())
                await self._say([vips[number] for number in numbers])
                self._said.set()
        finally:
            self._said.set()

    async def _say(self, vips: list[Vip]) -> None:
        try:
            refusal = await self._ground.announce(self._interface, [vip.address for vip in vips])
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
