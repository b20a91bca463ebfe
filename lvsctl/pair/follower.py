"""What the providers have in common that follow somebody else's word: one instance, and the role that was said last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lvsctl.model import Role, Transition


class Follower:
    """Most of a `RoleProvider`; its heirs have `run` and `release`."""

    def __init__(self, name: str, told: Callable[[Transition], None]) -> None:
        self._name = name
        self._told = told
        self._role: Role | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """The addresses stay where whoever decides has them."""
        self._stopping.set()

    def role(self, instance: str) -> Role | None:
        if instance != self._name:
            raise KeyError(instance)
        return self._role

    def set_priority(self, instance: str, priority: int) -> None:
        """Ignored."""

    def _become(self, role: Role | None, why: str, priority: int = 0) -> None:
        if role is not self._role:
            previous, self._role = self._role, role
            self._told(Transition(self._name, role, previous, why, priority))
