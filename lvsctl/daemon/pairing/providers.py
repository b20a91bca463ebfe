"""How each provider of a role is made, with what it needs of the kernel and of the state directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from lvsctl.daemon.ground import KernelGround
from lvsctl.daemon.pairing import said
from lvsctl.daemon.pairing.alone import Alone
from lvsctl.errors import KernelError, LvsctlError
from lvsctl.model import Interface, LinkAnswer, PairSpec, Provider, Refusal, Role, Transition, Trouble
from lvsctl.pair.apart import Apart
from lvsctl.pair.beside import Beside
from lvsctl.pair.clearing import cleared, emptied
from lvsctl.pair.ground import Ground
from lvsctl.pair.manual import Manual
from lvsctl.pair.numbers import Numbers, no_number
from lvsctl.pair.provider import RoleProvider
from lvsctl.pair.speaker import Speaker

Told = Callable[[Transition], None]
Wrong = Callable[[Trouble], None]


class OpenGround(Ground, Protocol):
    """A ground that somebody has to close."""

    async def look(self, name: str) -> Interface | None:
        """The interface with its addresses; None if there is none of this name. May raise KernelError."""

    async def close(self) -> None:
        """Release what it holds."""


class Providers:
    """directory: in which they keep what outlives a restart.

    ground: where they stand, in the loop of who asks; by default on the kernel's, with a process for the speaker.
    alone: for whoever speaks VRRP there.
    """

    def __init__(self, directory: Path, ground: OpenGround | None = None, alone: Alone | None = None) -> None:
        self.ground = KernelGround() if ground is None else ground
        self._alone = Alone() if alone is None else alone
        self._apart = ground is None
        self.role_file = directory / "role.json"
        self._numbers = directory / "vrrp-numbers"

    def make(self, spec: PairSpec, told: Told, wrong: Wrong) -> RoleProvider:
        """The one that `spec` asks for. Raises LvsctlError where it lacks something that may come."""
        match spec.provider:
            case Provider.VRRP:
                self._alone.hold()
                return self._speaker(spec, told, wrong)
            case Provider.KEEPALIVED:
                return self._beside(spec, told, wrong)
            case Provider.MANUAL:
                return Manual(spec.name, role=self._said(spec, wrong), told=told)

    async def clear(self, spec: PairSpec | None, wrong: Wrong) -> None:
        """Take off the addresses that an earlier life has left on the interfaces, those that left conf.d among them.

        One that was killed could not, and while nobody speaks for them here somebody else has them by now. While
        another lvsctl speaks in this network namespace nothing is: they may be its own.

        A keepalived that became active meanwhile takes what it finds for its own; its word is not the mark's. It sees
        them go, and puts its own there at once (tests/pair/test_clearing.py).
        """
        if not self._may_clear(spec):
            return
        for instance in spec.instances if spec is not None else ():
            await _told(instance.name, cleared(instance, self.ground), wrong)
        await _told(Provider.VRRP, emptied(self.ground), wrong)

    async def close(self) -> None:
        self._alone.release()
        await self.ground.close()

    def _may_clear(self, spec: PairSpec | None) -> bool:
        if spec is None or spec.provider is not Provider.VRRP:
            self._alone.release()
            return not self._alone.is_disturbed()
        try:
            self._alone.hold()
        except LvsctlError:  # `make` tells
            return False
        return True

    def _speaker(self, spec: PairSpec, told: Told, wrong: Wrong) -> Speaker | Apart:
        numbers = self._numbers if any(instance.keys for instance in spec.instances) else None
        if self._apart:
            return Apart(spec.instances, told=told, wrong=wrong, announcing=spec.announcing, numbers=numbers)
        number = Numbers(numbers) if numbers is not None else no_number
        return Speaker(spec.instances, self.ground, told=told, wrong=wrong, number=number, announcing=spec.announcing)

    def _beside(self, spec: PairSpec, told: Told, wrong: Wrong) -> Beside:
        followed = spec.follows
        assert followed is not None  # noqa: S101 - conf.d names one
        return Beside(
            followed.name,
            group=followed.group,
            fifo=Path(followed.fifo) if followed.fifo else None,
            vips=followed.vips,
            look=self.ground.look,
            told=told,
            wrong=wrong,
        )

    def _said(self, spec: PairSpec, wrong: Wrong) -> Role:
        try:
            return said.read(self.role_file)
        except LvsctlError as error:
            wrong(Trouble(spec.name, str(error)))
            return Role.STANDBY


async def _told(name: str, clearing: Awaitable[Sequence[LinkAnswer]], wrong: Wrong) -> None:
    try:
        answers = await clearing
    except KernelError as error:
        wrong(Trouble(name, str(error)))
        return
    for answer in answers:
        if isinstance(answer, Refusal):
            wrong(Trouble(name, answer.message))


def retake(provider: RoleProvider, spec: PairSpec) -> bool:
    """A speaker goes on with these instances. False: it is none."""
    match provider:
        case Apart() | Speaker():
            provider.take(spec.instances, spec.announcing)
            return True
        case _:
            return False
