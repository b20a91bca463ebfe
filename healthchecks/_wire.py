"""One TCP connection of one probe, on a bare socket: no transport, no protocol, no buffers.

What the far end or the network does is an answer and raises `Failed`. What this machine cannot do (no file
descriptor, no route, no source address) is no answer and raises `CannotAsk`. An error that `connect` reports at once
comes from this machine, before anything was sent, unless only a far end can cause it; an error that arrives later is
the network's. So a network unreachable for want of a route here moves no traffic, and one that a router reports does.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from lvsctl.checkapi import Ask, CannotAsk

CHUNK = 16384
"""The most that `receive` returns at once, in bytes."""

_THEIRS_AT_ONCE = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT})  # a route may be `unreachable`
_OURS_LATER = frozenset({errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EACCES})

Given = TypeVar("Given")
Done = TypeVar("Done")


class Failed(Exception):
    """The target failed the check. code and detail: as in Outcome."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Wire:
    """A connection to `ask.target`. Close it in `finally`; nothing else has to be undone."""

    __slots__ = ("_ask", "_secure", "_sock", "_watch")

    def __init__(self, ask: Ask[Any]) -> None:
        self._ask: Ask[Any] = ask
        self._secure = False
        family = socket.AF_INET if ask.target.address.version == 4 else socket.AF_INET6
        try:
            self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise CannotAsk(f"no socket: {_reason(error)}") from error
        self._watch = ask.watch(self._sock.fileno())

    async def connect(self) -> None:
        """Connect. Raises Failed (L4CON, L4TOUT) for an answer, CannotAsk for a fault of this machine."""
        target = self._ask.target
        self._ask.note("connecting")
        number = self._sock.connect_ex((str(target.address), target.port))
        if number == errno.EINPROGRESS:
            await self._watch.writable()
            number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        elif number and number not in _THEIRS_AT_ONCE:
            raise CannotAsk(f"cannot connect from this machine: {os.strerror(number)}")
        if number:
            raise Failed("L4TOUT" if number == errno.ETIMEDOUT else "L4CON", os.strerror(number))
        if self._ask.trace is not None:
            self._ask.note(f"connected from {self._sock.getsockname()[0]}")

    async def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Do the TLS handshake. name: for SNI and verification. Raises Failed (L6RSP) with a reason for people."""
        try:
            if number := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, os.strerror(number))  # wrapping one that was reset would lose its descriptor
            secured = context.wrap_socket(self._sock, server_hostname=name, do_handshake_on_connect=False)
            self._sock, self._secure = secured, True
            await self._patiently(_shake_hands, secured, self._watch.readable)
        except ssl.SSLCertVerificationError as error:
            raise Failed("L6RSP", f"certificate not accepted for {name}: {error.verify_message}") from error
        except OSError as error:
            raise Failed("L6RSP", f"TLS handshake failed: {_reason(error)}") from error
        if self._ask.trace is not None:
            _note_session(self._ask, secured)

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises Failed (L7RSP) when the connection breaks."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[await self._patiently(self._sock.send, rest, self._watch.writable) :]
        except OSError as error:
            raise _broken(error, "sending") from error

    async def receive(self) -> bytes:
        """Some bytes, or b"" when the far end has closed. Raises Failed (L7RSP) when the connection breaks."""
        try:
            if not self._secure:  # TLS may hold more already; else nothing can be there yet: no need to try
                await self._watch.readable()
            return await self._patiently(self._sock.recv, CHUNK, self._watch.readable)
        except OSError as error:
            raise _broken(error, "waiting for the answer") from error

    def close(self) -> None:
        """Release the descriptor, without a TLS farewell and without reading on."""
        self._watch.close()
        self._sock.close()

    async def _patiently(
        self, call: Callable[[Given], Done], given: Given, wait: Callable[[], Awaitable[None]]
    ) -> Done:
        """Call until it need not wait. wait: what a plain socket then waits for; TLS says itself what it needs."""
        while True:
            try:
                return call(given)
            except ssl.SSLWantReadError:
                await self._watch.readable()
            except ssl.SSLWantWriteError:
                await self._watch.writable()
            except BlockingIOError:
                await wait()


def _shake_hands(secured: ssl.SSLSocket) -> None:
    secured.do_handshake()


def _broken(error: OSError, doing: str) -> Exception:
    if error.errno in _OURS_LATER:
        return CannotAsk(f"{_reason(error)} while {doing}")
    return Failed("L7RSP", f"{_reason(error)} while {doing}")


def _reason(error: OSError) -> str:
    """Words for people: OpenSSL's own reason in lower case, or the system's."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or error.strerror or "protocol error").replace("_", " ").lower()
    return error.strerror or type(error).__name__


def _note_session(ask: Ask[Any], secured: ssl.SSLSocket) -> None:
    cipher = secured.cipher()
    ask.note(f"{secured.version()} {cipher[0] if cipher else ''}")
    certificate: dict[str, Any] | None = secured.getpeercert()
    if not certificate:
        ask.note("certificate not verified")
        return
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    names += [value for _, value in certificate.get("subjectAltName", ())]
    ask.note(f"certificate of {', '.join(names)}, valid until {certificate.get('notAfter')}")
