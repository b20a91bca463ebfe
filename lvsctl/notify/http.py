"""One HTTP request to a receiver, and what its answer means."""

from __future__ import annotations

import asyncio
import email.utils
import http
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from lvsctl import __version__
from lvsctl.model import Secret
from lvsctl.notify.aside import Resolver, aside
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from lvsctl.notify.trust import in_words, trust

LONGEST_WAIT = 3600.0
"""Seconds: a receiver that asks for more is asked again after this long all the same."""

_AGAIN = {408, 425, 429}  # of the 4xx: those that say nothing against the request itself
_READ = 64 * 1024  # bytes of an answer, and seconds for them: one that is longer is not worth the wait
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, byte by byte. Only the host may be shown; url, headers and body may hold secrets.

    name: see `Letter`; "" for a part of a whole that nobody else has.
    """

    url: Secret
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    ca_file: str | None = None
    name: str = ""

    @property
    def host(self) -> str:
        return host(self.url)


def host(url: Secret) -> str:
    """The host of a URL, the one part of it that may be shown."""
    try:
        return urlsplit(url.reveal()).hostname or "a URL without a host"
    except ValueError:
        return "a URL that cannot be understood"


class Client:
    """Sends requests for all receivers: one session, without cookies, redirects or proxies from the environment.

    To be made on a running loop. today: tells Unix time, for a Retry-After that is a date.
    """

    def __init__(self, today: Callable[[], float]) -> None:
        self._today = today
        self._trusted: dict[str | None, ssl.SSLContext] = {}
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit_per_host=4, ttl_dns_cache=30, resolver=Resolver()),
            headers={"User-Agent": f"lvsctl/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None),  # the deadline is the whole attempt's
            auto_decompress=False,
            trust_env=False,
        )

    def forget(self) -> None:
        """Read the CA files anew when they are needed next."""
        self._trusted.clear()

    async def close(self) -> None:
        await self._session.close()

    async def post(self, request: Request) -> Outcome:
        """Send it once and say what its answer means."""
        who = request.host
        context = await self._context(request, who)
        if isinstance(context, Later):
            return context
        try:
            url = URL(request.url.reveal(), encoded=True)  # as written: the receiver may have signed it
            async with self._session.post(
                url, data=request.body, headers=request.headers, allow_redirects=False, ssl=context
            ) as answer:
                await _drain(answer)
                return judge(who, answer.status, answer.headers.get("Retry-After"), self._today())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Later(f"{who} {_in_words(error)}")

    async def _context(self, request: Request, who: str) -> ssl.SSLContext | bool | Later:
        """Whom to trust; for a URL without TLS nothing that takes time to read."""
        if not request.url.reveal().lower().startswith("https:"):
            return True
        if (known := self._trusted.get(request.ca_file)) is not None:
            return known
        found = await aside(partial(trust, request.ca_file, who))
        if isinstance(found, ssl.SSLContext):
            self._trusted[request.ca_file] = found
        return found


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a short answer, so that the connection may be used again; what counts has been said in its head."""
    left = _READ
    try:
        async with asyncio.timeout(_PATIENCE):
            while left > 0 and (data := await answer.content.read(left)):
                left -= len(data)
    except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
        left = 0
    if left <= 0:
        answer.close()


def judge(who: str, status: int, retry_after: str | None, today: float) -> Outcome:
    """What a status code means. A redirect is not followed: whom it leads to was never trusted with the secret."""
    if 200 <= status < 300:
        return Taken()
    why = f"{who} answers {status}{_phrase(status)}"
    if status == http.HTTPStatus.GONE:
        return Refused(f"{why}: it wants no more notifications", gone=True)
    if 300 <= status < 400:
        return Later(f"{why}, which is not followed: write the address to which it leads", wait(retry_after, today))
    if 400 <= status < 500 and status not in _AGAIN:
        return Refused(why)
    return Later(why, wait(retry_after, today))


def _phrase(status: int) -> str:
    try:
        return f" ({http.HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def wait(retry_after: str | None, today: float) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as an HTTP date; None if it cannot be understood."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_WAIT)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(until - today, 0.0), LONGEST_WAIT)


def _in_words(error: Exception) -> str:
    """An error without the text of the library, in which the URL may stand."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "cannot be found: its name does not resolve"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as cause):
            return f"cannot be asked: {in_words(cause)}"
        case aiohttp.ClientSSLError():
            return "does not speak TLS as it should"
        case aiohttp.ClientConnectorError(os_error=cause):
            return f"cannot be reached: {in_words(cause)}"
        case aiohttp.ServerDisconnectedError():
            return "closed the connection without an answer"
        case aiohttp.InvalidURL():
            return "cannot be asked: its URL is not valid"
        case aiohttp.ClientResponseError():
            return "answers with something that is not HTTP"
        case OSError():
            return f"broke the connection: {in_words(error)}"
    return f"cannot be asked ({type(error).__name__})"
