"""The provider `keepalived`: the role as a keepalived on this host tells it, by its FIFO or by its notify script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lvsctl.errors import KernelError, LvsctlError
from lvsctl.model import Interface, Role, Transition, Trouble, Vip
from lvsctl.pair.follower import Follower
from lvsctl.pair.keepalived import Fifo, Notice, NotUnderstood
from lvsctl.pair.tally import Seldom

Look = Callable[[str], Awaitable[Interface | None]]
"""An interface by its name, with its addresses. May raise KernelError."""


class Beside(Follower):
    """Follows one VRRP instance, or one sync group, of a keepalived.

    name: keepalived's, and the instance's name here. group: whether it is a sync group. fifo: keepalived's
    vrrp_notify_fifo; None where only its script tells. vips: keepalived's virtual addresses. It may be active already
    and has nothing to tell then: where all of them are there when this starts, the role is active until it tells.
    """

    def __init__(
        self,
        name: str,
        *,
        group: bool = False,
        fifo: Path | None,
        vips: Sequence[Vip],
        look: Look,
        told: Callable[[Transition], None],
        wrong: Callable[[Trouble], None],
    ) -> None:
        super().__init__(name, told)
        self._group = group
        self._fifo = Fifo(fifo, told=self.notified, wrong=self._misunderstood) if fifo else None
        self._vips = vips
        self._look = look
        self._wrong = wrong
        self._seldom = Seldom()

    async def run(self) -> None:
        """Raises LvsctlError where there can be no such FIFO."""
        if self._fifo is not None:
            self._fifo.open()
        try:
            await self._presume()
            await self._stopping.wait()
        finally:
            if self._fifo is not None:
                self._fifo.close()
            self._become(None, "stopped")

    def release(self) -> None:
        raise LvsctlError("the role comes from keepalived: to hand over, lower its priority or stop it")

    def notified(self, notice: Notice) -> None:
        """keepalived has told this, by whatever way."""
        if (notice.name, notice.group) == (self._name, self._group):
            self._become(notice.role, f"keepalived is in state {notice.state}", notice.priority)

    async def _presume(self) -> None:
        """Unless keepalived was faster."""
        try:
            interfaces = {name: await self._look(name) for name in dict.fromkeys(vip.interface for vip in self._vips)}
        except KernelError as error:
            self._wrong(Trouble(self._name, str(error)))
            return
        if self._role is None and self._vips:
            there = all((found := interfaces[vip.interface]) and found.holds(vip.address) for vip in self._vips)
            why = "its addresses are here" if there else "its addresses are not here"
            self._become(Role.ACTIVE if there else Role.STANDBY, why)

    def _misunderstood(self, error: LvsctlError) -> None:
        kind = "no transition" if isinstance(error, NotUnderstood) else str(error)
        if times := self._seldom.worth_telling(kind, asyncio.get_running_loop().time()):
            self._wrong(Trouble(self._name, str(error), times))
