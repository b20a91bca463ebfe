"""What follows a role: first the sync daemons, then the hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from lvsctl.daemon.pairing.syncing import Keeper
from lvsctl.decide.syncing import wanted
from lvsctl.model import Role, SyncRole, Transition

PATIENCE = 2.0
"""Seconds that hooks wait for the sync daemons; the kernel answers at once unless something is very wrong."""


class Following:
    """Transitions in the order in which they came; of those that wait, the sync daemons see the outcome alone.

    hook: is called with each transition when they have followed it, or had their time. Must neither block nor raise.
    """

    def __init__(self, keeper: Keeper, hook: Callable[[Transition], None]) -> None:
        self._keeper = keeper
        self._hook = hook
        self._roles: dict[str, Role | None] = {}
        self._waiting: list[Transition] = []
        self._closing = False
        self._leaving: AbstractSet[SyncRole] | None = None
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="pair: following")

    def became(self, transition: Transition) -> None:
        """An instance has this role, and its addresses are where they belong."""
        self._roles[transition.instance] = transition.role
        self._waiting.append(transition)
        self._awake.set()

    def leave(self, running: AbstractSet[SyncRole]) -> None:
        """The daemon ends: these go on, if this director has taken part at all."""
        if any(role is not None for role in self._roles.values()):
            self._leaving = running

    async def close(self) -> None:
        """What was told is followed before this returns, or has had its time."""
        self._closing = True
        self._awake.set()
        if self._task is not None:
            await self._task
        await self._keeper.close()

    async def _run(self) -> None:
        while self._awake.is_set() or not self._closing:
            await self._awake.wait()
            await self._follow()

    async def _follow(self) -> None:
        self._awake.clear()
        told, self._waiting = self._waiting, []
        if self._roles:
            want = wanted(self._roles.values()) if self._leaving is None else self._leaving
            await self._keeper.follow(want, patience=PATIENCE)
        for transition in told:
            self._hook(transition)
