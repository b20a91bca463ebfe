"""A speaker in a thread of its own: what the loop that awaits it does, or does not do, is nothing to it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface

import pytest

from lvsctl.errors import LvsctlError
from lvsctl.model import Role, Transition, Trouble
from lvsctl.pair.apart import Apart, Told, Wrong
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.speaker import Speaker
from tests.pair.linked import Link, LinkedPort
from tests.pair.making import V3, me
from tests.pair.remembered import ETH0, RememberedGround

FAST = me(V3, interval=0.02)


@dataclass(slots=True)
class Director:
    """An Apart, and what it told. held: the thread has made its speaker, and has not released what that needs."""

    told: list[Transition] = field(default_factory=list)
    wrong: list[Trouble] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    held: bool = False
    broken: LvsctlError | None = None
    apart: Apart = field(init=False)

    def __post_init__(self) -> None:
        self.apart = Apart(self._make, told=self._hear, wrong=self.wrong.append)

    @asynccontextmanager
    async def _make(self, told: Told, wrong: Wrong) -> AsyncIterator[Speaker]:
        if self.broken is not None:
            raise self.broken
        ground = RememberedGround(replace(ETH0, addresses=(ip_interface(f"{FAST.source}/24"),)))
        number = itertools.count(1).__next__
        self.held = True
        try:
            yield Speaker([FAST], ground, told=told, wrong=wrong, number=number)
        finally:
            self.held = False

    def _hear(self, transition: Transition) -> None:
        self.told.append(transition)
        self.threads.add(threading.current_thread().name)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)

    async def until_active(self) -> None:
        await self.until(lambda: bool(self.told) and self.told[-1].role is Role.ACTIVE)


@asynccontextmanager
async def running(director: Director) -> AsyncIterator[Director]:
    task = asyncio.create_task(director.apart.run())
    try:
        yield director
    finally:
        director.apart.stop()
        async with asyncio.timeout(20):
            await task


@pytest.mark.usefixtures("link")
async def test_it_is_a_provider_whose_callbacks_come_to_the_loop_that_awaits_it() -> None:
    async with running(Director()) as director:
        await director.until_active()
        assert director.apart.role("web") is Role.ACTIVE
    assert [transition.role for transition in director.told] == [Role.STANDBY, Role.ACTIVE, None]
    assert director.threads == {threading.current_thread().name}
    assert (director.wrong, director.held) == ([], False)
    assert director.apart.role("web") is None


async def test_adverts_go_out_while_the_loop_does_nothing(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, enough = itertools.count(1), threading.Event()
    carry = link.carry

    def count(datagram: Datagram, sender: LinkedPort | None = None) -> None:
        carry(datagram, sender)
        if next(sent) >= 20:
            enough.set()

    async with running(Director()) as director:
        await director.until_active()
        monkeypatch.setattr(link, "carry", count)
        assert enough.wait(20), "twenty adverts while this thread, and the loop in it, stood still"


@pytest.mark.usefixtures("link")
async def test_what_it_is_asked_and_told_happens_in_its_thread() -> None:
    async with running(Director()) as director:
        await director.until_active()
        assert director.apart.ask(lambda _: threading.current_thread().name, "") == "vrrp"
        director.apart.set_priority("web", 7)
        assert director.apart.ask(lambda speaker: speaker.reports()["web"].state.priority, 0) == 7
        with pytest.raises(KeyError):
            director.apart.role("nobody")
        director.apart.release()
        await director.until(lambda: director.told[-1].role is Role.STANDBY)


@pytest.mark.usefixtures("link")
async def test_one_that_is_stopped_before_it_began_ends() -> None:
    director = Director()
    director.apart.stop()
    async with asyncio.timeout(20):
        await director.apart.run()
    assert not director.held


@pytest.mark.usefixtures("link")
async def test_one_that_is_cancelled_hands_over() -> None:
    director = Director()
    task = asyncio.create_task(director.apart.run())
    await director.until_active()
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait([task])
    assert task.cancelled()
    assert (director.told[-1].role, director.held) == (None, False)


async def test_what_cannot_be_made_is_the_error_of_the_run() -> None:
    director = Director(broken=LvsctlError("no right to open a packet socket"))
    with pytest.raises(LvsctlError, match="no right to open a packet socket"):
        await director.apart.run()
    assert director.apart.ask(lambda _: "an answer", "none") == "none"
