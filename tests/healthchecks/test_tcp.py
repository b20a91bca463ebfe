"""tcp: reply -> outcome, on real sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from pydantic import ValidationError

from healthchecks.tcp import KIND, MAX_ANSWER, Params, to_bytes
from lvsctl.checks.runner import ask
from lvsctl.checks.watcher import Watcher
from lvsctl.model import Target
from tests.healthchecks.servers import answer, closed_port, endless, probe, resetting, saying, serving

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"


async def test_a_port_that_accepts_is_up():
    assert await answer(KIND, saying(after=None)) == (PASS, "L4OK", "connected")


async def test_ipv6():
    async with serving(saying(after=None), host="::1") as target:
        assert (await probe(KIND, target)).code == "L4OK"


async def test_a_closed_port_is_down():
    outcome = await probe(KIND, closed_port())
    assert (outcome.verdict, outcome.code, outcome.detail) == (FAIL, "L4CON", "Connection refused")


@pytest.fixture
def full() -> Iterator[Target]:
    """A listener whose backlog is full: further connections get no answer at all."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    yield Target(ip_address("127.0.0.1"), listener.getsockname()[1])
    for sock in (listener, *fillers):
        sock.close()


async def test_a_connection_that_never_comes_is_a_timeout(full: Target):
    outcome = await probe(KIND, full, timeout=1)
    assert (outcome.verdict, outcome.code, outcome.detail) == (FAIL, "L4TOUT", "no connection within 1 s")


NOT_IT = "not the expected answer: "
REPLIES = [
    (
        "the expected text",
        {"send": "PING\r\n", "expect": "PONG"},
        saying(b"+PONG\r\n"),
        (PASS, "L7OK", "the expected answer"),
    ),
    (
        "in pieces",
        {"send": "PING\n", "expect": "PONG"},
        saying(b"+P", b"O", b"NG"),
        (PASS, "L7OK", "the expected answer"),
    ),
    ("a banner", {"expect_regex": "^220 "}, saying(b"220 mail", after=None), (PASS, "L7OK", "the expected answer")),
    ("sent, nothing expected", {"send": "x\\n"}, saying(stay=True), (PASS, "L7OK", "connected, sent 2 bytes")),
    (
        "another text",
        {"send": "PING\n", "expect": "PONG"},
        saying(b"-ERR no\x1b[31m"),
        (FAIL, "L7RSP", NOT_IT + r'"-ERR no\x1b[31m"'),
    ),
    (
        "garbage",
        {"send": "PING\n", "expect_regex": "^OK"},
        saying(b"\xff\xfe\0"),
        (FAIL, "L7RSP", NOT_IT + '"\ufffd\ufffd\\x00"'),
    ),
    ("nothing, then closed", {"send": "a\n", "expect": "b"}, saying(), (FAIL, "L7RSP", "closed without an answer")),
    ("nothing", {"send": "a\n", "expect": "b"}, saying(stay=True), (FAIL, "L7TOUT", "no complete answer within 1 s")),
    (
        "a byte now and then",
        {"expect": "b"},
        endless(b"a", every=0.02),
        (FAIL, "L7TOUT", "no complete answer within 1 s"),
    ),
    (
        "reset",
        {"send": "a", "expect": "b"},
        resetting,
        (FAIL, "L7RSP", "Connection reset by peer while waiting for the answer"),
    ),
]


@pytest.mark.parametrize(
    ("params", "talk", "expected"), [reply[1:] for reply in REPLIES], ids=[reply[0] for reply in REPLIES]
)
async def test_replies(params, talk, expected):
    timeout = 1 if expected[1] == "L7TOUT" else 10
    assert await answer(KIND, talk, timeout=timeout, **params) == expected


async def test_gigabytes_are_read_only_so_far():
    verdict, code, detail = await answer(KIND, endless(b"a" * 65536), expect="b")
    assert (verdict, code) == (FAIL, "L7RSP")
    assert detail == f'not the expected answer in {MAX_ANSWER} bytes: "{"a" * 60}…"'


