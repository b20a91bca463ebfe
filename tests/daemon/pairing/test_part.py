"""A provider at work: begun anew where it fails, and bounded in time when it is to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from lvsctl.daemon.pairing import part
from lvsctl.daemon.pairing.part import Part
from lvsctl.errors import LvsctlError
from lvsctl.model import Role, Trouble
from tests.daemon.pairing.scene import until


class Actor:
    """A provider that works for so many seconds, and then fails."""

    def __init__(self, seconds: float, *, error: Exception, deaf: bool = False) -> None:
        self.seconds = seconds
        self._error = error
        self._deaf = deaf
        self._stop = asyncio.Event()

    async def run(self) -> None:
        if self._deaf:
            await asyncio.Event().wait()
        try:
            async with asyncio.timeout(self.seconds):
                await self._stop.wait()
        except TimeoutError:
            raise self._error from None

    def stop(self) -> None:
        self._stop.set()

    def role(self, instance: str) -> Role | None:
        return None

    def set_priority(self, instance: str, priority: int) -> None: ...

    def release(self) -> None: ...


async def nothing_left() -> None:
    """Nothing had to be cleared."""


def cast(
    *actors: Actor, clear: Callable[[], Awaitable[None]] = nothing_left
) -> tuple[Part, list[Actor], list[Trouble]]:
    """The part, who has played in it, and what was told."""
    waiting: Iterator[Actor] = iter(actors)
    played: list[Actor] = []
    told: list[Trouble] = []

    def make() -> Actor:
        played.append(next(waiting))
        return played[-1]

    return Part("vrrp", make, told.append, clear), played, told


GONE = LvsctlError("the process that speaks VRRP ended: killed by signal 9")


async def test_one_that_has_worked_is_begun_anew_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its addresses may still be here."""
    monkeypatch.setattr(part, "AGAIN", 0.01)
    made, played, told = cast(Actor(0.05, error=GONE), Actor(0.05, error=GONE), Actor(99, error=GONE))
    made.start()
    await until(lambda: len(played) == 3)
    assert [trouble.what for trouble in told] == [str(GONE), str(GONE)], "it went well in between"
    assert made.trouble == ""
    await made.closed()


async def test_one_that_fails_at_its_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "AGAIN", 30.0)
    made, played, told = cast(Actor(0, error=GONE), Actor(99, error=GONE))
    made.start()
    await until(lambda: bool(told))
    assert (len(played), made.trouble, made.provider) == (1, str(GONE), None)
    await made.closed()


async def test_what_one_that_fails_has_left_is_cleared_at_once_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether another one can be begun or not; one that ends in good order leaves nothing."""
    monkeypatch.setattr(part, "AGAIN", 30.0)
    cleared: list[str] = []

    async def clear() -> None:
        cleared.append(made.trouble)

    made, _, _ = cast(Actor(0, error=GONE), clear=clear)
    made.start()
    await until(lambda: cleared == [str(GONE)])
    await made.closed()
    good, played, _ = cast(Actor(99, error=GONE), clear=clear)
    good.start()
    await until(lambda: bool(played))
    await good.closed()
    assert cleared == [str(GONE)]


async def test_a_bug_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "AGAIN", 0.0)
    made, played, told = cast(Actor(0.01, error=ZeroDivisionError()), Actor(99, error=GONE))
    made.start()
    await until(lambda: len(played) == 2)
    assert [trouble.what for trouble in told] == ["a bug in lvsctl: its log says more"]
    await made.closed()


async def test_one_that_does_not_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "FAREWELL", 0.02)
    made, played, _ = cast(Actor(0, error=GONE, deaf=True))
    made.start()
    await until(lambda: bool(played))
    async with asyncio.timeout(20):
        await made.closed()
