"""One epoll and one timer for everybody: who is woken, when, and who is not."""

from __future__ import annotations

import asyncio
import os
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import closing

import looptime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.checks.watcher import Watcher, cancel

pytestmark = pytest.mark.looptime


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def test_a_descriptor_wakes_its_waiter_once_and_again(pair):
    ours, theirs = pair
    with closing(Watcher()) as watcher:
        watch = watcher.watch(ours.fileno())
        await watch.writable()
        for text in (b"one", b"two"):
            ready = watch.readable()
            await asyncio.sleep(0)
            assert not ready.done()
            theirs.send(text)
            await ready
            assert ours.recv(9) == text
        theirs.close()
        await watch.readable()
        assert ours.recv(9) == b""


async def test_a_descriptor_that_was_closed_and_used_again_is_a_new_one(pair):
    with closing(Watcher()) as watcher:
        first = socket.socketpair()
        number = first[0].fileno()
        watch = watcher.watch(number)
        await watch.writable()
        forgotten = watch.readable()
        watch.close()
        for sock in first:
            sock.close()
        second = socket.socketpair()
        assert number in (second[0].fileno(), second[1].fileno())
        await watcher.watch(number).writable()
        assert not forgotten.done()
        for sock in second:
            sock.close()


async def test_a_copy_of_a_closed_descriptor_wakes_nobody(pair):
    """A child that is being started holds copies of all descriptors, which keeps them in the epoll."""
    ours, theirs = pair
    with closing(Watcher()) as watcher:
        watch = watcher.watch(ours.fileno())
        number = ours.fileno()
        gave_up = watch.readable()
        gave_up.cancel()
        copy = os.dup(number)
        watch.close()
        ours.close()
        second = socket.socketpair()
        assert number in (second[0].fileno(), second[1].fileno())
        waiter = watcher.watch(number)
        ready = waiter.readable()
        theirs.send(b"for the closed one")
        await asyncio.sleep(0.01)
        assert not ready.done()
        waiter.close()
        os.close(copy)
        for sock in second:
            sock.close()


async def test_a_waiter_that_gave_up_is_not_woken(pair):
    ours, theirs = pair
    with closing(Watcher()) as watcher:
        ready = watcher.watch(ours.fileno()).readable()
        ready.cancel()
        theirs.send(b"x")
        await asyncio.sleep(0.01)
        assert ready.cancelled()


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_alarms_ring_in_order_at_their_time_and_cancelled_ones_never(wanted):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        rung: list[tuple[int, float]] = []
        begun = loop.time()
        with closing(Watcher()) as watcher:
            made = [
                watcher.call_at(begun + tenths / 10, lambda tenths: rung.append((tenths, loop.time())), tenths)
                for tenths, _ in wanted
            ]
            for alarm, (_, keep) in zip(made, wanted, strict=True):
                if not keep:
                    cancel(alarm)
            await asyncio.sleep(6)
        assert [tenths for tenths, _ in rung] == sorted(tenths for tenths, keep in wanted if keep)
        assert all(at == pytest.approx(begun + tenths / 10, abs=0.01) for tenths, at in rung)

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(main())


async def test_an_alarm_may_set_others_even_in_the_past():
    loop = asyncio.get_running_loop()
    rung = []
    with closing(Watcher()) as watcher:

        def again(left: int) -> None:
            rung.append(left)
            if left:
                watcher.call_at(loop.time() - 1 if left % 2 else loop.time() + 1, again, left - 1)

        watcher.call_at(loop.time() + 1, again, 4)
        await asyncio.sleep(10)
    assert rung == [4, 3, 2, 1, 0]


async def test_an_alarm_that_fails_does_not_silence_the_others():
    loop = asyncio.get_running_loop()
    caught, rung = [], []
    loop.set_exception_handler(lambda _, context: caught.append(type(context["exception"])))
    with closing(Watcher()) as watcher:
        watcher.call_at(loop.time() + 1, lambda _: 1 // 0, None)
        watcher.call_at(loop.time() + 2, rung.append, "later")
        await asyncio.sleep(3)
    assert (caught, rung) == ([ZeroDivisionError], ["later"])


async def test_cancelled_alarms_do_not_pile_up():
    """A probe of a millisecond leaves its deadline behind, which may be an hour away."""
    loop = asyncio.get_running_loop()
    rung: list[int] = []
    tracemalloc.start()
    try:
        with closing(Watcher()) as watcher:
            watcher.call_at(loop.time() + 5, rung.append, 5)
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(50_000):
                cancel(watcher.call_at(loop.time() + 3, rung.append, 3))
            after, _ = tracemalloc.get_traced_memory()
            assert after - before < 1_000_000
            await asyncio.sleep(4)
            assert rung == []
            await asyncio.sleep(2)
            assert rung == [5]
    finally:
        tracemalloc.stop()


async def test_late_is_how_long_the_alarms_were_held_up_and_not_how_far_back_they_were_set():
    loop = asyncio.get_running_loop()
    late = []
    with closing(Watcher()) as watcher:
        watcher.call_at(loop.time() - 60, lambda _: late.append(watcher.late), None)
        await asyncio.sleep(1)
    assert late == [pytest.approx(0, abs=0.01)]


async def test_closing_leaves_nothing():
    before = os.listdir("/proc/self/fd")
    watcher = Watcher()
    rung = []
    watcher.call_at(asyncio.get_running_loop().time() + 1, rung.append, "never")
    watcher.close()
    await asyncio.sleep(5)
    assert rung == []
    assert os.listdir("/proc/self/fd") == before
