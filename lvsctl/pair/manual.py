"""The provider `manual`: the role is what somebody says it is, an operator, a cluster manager or a cloud."""

from __future__ import annotations

from collections.abc import Callable

from lvsctl.model import Role, Transition
from lvsctl.pair.follower import Follower


class Manual(Follower):
    """role: to begin with, as it was last said."""

    def __init__(self, name: str, *, role: Role, told: Callable[[Transition], None]) -> None:
        super().__init__(name, told)
        self._beginning = role

    async def run(self) -> None:
        self._become(self._beginning, "started")
        try:
            await self._stopping.wait()
        finally:
            self._become(None, "stopped")

    def release(self) -> None:
        self.say(Role.STANDBY)

    def say(self, role: Role) -> None:
        """What it is from now on; before `run`, what it begins with."""
        if self._role is None:
            self._beginning = role
        else:
            self._become(role, "ordered")
