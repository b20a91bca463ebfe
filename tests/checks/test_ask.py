"""One question, one deadline: what a kind does -> outcome."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
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
