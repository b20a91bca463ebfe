"""One question, one deadline: what a kind does -> outcome."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import selectors
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from lvsctl.checkapi import Ask, CannotAsk, Kind, Params
from lvsctl.checks.asking import ask
from lvsctl.model import Outcome, Target

HERE = Target(ip_address("192.0.2.1"), 80)
pytestmark = pytest.mark.looptime


async def put(run, timeout: float = 2.0) -> tuple[str, str, str]:
    outcome = await ask(Kind("odd", "", Params, run), HERE, Params(), timeout)
    return outcome.verdict, outcome.code, outcome.detail


async def test_an_answer_passes_through_as_it_is():
    async def run(asked: Ask[Params]) -> Outcome:
        return asked.failed("L7STS", "no")

    assert await put(run) == ("fail", "L7STS", "no")


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("L4TOUT", "no connection within 2 s"),
        ("L6TOUT", "no TLS handshake within 2 s"),
        ("L7TOUT", "no complete answer within 2 s"),
        ("PROCTOUT", "not done within 2 s"),
        ("ELSE", "no answer within 2 s"),
    ],
)
async def test_the_deadline_is_one_and_total(code, detail):
    """However often something arrives in between."""
    steps = []

    async def run(asked: Ask[Params]) -> Outcome:
        asked.timeout_code = code
        while True:
            await asyncio.sleep(0.7)
            steps.append(asyncio.get_running_loop().time())

    started = asyncio.get_running_loop().time()
    assert await put(run) == ("fail", code, detail)
    assert asyncio.get_running_loop().time() - started == pytest.approx(2.0, abs=0.01)
    assert len(steps) == 2


async def test_an_answer_after_the_deadline_is_no_answer():
    async def run(asked: Ask[Params]) -> Outcome:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(9)
        return asked.passed("L7OK", "late")

    assert await put(run) == ("fail", "L4TOUT", "no connection within 2 s")


class Clock(selectors.DefaultSelector):
    """Goes on while nobody has anything to do, and by as much as a test says that this process was held up."""

    now = 0.0

    def select(self, timeout=None):
        found = super().select(timeout and 0)
        if not found and timeout:
            self.now += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """With descriptors that are real, and such a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=Loop) as made:
        yield made


def hold_up(seconds: float) -> None:
    asyncio.get_running_loop().clock.now += seconds


