"""What a check costs: CPU of the prober per check against nginx on loopback, as ratios of a bare epoll loop's.

    .venv/bin/python -m tests.bench.checks [checks per round] [rounds]

Up to three probers do the same exchange (connect, for http also one GET and its whole answer, close), with the same
number of connections open at once, in alternating rounds; the medians of the rounds' ratios are printed. The engine
does all that the daemon does: schedule, probe with a deadline, outcome, rise and fall, pace of the next probe.
"""

from __future__ import annotations

import asyncio
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from ipaddress import ip_address
from operator import truediv
from pathlib import Path

import aiohttp

from lvsctl.checkapi import AnyKind
from lvsctl.checks.registry import installed
from lvsctl.checks.runner import Runner
from lvsctl.decide.health import NEVER as UNPROVEN
from lvsctl.decide.health import judge, pace
from lvsctl.model import Check, CheckId, Health, Outcome, Question, QuestionId, Target, Verdict

OPEN = 32
"""Connections open at once, for every prober."""

LIMITS = {"epoll": 2.5, "aiohttp": 0.4}

CONFIG = """
daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};
  uwsgi_temp_path {root}; scgi_temp_path {root};
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "ok\\n"; }} }}
}}
"""


@contextmanager
def nginx() -> Iterator[int]:
    """A private nginx on a free port of loopback; gives the port."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        sys.exit("nginx is missing: apt-get install nginx-light")
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as root:
        config = Path(root, "nginx.conf")
        config.write_text(CONFIG.format(root=root, port=port))
        server = subprocess.Popen([program, "-p", root, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("nginx does not answer")


# --- the three probers: each does `checks` checks and returns the CPU seconds of this process that they took --------


def bare_epoll(port: int, checks: int, request: bytes) -> float:
    """The least that Python can do: non-blocking sockets and one epoll, nothing remembered, no deadline."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    address = ("127.0.0.1", port)
    begun = 0

    def begin() -> None:
        nonlocal begun
        begun += 1
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.connect_ex(address)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLOUT)

    def end(fd: int) -> None:
        poll.unregister(fd)
        sockets.pop(fd).close()
        if begun < checks:
            begin()

    began = time.process_time()
    for _ in range(min(OPEN, checks)):
        begin()
    while sockets:
        for fd, event in poll.poll():
            sock = sockets[fd]
            if event & select.EPOLLOUT:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                if request:
                    sock.send(request)
                    poll.modify(fd, select.EPOLLIN)
                else:
                    end(fd)
            else:
                answer = sock.recv(16384)
                assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok\n")
                end(fd)
    ended = time.process_time()
    poll.close()
    return ended - began


def engine(port: int, checks: int, request: bytes) -> float:
    """lvsctl: the runner keeps OPEN questions being asked; every outcome is judged and gives the next pace."""
    kinds = installed()
    kind = kinds["http" if request else "tcp"]
    target = Target(ip_address("127.0.0.1"), port)
    asked = [QuestionId(str(number)) for number in range(OPEN)]
    questions = {id: Question(id, kind.name, target, kind.params(), 5.0, 0.0, 0.0, 0.0) for id in asked}
    return asyncio.run(_engine(kinds, questions, checks))


async def _engine(kinds: Mapping[str, AnyKind], questions: Mapping[QuestionId, Question], checks: int) -> float:
    asked_by = {id: [Check(CheckId(id), id, 2, 3)] for id in questions}
    beliefs: dict[CheckId, Health] = {CheckId(id): UNPROVEN for id in questions}
    starting = set(questions)  # the runner spreads the first probes: the clock runs when all are being asked
    remaining = iter(range(checks))
    finished = asyncio.Event()
    began = ended = 0.0

    def take(question: Question, outcome: Outcome) -> float:
        nonlocal began, ended
        healths = []
        for check in asked_by[question.id]:
            beliefs[check.id] = judge(check, beliefs[check.id], outcome, time.monotonic())
            healths.append(beliefs[check.id])
        wanted = pace(question, healths)
        if starting:
            starting.discard(question.id)
            began = time.process_time()
        elif next(remaining, None) is None and not finished.is_set():
            ended = time.process_time()
            finished.set()
        return wanted

    runner = Runner(kinds, take, limit=OPEN)
    runner.keep(questions)
    await finished.wait()
    assert runner.stats.verdicts[Verdict.PASS] == sum(runner.stats.verdicts.values()), runner.stats
    await runner.close()
    return ended - began


def aiohttp_client(port: int, checks: int, request: bytes) -> float:
    """The usual way: aiohttp's client. It has nothing to do for tcp."""
    return asyncio.run(_aiohttp_client(port, checks))


async def _aiohttp_client(port: int, checks: int) -> float:
    url = f"http://127.0.0.1:{port}/"
    remaining = iter(range(checks))
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=1)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def probe() -> None:
            for _ in remaining:
                async with session.get(url, allow_redirects=False) as response:
                    assert response.status == 200 and await response.read() == b"ok\n"

        began = time.process_time()
        await asyncio.gather(*(probe() for _ in range(OPEN)))
        return time.process_time() - began


# --- measuring ---------------------------------------------------------------------------------------------------

Prober = Callable[[int, int, bytes], float]
PROBERS: dict[str, Prober] = {"epoll": bare_epoll, "engine": engine, "aiohttp": aiohttp_client}


def measure(port: int, kind: str, checks: int, rounds: int) -> None:
    """Print a line for one kind, and whether a ratio is above LIMITS."""
    request = (
        b"" if kind == "tcp" else f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    )
    probers = PROBERS if request else {name: PROBERS[name] for name in ("epoll", "engine")}
    for prober in probers.values():
        prober(port, 200, request)  # imports and caches
    seen: dict[str, list[float]] = {name: [] for name in probers}
    for _ in range(rounds):
        for name, prober in probers.items():
            seen[name].append(prober(port, checks, request) / checks * 1e6)
    ratios = {peer: statistics.median(map(truediv, seen["engine"], seen[peer])) for peer in LIMITS if peer in seen}
    within = all(ratio <= LIMITS[peer] for peer, ratio in ratios.items())
    figures = "  ".join(f"{name} {statistics.median(costs):.0f} us" for name, costs in seen.items())
    against = "  ".join(f"{ratio:.2f} of {peer}'s (at most {LIMITS[peer]})" for peer, ratio in ratios.items())
    print(f"{kind:5} CPU per check: {figures};  engine {against}{'' if within else '  MISSED'}", flush=True)


def main() -> None:
    checks, rounds = (int(argument) for argument in (sys.argv[1:] + ["1000", "15"][len(sys.argv) - 1 :])[:2])
    with nginx() as port:
        for kind in ("tcp", "http"):
            measure(port, kind, checks, rounds)


if __name__ == "__main__":
    main()
