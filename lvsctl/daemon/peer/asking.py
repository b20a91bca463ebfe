"""Asks the peer, over one connection that is kept; gives its answer, or why there is none in one line."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from pydantic import ValidationError
from yarl import URL

from lvsctl import __version__
from lvsctl.daemon.peer.wire import LARGEST, NONCE, PATH, SEAL, Answer, is_answer, seal_question
from lvsctl.model import Peer
from lvsctl.model.table import endpoint

SHORTEST = 0.5
"""Seconds that an answer may take, although questions may come faster."""

_CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """why: one line, about the peer."""

    why: str


class Asking:
    """Of one peer. origin: of this director: an answer of its own that is thrown back at it is none."""

    def __init__(self, peer: Peer, origin: str) -> None:
        self._peer = peer
        self._origin = origin
        self._base = f"http://{endpoint(peer.address, peer.port)}"
        self._session = aiohttp.ClientSession(
            # From where the peer expects it: else the kernel might take a service's address as the source.
            connector=aiohttp.TCPConnector(limit=1, local_addr=(str(peer.listen), 0)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"lvsctl/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, known: Mapping[str, str]) -> Answer | NoAnswer:
        """One question, within one interval. known: tokens of the parts that need not be told again."""
        limit = max(self._peer.interval, SHORTEST)
        try:
            async with asyncio.timeout(limit):
                return await self._ask(known)
        except TimeoutError:
            return NoAnswer(f"does not answer within {limit:g} s")
        except aiohttp.ClientConnectorError as error:
            return NoAnswer(f"cannot be reached: {_in_words(error.os_error)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NoAnswer(f"breaks off: {_in_words(error)}")

    async def _ask(self, known: Mapping[str, str]) -> Answer | NoAnswer:
        target = f"{PATH}?{urlencode(known)}" if known else PATH
        nonce = secrets.token_hex(16)
        headers = {NONCE: nonce, SEAL: seal_question(target, nonce, self._peer.keys)}
        url = URL(self._base + target, encoded=True)
        async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                return NoAnswer(_refusal(answer.status))
            body = await _read(answer)
            if body is None:
                return NoAnswer(f"says more than {LARGEST} bytes at once")
            return self._understood(body, nonce, answer.headers.get(SEAL, ""))

    def _understood(self, body: bytes, nonce: str, seal: str) -> Answer | NoAnswer:
        if not is_answer(body, nonce, seal, self._peer.keys):
            return NoAnswer("answers without a signature by a key that is known here: is `key` the same on both?")
        try:
            answer = Answer.model_validate_json(body)
        except ValidationError:
            return NoAnswer(f"says what lvsctl {__version__} does not understand: is it another version?")
        if answer.origin == self._origin:
            return NoAnswer("answers with what this director says itself: is `address` its own?")
        return answer


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body; None if it is too long."""
    found = bytearray()
    while data := await answer.content.read(_CHUNK):
        found += data
        if len(found) > LARGEST:
            answer.close()
            return None
    return bytes(found)


def _refusal(status: int) -> str:
    match status:
        case 403:
            return "does not take this director's signature: is `key` the same on both?"
        case 404:
            return "does not know the question: is it a lvsctl of another version?"
    return f"answers {status}"


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    return "what comes is no HTTP" if isinstance(error, aiohttp.ClientResponseError) else type(error).__name__
