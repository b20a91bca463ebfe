"""The response reader, fuzzed: only a verdict or Garbage comes out, and how the bytes were cut never matters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from healthchecks._response import MAX_BODY, MAX_HEAD, MAX_HEADERS, MAX_RAW, Garbage, Response

OK = frozenset(range(200, 400))


@dataclass(frozen=True)
class Read:
    """Everything that a verdict can rest on."""

    garbage: str = ""
    done: bool = False
    status: int = 0
    body: bytes = b""


def read(pieces: list[bytes], *, close: bool = True, bodiless: bool = False) -> Read:
    response = Response(accepted=OK, bodiless=bodiless)
    try:
        for piece in pieces:
            if response.done:
                break
            response.feed(piece)
        if close:
            response.end()
    except Garbage as error:
        return Read(garbage=str(error))
    return Read("", response.done, response.status, bytes(response.body))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


LINES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200\r\n",
    b"HTTP/1.1 503 No\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 x\r\n",
    b"HTTP/1.1 101 x\r\nUpgrade: y\r\nConnection: Upgrade\r\n",
    b"HTTP/1.1 304 x\n",
    b"RTSP/1.0 200 OK\r\n",
    b"HTTP/9.9 200\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"content-length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"X:\r\n",
    b" folded\r\n",
    b"X: y\n",
    b"\r\n",
    b"\n",
    b"abc",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"0\r\nT: x\r\n\r\n",
    b"fffffffffffffffffff\r\n",
    b"3;ext=1\r\nabc\r\n",
    b"\0",
    b"\xff",
]
TEXTS = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(LINES), max_size=12).map(b"".join))


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=8), st.booleans())
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n", [38], False)
@example(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", [24], False)
def test_cutting_never_matters(data, places, bodiless):
    whole = read(cut(data, []), bodiless=bodiless)
    assert read(cut(data, places), bodiless=bodiless) == whole
    assert read([bytes([byte]) for byte in data], bodiless=bodiless) == whole
    assert whole.garbage or whole.done


@pytest.mark.parametrize("size", [1, 7, 16384])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b"HTTP/1.1 200 OK\r\n" + b"X-Long: %s\r\n" % (b"y" * MAX_HEAD),
            Read(f"more than {MAX_HEAD} bytes of headers"),
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000, Read(f"more than {MAX_HEADERS} headers")),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 3000, Read(f"more than {MAX_HEAD} bytes of headers")),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (MAX_BODY + 9), Read("", True, 200, b"a" * MAX_BODY)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * MAX_RAW,
            Read(f"no end of the body in {MAX_RAW} bytes"),
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * 1000,
            Read(f"more than {MAX_HEADERS} headers"),
        ),
    ],
    ids=["long header", "many headers", "endless interims", "long body", "endless extension", "endless trailers"],
)
def test_bounds_are_exact_however_it_is_cut(data, expected, size):
    if size == 1:
        data = data[: MAX_HEAD * 4]
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    found = read(pieces, close=False)
    assert found == (expected if len(data) >= MAX_RAW or "no end" not in expected.garbage else Read("", False, 200))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nA: b", "closed in the middle of the headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "closed in the middle of the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "closed in the middle of the body"),
        (b"RTSP/1.0 200 OK\r\n\r\n", "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "not HTTP: Invalid status code"),
    ],
)
def test_garbage_is_named(data, why):
    assert read(cut(data, [])).garbage == why
