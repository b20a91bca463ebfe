"""Somebody in the peer's place who does not answer as it does: not believed, not waited for, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lvsctl import __version__
from lvsctl.daemon.peer import asking, wire
from lvsctl.daemon.peer.wire import seal_answer
from lvsctl.events import PeerLost
from tests.daemon.peer.making import KEY, OTHER_KEY, A, B, Two, two, until
from tests.listener import listening

TOKENS = {name: name for name in wire.PARTS}
PARTS: dict[str, Any] = {"names": {"web": ["10.0.0.1:80"]}, "verdicts": "u", "services": {"web": "ok"}, "words": []}
GOOD: dict[str, Any] = {
    "wire": 1, "origin": "x", "director": "lvs-x", "version": "9.9", "today": 1.0, "blind": "", "instances": [],
    "tokens": TOKENS, "parts": PARTS,
}  # fmt: skip

Answer = Callable[[str], bytes]
"""What follows on a question with this nonce."""

Then = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What is done with the line after that."""


def http(body: bytes, *, seal: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nX-Lvsctl-Seal: {seal}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def signed(value: Any) -> Answer:
    body = json.dumps(value).encode()
    return lambda nonce: http(body, seal=seal_answer(body, nonce, (KEY,)))


@contextlib.asynccontextmanager
async def in_its_place(
    folder: Path, answer: Answer, then: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
) -> AsyncIterator[Two]:
    """A asks, and gets these bytes; then whatever `then` does with the line."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            nonce = next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith(wire.NONCE))
            writer.write(answer(nonce))
            await writer.drain()
            if then is not None:
                await then(writer)

    async with two(folder) as pair:
        assert pair.pair_a.peer is not None
        async with listening(speak, B, pair.pair_a.peer.port):
            await pair.a.watch.take(pair.pair_a)
            yield pair
            await pair.a.watch.close()


async def test_what_is_signed_and_makes_sense_is_heard(tmp_path: Path) -> None:
    async with in_its_place(tmp_path, signed(GOOD)) as pair:
        await until("it is heard", lambda: pair.a.watch.view().heard is not None)
        view = pair.a.watch.view()
        assert (view.version, view.services, view.common, view.here) == ("9.9", {"web": "ok"}, 1, 1)
        await until("the parts are known", lambda: pair.a.watch.view().counts["heard"] > 3)


NOT_UNDERSTOOD = f"says what lvsctl {__version__} does not understand: is it another version?"
NOT_SIGNED = "answers without a signature by a key that is known here: is `key` the same on both?"
NO_SENSE = "says what makes no sense:"
NOT_TAKEN = "does not take this director's signature: is `key` the same on both?"
BODY = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: http(BODY), NOT_SIGNED),
        (lambda nonce: http(BODY, seal=seal_answer(BODY, nonce, (OTHER_KEY,))), NOT_SIGNED),
        (lambda _: http(BODY, seal=seal_answer(BODY, "7" * 32, (KEY,))), NOT_SIGNED),
        (lambda nonce: http(BODY + b" ", seal=seal_answer(BODY, nonce, (KEY,))), NOT_SIGNED),
        (signed({**GOOD, "wire": 2}), NOT_UNDERSTOOD),
        (signed({**GOOD, "today": "now"}), NOT_UNDERSTOOD),
        (signed({**GOOD, "instances": [{"name": "x", "role": "king", "priority": 1}]}), NOT_UNDERSTOOD),
        (signed({**GOOD, "parts": {**PARTS, "names": [1]}}), NOT_UNDERSTOOD),
        (signed([]), NOT_UNDERSTOOD),
        (signed(json.loads("[" * 500 + "]" * 500)), NOT_UNDERSTOOD),
        (signed({**GOOD, "parts": {**PARTS, "verdicts": "uu"}}), f"{NO_SENSE} not one letter for each server"),
        (signed({**GOOD, "parts": {}}), f"{NO_SENSE} names are neither said nor known"),
        (signed({**GOOD, "parts": {**PARTS, "words": [{}]}}), f"{NO_SENSE} 'stamp'"),
        (lambda _: http(b"", status="404 Not Found"), "does not know the question: is it a lvsctl of another version?"),
        (lambda _: http(b"", status="403 Forbidden"), NOT_TAKEN),
        (lambda _: http(b"", status="500 Internal Server Error"), "answers 500"),
        (lambda _: http(b"", status="302 Found\r\nLocation: http://127.77.0.2/"), "answers 302"),
        (lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "breaks off: what comes is no HTTP"),
        (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "does not answer within 0.5 s"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("hasty")
async def test_what_is_not_believed(tmp_path: Path, answer: Answer, why: str) -> None:
    async with in_its_place(tmp_path, answer) as pair:
        await until("it is told", lambda: pair.a.told)
        assert pair.a.told == [PeerLost(f"{B} {why}")]
        assert pair.a.watch.view().heard is None
        assert pair.a.held == {}


async def test_an_answer_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LARGEST", 2**20)

    async def pour(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"10000\r\n" + bytes(2**16) + b"\r\n")
            await writer.drain()

    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with in_its_place(tmp_path, lambda _: endless, pour) as pair:
        await until("it is told", lambda: pair.a.told)
        assert pair.a.told == [PeerLost(f"{B} says more than {2**20} bytes at once")]


@pytest.mark.usefixtures("hasty")
async def test_an_answer_that_drips_is_not_waited_for(tmp_path: Path) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"1\r\n \r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with in_its_place(tmp_path, lambda _: endless, drip) as pair:
        await until("it is told", lambda: pair.a.told)
        assert pair.a.told == [PeerLost(f"{B} does not answer within 0.5 s")]


@pytest.mark.usefixtures("hasty")
async def test_a_peer_that_is_frozen_is_lost_and_its_return_is_heard(tmp_path: Path) -> None:
    """Its kernel goes on to take connections."""
    frozen = asyncio.Event()
    answer = signed(GOOD)

    async def freeze(_: asyncio.StreamWriter) -> None:
        if frozen.is_set():
            await asyncio.sleep(3600)

    async with in_its_place(tmp_path, lambda nonce: b"" if frozen.is_set() else answer(nonce), freeze) as pair:
        await until("it is heard", lambda: pair.a.watch.view().heard is not None)
        frozen.set()
        await until("it is lost", lambda: pair.a.told)
        assert pair.a.told == [PeerLost(f"{B} does not answer within 0.5 s")]
        frozen.clear()
        await until("it is back", lambda: len(pair.a.told) == 2)


async def test_after_nonsense_everything_is_asked_for_anew(tmp_path: Path) -> None:
    """A peer that was replaced by another under the same address says other things with other tokens."""
    answers = iter([GOOD, {**GOOD, "tokens": {**TOKENS, "names": "new"}, "parts": {}}, GOOD])
    last: list[Answer] = []

    def answer(nonce: str) -> bytes:
        last[:] = [signed(value)] if (value := next(answers, None)) is not None else last
        return last[0](nonce)

    async with in_its_place(tmp_path, answer) as pair:
        await until("it is heard again", lambda: pair.a.watch.view().counts.get("heard", 0) >= 2)
        assert pair.a.watch.view().counts["unheard"] == 1
        assert pair.a.told == []


async def test_the_address_that_the_peer_expects_is_the_one_it_is_asked_from(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        assert pair.pair_a.peer is not None
        listening = socket.create_server((B, pair.pair_a.peer.port))
        listening.setblocking(False)
        await pair.a.watch.take(pair.pair_a)
        async with asyncio.timeout(10):
            line, address = await asyncio.get_running_loop().sock_accept(listening)
        assert address[0] == A
        await pair.a.watch.close()
        line.close()
        listening.close()