def held_up(seconds: float, *answers: bytes):
    """A kind that expects an answer in as many pieces, all sent before this process is held up."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def run(asked: Ask[Params]) -> Outcome:
        watch = asked.watch(ours.fileno())
        try:
            for number, answer in enumerate(answers):
                ready = watch.readable()
                if not number:
                    theirs.send(answer)
                    hold_up(seconds)
                await ready
                assert ours.recv(99) == answer
                if number + 1 < len(answers):
                    theirs.send(answers[number + 1])
            if not answers:
                hold_up(seconds)
                await watch.readable()
            return asked.passed("L7OK", "")
        finally:
            watch.close()
            ours.close()
            theirs.close()

    return run


@pytest.mark.looptime(False)
@pytest.mark.parametrize("answers", [(b"one",), (b"one", b"two", b"three")])
def test_an_answer_that_is_there_is_not_late_because_we_were(runner, answers):
    """The process is held up past the deadline while the answer, or the next step to it, waits in the socket."""
    assert runner.run(put(held_up(0.1, *answers), timeout=0.05)) == ("pass", "L7OK", "")


@pytest.mark.looptime(False)
def test_being_held_up_long_does_not_prolong_the_deadline_by_more_than_the_timeout(runner):
    assert runner.run(put(held_up(0.5), timeout=0.02)) == ("fail", "L4TOUT", "no connection within 0.02 s")
    assert runner.get_loop().time() == pytest.approx(0.5 + 0.02)


@pytest.mark.looptime(False)
def test_a_process_that_is_held_up_again_and_again_cannot_ask(runner):
    """Past the deadline, and then past all the time that it got in return: nobody can say that there is no answer."""

    async def run(asked: Ask[Params]) -> Outcome:
        hold_up(0.3)
        asyncio.get_running_loop().call_later(0.02, hold_up, 0.3)
        await asyncio.Event().wait()
        return asked.passed("L7OK", "")

    why = "this process was held up for 0.2 s, longer than the answer may take"
    assert runner.run(put(run, timeout=0.1)) == ("unknown", "ASKERR", why)


async def test_one_that_waits_in_its_cleaning_up_is_cancelled_again():
    async def run(asked: Ask[Params]) -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()
        return asked.passed("L7OK", "")

    begun = asyncio.get_running_loop().time()
    assert await put(run) == ("fail", "L4TOUT", "no connection within 2 s")
    assert asyncio.get_running_loop().time() - begun == pytest.approx(4.0, abs=0.01)
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_a_mess_while_cleaning_up_is_still_the_deadline():
    async def run(asked: Ask[Params]) -> Outcome:
        try:
            await asyncio.sleep(9)
        finally:
            raise CannotAsk("oops")

    assert await put(run) == ("fail", "L4TOUT", "no connection within 2 s")


async def test_what_could_not_be_asked_is_unknown():
    async def run(asked: Ask[Params]) -> Outcome:
        raise CannotAsk("no socket: Too many open files")

    assert await put(run) == ("unknown", "ASKERR", "no socket: Too many open files")


@pytest.mark.parametrize(
    ("bug", "detail"),
    [
        (ZeroDivisionError("division\nby zero"), "bug in check kind odd: ZeroDivisionError: division by zero"),
        (TimeoutError(errno.ETIMEDOUT, "late"), "bug in check kind odd: TimeoutError: [Errno 110] late"),
        (asyncio.CancelledError(), "bug in check kind odd: it cancelled itself"),
        (SystemExit(2), "bug in check kind odd: SystemExit: 2"),
    ],
)
async def test_a_bug_in_a_kind_is_unknown_and_its_traceback_is_for_the_debug_log(bug, detail, caplog):
    async def run(asked: Ask[Params]) -> Outcome:
        raise bug

    with caplog.at_level(logging.DEBUG, logger="lvsctl.checks.asking"):
        assert await put(run) == ("unknown", "ASKERR", detail)
    [record] = [record for record in caplog.records if record.name == "lvsctl.checks.asking"]
    assert (record.levelname, record.getMessage()) == ("DEBUG", "bug in check kind odd")
    assert record.exc_info is not None


async def test_no_outcome_is_a_bug():
    async def run(asked: Ask[Params]):
        return True

    assert await put(run) == ("unknown", "ASKERR", "bug in check kind odd: it returned bool, not an Outcome")


async def test_cancelling_from_outside_passes_through():
    cleaned = []

    async def run(asked: Ask[Params]) -> Outcome:
        try:
            await asyncio.sleep(9)
        finally:
            cleaned.append(True)

    task = asyncio.create_task(put(run))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


async def test_the_trace_is_the_askers_list():
    async def run(asked: Ask[Params]) -> Outcome:
        asked.note("one")
        asked.note("two")
        return asked.passed("L4OK", "")

    trace: list[tuple[float, str]] = []
    outcome = await ask(Kind("odd", "", Params, run), HERE, Params(), 1, trace=trace)
    assert [text for _, text in trace] == ["one", "two"]
    assert 0 <= trace[0][0] <= trace[1][0] <= outcome.latency


async def test_no_descriptor_for_the_asking_itself_is_unknown(monkeypatch):
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def run(asked: Ask[Params]) -> Outcome:
        return asked.passed("L4OK", "")

    monkeypatch.setattr("lvsctl.checks.asking.Watcher", refuse)
    assert await put(run) == ("unknown", "ASKERR", "no epoll: Too many open files")
