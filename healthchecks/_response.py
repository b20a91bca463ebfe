"""One HTTP/1 response read from pieces, within bounds; how it was cut into pieces never matters.

llhttp (through httptools) parses. It is strict, and so are we, but for one thing: lines that end in a bare LF are
read, because old servers behind a director send them.
"""

from __future__ import annotations

from collections.abc import Container

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD = 32768
"""Bytes in which the status line and all headers must end, interim (1xx) responses before them included."""

MAX_HEADERS = 256

MAX_BODY = 65536
"""Bytes of body that are read. What lies beyond is neither awaited nor matched."""

MAX_RAW = MAX_HEAD + 8 * MAX_BODY
"""Bytes in which all that must arrive, so that chunk extensions or trailers without end are no way around."""

_FRAMING_LENGTHS = (len("content-length"), len("transfer-encoding"))
_WITHOUT_BODY = frozenset({101, 204, 304})


class Garbage(Exception):
    """This is not a complete HTTP response; the message says why."""


class Response:
    """Feed it until `done`. status: 0 until it is known.

    accepted: the statuses for which the body matters; any other ends the reading. bodiless: the request was HEAD.
    keep_headers: remember the headers, for a trace.
    """

    __slots__ = (
        "_accepted",
        "_bodiless",
        "_fed",
        "_framed",
        "_parser",
        "_too_many",
        "body",
        "count",
        "done",
        "headers",
        "status",
    )

    def __init__(self, *, accepted: Container[int], bodiless: bool = False, keep_headers: bool = False) -> None:
        self._accepted = accepted
        self._bodiless = bodiless
        self._fed = 0
        self._framed = False  # the end of the body is announced, so a close before it is a cut
        self._too_many = False
        self.status = 0
        self.done = False
        self.count = 0
        self.headers: list[tuple[bytes, bytes]] | None = [] if keep_headers else None
        self.body = bytearray()
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)

    def feed(self, data: bytes) -> None:
        """Take the next bytes (not b""). Raises Garbage."""
        if not self._fed and data[0] != 0x48:  # "H": llhttp would also take RTSP/, ICE/ and leading blank lines
            raise Garbage("not HTTP")
        if not self.status:
            data = self._parse(data, MAX_HEAD)
            if not self.status and self._fed == MAX_HEAD:
                raise Garbage(f"more than {MAX_HEAD} bytes of headers")
        if data and not self.done:
            self._parse(data, MAX_RAW)
            if not self.done and self._fed == MAX_RAW:
                raise Garbage(f"no end of the body in {MAX_RAW} bytes")

    def end(self) -> None:
        """The far end has closed. Raises Garbage if that came too early."""
        if self.done:
            return
        if not self.status:
            raise Garbage("closed in the middle of the headers" if self._fed else "closed without an answer")
        if self._framed:
            raise Garbage("closed in the middle of the body")
        self.done = True

    def _parse(self, data: bytes, limit: int) -> bytes:
        """Parse up to `limit` bytes of the whole response; returns what lies beyond."""
        room = limit - self._fed
        rest = b""
        if len(data) > room:
            data, rest = data[:room], data[room:]
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # 101: the headers have said it all
        except HttpParserError as error:
            if not self.done:  # what follows a complete response does not concern us
                raise Garbage(f"more than {MAX_HEADERS} headers" if self._too_many else f"not HTTP: {error}") from None
        return rest

    # --- called by the parser ---

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.done:
            return
        self.count += 1
        if self.count > MAX_HEADERS:
            self._too_many = True
            raise Garbage
        if self.headers is not None:
            self.headers.append((name, value))
        if self.status or len(name) not in _FRAMING_LENGTHS:
            return
        name = name.lower()
        if name == b"content-length" or (name == b"transfer-encoding" and value.strip().lower().endswith(b"chunked")):
            self._framed = True

    def on_headers_complete(self) -> None:
        if self.done:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._framed = False  # interim: the real one follows
            return
        self.status = status
        self.done = self._bodiless or status in _WITHOUT_BODY or status not in self._accepted

    def on_body(self, data: bytes) -> None:
        if self.done or not self.status:
            return
        self.body += data[: MAX_BODY - len(self.body)]
        self.done = len(self.body) == MAX_BODY

    def on_message_complete(self) -> None:
        self.done = self.done or self.status != 0
