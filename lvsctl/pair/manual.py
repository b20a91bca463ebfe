"""The provider `manual`: the role is what somebody says it is, an operator, a cluster manager or a cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lvsctl.model import Role, Transition


class Manual:
    """One instance (see `RoleProvider`). role: to begin with, as it was last said."""

    def __init__(self, name: str, *, role: Role, told: Callable[[Transition], None]) -> None:
        self._name = name
        self._beginning = role
        self._role: Role | None = None
        self._told = told
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        self._become(self._beginning, "started")
        try:
            await self._stopping.wait()
        finally:
            self._become(None, "stopped")

    def stop(self) -> None:
        self._stopping.set()

    def role(self, instance: str) -> Role | None:
        if instance != self._name:
            raise KeyError(instance)
        return self._role

    def set_priority(self, instance: str, priority: int) -> None:
        """Ignored."""

    def release(self) -> None:
        self.say(Role.STANDBY)

    def say(self, role: Role) -> None:
        """What it is from now on; before `run`, what it begins with."""
        if self._role is None:
            self._beginning = role
        else:
            self._become(role, "ordered")

    def _become(self, role: Role | None, why: str) -> None:
        if role is not self._role:
            previous, self._role = self._role, role
            self._told(Transition(self._name, role, previous, why))
