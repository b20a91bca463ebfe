"""The stream of what is told: nobody is waited for, and nobody keeps more than his share."""

from __future__ import annotations

import asyncio

import pytest

from lvsctl.daemon import stream as streams
from lvsctl.daemon.stream import Reader, Stream
from lvsctl.model import Level, Record, Told


def told(number: int) -> Told:
    return Told(number, 0.0, Record("drift", Level.WARNING, "somebody else changed the table"))


def numbers(records: list[Told]) -> list[int]:
    return [one.number for one in records]


def no_drop() -> None:
    raise AssertionError("it was not too slow")


async def test_who_comes_later_gets_the_newest_of_what_was() -> None:
    stream = Stream()
    for number in range(1, 2001):
        stream.hear(told(number))
    assert numbers(stream.since(0)) == list(range(1001, 2001))
    assert numbers(stream.since(1998)) == [1999, 2000]
    assert stream.since(2000) == stream.since(5000) == []


async def test_a_reader_gets_everything_from_now_on_and_then_the_end() -> None:
    stream = Stream()
    stream.hear(told(1))
    with stream.follow(no_drop) as reader:
        for number in range(2, 7):
            stream.hear(told(number))
        assert numbers(await reader.take(3)) == [2, 3, 4]
        stream.close()
        assert numbers(await reader.take(3)) == [5, 6]
        assert await reader.take(3) == []
    with stream.follow(no_drop) as late:
        assert await late.take(3) == []


async def test_a_reader_waits_for_news() -> None:
    stream = Stream()
    with stream.follow(no_drop) as reader:
        task = asyncio.create_task(reader.take(10))
        await asyncio.sleep(0)
        assert not task.done()
        stream.hear(told(1))
        assert numbers(await task) == [1]


async def test_a_reader_who_is_too_slow_is_dropped_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BACKLOG", 3)
    stream, dropped = Stream(), []
    with stream.follow(lambda: dropped.append("slow")) as slow, stream.follow(no_drop) as quick:
        for number in range(1, 7):
            stream.hear(told(number))
            assert numbers(await quick.take(10)) == [number]
        assert dropped == ["slow"]
        assert (await slow.take(10), slow.dropped) == ([], 6)


async def test_who_has_left_is_forgotten() -> None:
    stream = Stream()
    with stream.follow(no_drop) as reader:
        pass
    stream.hear(told(1))
    reader.close()
    assert isinstance(reader, Reader)
    assert await reader.take(1) == []