async def test_a_regular_expression_that_runs_away_is_stopped():
    reply = saying(b"a" * 4000 + b"!", after=None)
    assert await answer(KIND, reply, expect_regex="(a+)+$") == (
        FAIL,
        "L7RSP",
        "the regular expression takes too long on this answer",
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"expect": "a", "expect_regex": "b"}, "expect and expect_regex cannot both be given"),
        ({"expect_regex": "a("}, "not a regular expression: missing ), unterminated subpattern at position 1"),
        ({"send": r"a\q"}, r"unknown escape \q; known are \r \n \t \0 \\ \xHH"),
        ({"expect": ""}, "String should have at least 1 character"),
        ({"sned": "a"}, "Extra inputs are not permitted"),
    ],
)
def test_refused_parameters(params, message):
    with pytest.raises(ValidationError) as refusal:
        Params(**params)
    assert refusal.value.errors()[0]["msg"].removeprefix("Value error, ") == message


def test_escapes():
    assert to_bytes(r"é\r\n\x00\xff\\n") == "é".encode() + b"\r\n\0\xff\\n"


def test_params_are_values():
    assert Params(send="a", expect="b") == Params(send="a", expect="b")
    assert len({Params(send="a"), Params(send="a")}) == 1


# --- what this machine cannot do is no answer ---


async def test_no_descriptor_is_unknown():
    target = closed_port()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    watcher = Watcher()
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(socket.socket())
        outcome = await ask(KIND, target, Params(), 1, watcher=watcher)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for sock in taken:
            sock.close()
        watcher.close()
    assert (outcome.verdict, outcome.code, outcome.detail) == (UNKNOWN, "ASKERR", "no socket: Too many open files")


OURS = [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES, errno.ENOBUFS]
OURS += [errno.EAGAIN, errno.EINVAL]
THEIRS = [errno.ECONNREFUSED, errno.ETIMEDOUT, errno.ECONNRESET]


@pytest.mark.parametrize("number", [*OURS, *THEIRS], ids=errno.errorcode.get)
async def test_whose_fault_an_error_of_connect_is(monkeypatch, number):
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: number)
    outcome = await probe(KIND, closed_port())
    assert outcome.verdict == (UNKNOWN if number in OURS else FAIL)
    assert outcome.code == ("ASKERR" if number in OURS else "L4TOUT" if number == errno.ETIMEDOUT else "L4CON")


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES], ids=errno.errorcode.get)
async def test_what_the_network_reports_later_is_an_answer(monkeypatch, number):
    """A router's "unreachable" comes after EINPROGRESS; a missing route of our own never gets that far."""
    monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: number)
    async with serving(saying(after=None)) as target:
        assert (await probe(KIND, target)).code == "L4CON"


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
async def test_no_route_is_unknown_on_a_real_kernel(netns):
    outcome = await probe(KIND, Target(ip_address("192.0.2.1"), 80))
    assert outcome.detail == "cannot connect from this machine: Network is unreachable"
    assert outcome.verdict == UNKNOWN


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [("unreachable", "No route to host"), ("prohibit", "Permission denied"), ("blackhole", "Invalid argument")],
)
async def test_a_route_of_ours_that_refuses_is_unknown_on_a_real_kernel(netns, kind, reason):
    """`ip route add unreachable` says EHOSTUNREACH, as a neighbour that does not answer does, but at once."""
    subprocess.run(["ip", "route", "add", kind, "192.0.2.0/24"], check=True)
    outcome = await probe(KIND, Target(ip_address("192.0.2.1"), 80))
    assert (outcome.verdict, outcome.detail) == (UNKNOWN, f"cannot connect from this machine: {reason}")


async def test_trace():
    trace: list[tuple[float, str]] = []
    async with serving(saying(b"+PONG\r\n")) as target:
        await ask(KIND, target, Params(send="PING\r\n", expect="PONG"), 5, trace=trace)
    assert [text for _, text in trace] == [
        "connecting",
        "connected from 127.0.0.1",
        "sent 6 bytes",
        r'received 7 bytes: "+PONG\r\n"',
    ]
    assert [at for at, _ in trace] == sorted(at for at, _ in trace)


async def test_cancelling_leaves_nothing_open(full: Target):
    before = os.listdir("/proc/self/fd")
    task = asyncio.create_task(probe(KIND, full))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir("/proc/self/fd") == before
