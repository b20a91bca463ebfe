"""Who is not the peer, or does not speak as it does: turned away, counted, told once, and in nobody's way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.daemon.peer import door
from lvsctl.daemon.peer.wire import PATH, seal_question
from lvsctl.events import PairTroubled
from tests.daemon.peer.making import KEY, OTHER_KEY, A, B, Two, two, until

STRANGER = "127.77.0.9"


@contextlib.asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Two]:
    """A is asked by whom the test likes; B stays silent."""
    async with two(folder) as pair:
        await pair.a.watch.take(pair.pair_a)
        await until("A listens", lambda: pair.a.watch.port)
        yield pair


async def line(pair: Two, source: str = B) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(A, pair.a.watch.port, local_addr=(source, 0))


async def said(pair: Two, request: bytes, source: str = B) -> bytes:
    """What comes back until the line is closed."""
    reader, writer = await line(pair, source)
    try:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                writer.write(request)
                await writer.drain()
                return await reader.read()
    finally:
        writer.close()
    return b""


def question(target: str = PATH, nonce: str = "7" * 32, seal: str | None = None, method: str = "GET") -> bytes:
    sealed = seal_question(target, nonce, (KEY,)) if seal is None else seal
    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nX-Lvsctl-Nonce: {nonce}\r\nX-Lvsctl-Seal: {sealed}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


def counted(pair: Two, what: str) -> int:
    return pair.a.watch.view().counts.get(what, 0)


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with listening(tmp_path) as pair:
        assert (await said(pair, question())).startswith(b"HTTP/1.1 200 ")
        assert counted(pair, "told") == 1


@pytest.mark.parametrize(
    ("request_", "status", "why"),
    [
        (question(seal=seal_question(PATH, "7" * 32, (OTHER_KEY,))), b"403", "forged"),
        (question(seal=seal_question(PATH + "?names=x", "7" * 32, (KEY,))), b"403", "forged"),
        (question(seal=seal_question(PATH, "8" * 32, (KEY,))), b"403", "forged"),
        (question(seal=""), b"403", "forged"),
        (question(seal="\u00fc" * 64), b"403", "forged"),
        (question(nonce=""), b"404", "garbage"),
        (question(nonce="7" * 1000), b"404", "garbage"),
        (question("/v2/opinion"), b"404", "garbage"),
        (question("/metrics"), b"404", "garbage"),
        (question(method="POST"), b"404", "garbage"),
        (question(f"{PATH}?{'x' * 100_000}"), b"400", "garbage"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"400", "garbage"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, b"400", "garbage"),
    ],
    ids=["another key", "another question", "another nonce", "no seal", "seal", "no nonce", "long nonce", "version",
         "path", "method", "long line", "TLS", "headers"],
)  # fmt: skip
async def test_what_is_no_question_of_the_peers(tmp_path: Path, request_: bytes, status: bytes, why: str) -> None:
    async with listening(tmp_path) as pair:
        for _ in range(3):
            answer = await said(pair, request_)
            assert not answer or answer.split()[1] == status, answer
            assert b"web" not in answer and len(answer) < 500
        await until("all three are counted", lambda: counted(pair, why) == 3)
        assert len(pair.a.of(PairTroubled)) == 1, "and told once"
        assert counted(pair, "told") == 0
        assert (await said(pair, question())).startswith(b"HTTP/1.1 200 ")


async def test_a_stranger_is_turned_away_before_he_has_said_a_word(tmp_path: Path) -> None:
    async with listening(tmp_path) as pair:
        for _ in range(20):
            assert await said(pair, question(), STRANGER) == b""
        await until("all are counted", lambda: counted(pair, "stranger") == 20)
        told = [one.trouble.what for one in pair.a.of(PairTroubled)]
        assert told == [f"somebody who is not the peer asks for this director's opinion: {STRANGER}"]


async def test_who_says_nothing_is_hung_up_on_and_many_of_them_keep_the_peer_out_no_longer_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PATIENCE", 0.3)
    async with listening(tmp_path) as pair:
        lines = [await line(pair) for _ in range(3 * door.MOST)]
        for _, writer in lines:
            writer.write(b"GET /v1/opinion HTTP/1.1\r\nX-Slow")
        assert (await said(pair, question())).startswith(b"HTTP/1.1 200 "), "there is always room for one more"
        async with asyncio.timeout(10):
            for reader, _ in lines:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        await until("all are counted", lambda: counted(pair, "garbage") == len(lines))
        assert len(pair.a.of(PairTroubled)) == 1
        for _, writer in lines:
            writer.close()


@pytest.mark.parametrize(("late", "told"), [(0.0, True), (0.4, True), (0.5, False), (7.0, False)])
async def test_what_the_peer_gave_up_while_this_director_stood_still_is_no_trouble_of_the_pair(
    tmp_path: Path, late: float, told: bool
) -> None:
    async with listening(tmp_path) as pair:
        pair.a.lag = late
        for _ in range(2 * door.MOST):  # without a turn of the loop: to it these come all at once, and are gone again
            with socket.create_connection((A, pair.a.watch.port), source_address=(B, 0)) as asking:
                asking.sendall(question())
        for _ in range(2):  # the second one is let in when nobody of them is left
            assert (await said(pair, question())).startswith(b"HTTP/1.1 200 ")
        assert (counted(pair, "garbage") > 0, bool(pair.a.of(PairTroubled))) == (told, told)


async def test_a_body_without_an_end_is_not_read(tmp_path: Path) -> None:
    async with listening(tmp_path) as pair:
        reader, writer = await line(pair)
        head = question().replace(b"Connection: close", b"Content-Length: 1000000000000")
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                for _ in range(10_000):
                    writer.write(bytes(2**16))
                    await writer.drain()
                raise AssertionError("600 MB were taken")
        writer.close()


async def test_the_peer_is_heard_through_all_of_it(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.connect()
        await until("B hears A", lambda: pair.b.watch.view().heard is not None)

        async def noise() -> None:
            while True:
                for source in (STRANGER, B):
                    with contextlib.suppress(OSError):
                        _, writer = await line(pair, source)
                        writer.write(b"\0" * 100)
                        writer.close()

        shouting = [asyncio.create_task(noise()) for _ in range(3)]
        heard = pair.b.watch.view().counts["heard"]
        await until("many more answers", lambda: pair.b.watch.view().counts["heard"] > heard + 10)
        for task in shouting:
            task.cancel()
        await asyncio.gather(*shouting, return_exceptions=True)
        assert pair.b.watch.view().lost == ""
        assert len(pair.a.of(PairTroubled)) == 2


async def test_when_it_is_closed_nobody_is_there(tmp_path: Path) -> None:
    async with listening(tmp_path) as pair:
        port = pair.a.watch.port
        reader, writer = await line(pair)
        await until("it is let in", lambda: pair.a.watch.port)
        await pair.a.watch.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((A, port), timeout=1)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                assert await reader.read() == b""
        writer.close()
