"""exec: programs of all manners, and what is left of them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from healthchecks import _spawn
from healthchecks.exec import KEPT, KIND, PATH, Params
from lvsctl.checks.runner import ask
from lvsctl.model import Outcome, Target

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
HERE = Target(ip_address("192.0.2.1"), 80)
SIX = Target(ip_address("2001:db8::1"), 80)
SH = "/bin/sh"


async def shell(script: str, *, target: Target = HERE, timeout: float = 20) -> Outcome:
    return await ask(KIND, target, Params(command=(SH, "-c", script)), timeout)


ENDS = [
    ("exit 0", (PASS, "PROCOK", "exit status 0")),
    ("echo; echo ' all fine '; echo more", (PASS, "PROCOK", "all fine")),
    ("exit 1", (FAIL, "PROCERR", "exit status 1")),
    ("echo replication lags >&2; exit 1", (FAIL, "PROCERR", "replication lags")),
    (r"printf '\033[31mred\377\n'; exit 1", (FAIL, "PROCERR", "\\x1b[31mred\ufffd")),
    ("exit 2", (UNKNOWN, "ASKERR", f"{SH}: exit status 2")),
    ("echo cannot tell; exit 255", (UNKNOWN, "ASKERR", f"{SH}: exit status 255: cannot tell")),
    ("kill -SEGV $$", (UNKNOWN, "ASKERR", f"{SH}: killed by SIGSEGV")),
    ("kill -40 $$", (UNKNOWN, "ASKERR", f"{SH}: killed by signal 40")),
    ("cat; exit 1", (FAIL, "PROCERR", "exit status 1")),  # stdin is empty
]


@pytest.mark.parametrize(("script", "expected"), ENDS, ids=[script for script, _ in ENDS])
async def test_ends(script, expected):
    outcome = await shell(script)
    assert (outcome.verdict, outcome.code, outcome.detail) == expected


@pytest.mark.parametrize(("target", "endpoint"), [(HERE, "192.0.2.1:80"), (SIX, "[2001:db8::1]:80")])
async def test_the_environment_says_what_is_checked_and_little_else(monkeypatch, target, endpoint):
    monkeypatch.setenv("LVSCTL_SECRET", "s3cret")
    outcome = await ask(KIND, target, Params(command=("env", "-0")), 20)
    assert dict(item.split("=", 1) for item in outcome.detail.split("\\x00") if item) == {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LVSCTL_ADDRESS": str(target.address),
        "LVSCTL_PORT": "80",
        "LVSCTL_TARGET": endpoint,
    }


async def test_it_has_no_capabilities_and_can_gain_none():
    script = "echo $(grep -E '^(Cap|NoNewPrivs)' /proc/self/status)"
    outcome = await shell(script)
    status = dict(zip(outcome.detail.split()[::2], outcome.detail.split()[1::2], strict=True))
    assert status.pop("NoNewPrivs:") == "1"
    bounding = status.pop("CapBnd:")
    assert set(status) == {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"}
    assert {int(value, 16) for value in status.values()} == {0}
    if os.geteuid() == 0:
        assert int(bounding, 16) == 0


ASK_IN_A_POOR_DAEMON = """
import asyncio
from ipaddress import ip_address
from healthchecks.exec import KIND, Params
from lvsctl.checks.runner import ask
from lvsctl.model import Target

script = "echo $(grep -hE '^Cap(Inh|Prm|Eff|Amb)' /proc/$PPID/status /proc/self/status)"
command = ("/bin/sh", "-c", script)
print(asyncio.run(ask(KIND, Target(ip_address("192.0.2.1"), 80), Params(command=command), 20)).detail)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to make a daemon")
def test_a_daemon_with_nothing_but_ambient_capabilities_gives_none_away():
    """As under systemd with AmbientCapabilities: no CAP_SETPCAP, so the bounding set cannot be emptied."""
    limits = ["--securebits=+noroot", "--inh-caps=-all,+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"]
    daemon = ["setpriv", *limits, sys.executable, "-c", ASK_IN_A_POOR_DAEMON]
    words = subprocess.run(daemon, check=True, capture_output=True, text=True).stdout.split()
    values = [int(word, 16) for word in words[1::2]]
    assert values == [1 << 12 | 1 << 13] * 4 + [0] * 4


async def test_the_daemon_keeps_its_own_capabilities():
    before = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(("Cap", "NoNew"))]
    await shell("true")
    after = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(("Cap", "NoNew"))]
    assert before == after


async def test_signals_are_as_a_program_expects_them():
    outcome = await shell("echo $(grep -E '^Sig(Ign|Blk)' /proc/self/status)")
    ours = (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    )  # Python ignores the first two
    _, blocked, _, ignored = outcome.detail.split()
    assert int(blocked, 16) == 0
    assert not int(ignored, 16) & sum(1 << (number - 1) for number in ours)


async def test_a_daemon_that_was_started_with_children_ignored_sees_their_exit_status():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert (await shell("exit 1")).code == "PROCERR"
    finally:
        signal.signal(signal.SIGCHLD, before)


async def gone(pid: int) -> None:
    """Until the process is no more, or a zombie that init, not we, has yet to reap."""

    def there() -> bool:
        try:
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z" or int(parent) == os.getpid()

    async with asyncio.timeout(10):
        while there():
            await asyncio.sleep(0.005)


async def test_the_deadline_kills_the_whole_group(tmp_path: Path):
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 1000 & echo $$ $! > {pids}; wait"
    outcome = await shell(script, timeout=2)
    assert (outcome.verdict, outcome.code, outcome.detail) == (FAIL, "PROCTOUT", "not done within 2 s")
    for pid in pids.read_text().split():
        await gone(int(pid))


async def test_a_grandchild_that_holds_the_output_open_changes_nothing(tmp_path: Path):
    pid = tmp_path / "pid"
    outcome = await shell(f"sleep 1000 & echo $! > {pid}; echo done")
    assert (outcome.verdict, outcome.detail) == (PASS, "done")
    await gone(int(pid.read_text()))


async def test_a_grandchild_in_a_session_of_its_own_does_not_move_the_deadline():
    outcome = await shell("setsid sleep 30 & wait", timeout=1)
    assert (outcome.code, outcome.detail) == ("PROCTOUT", "not done within 1 s")


async def test_cancelling_kills_and_reaps(tmp_path: Path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = len(os.listdir("/proc/self/fd"))
    task = asyncio.create_task(shell(f"echo $$ > {fifo}; sleep 1000"))
    await asyncio.sleep(0)
    pid = int(await asyncio.to_thread(fifo.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # to_thread's executor may be waking up


async def test_gigabytes_are_drained_and_dropped():
    outcome = await shell("head -c 300000000 /dev/zero | tr '\\0' a; exit 1", timeout=60)
    assert (outcome.verdict, outcome.code) == (FAIL, "PROCERR")
    assert outcome.detail == "a" * 200 + "…"
    assert KEPT < 300000000


def children() -> set[int]:
    """Our child processes, zombies included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


async def test_children_are_seen():
    pid = os.posix_spawn("/bin/true", ["true"], {})
    assert pid in children()
    os.waitpid(pid, 0)


async def test_no_zombies_and_no_descriptors_are_left():
    descriptors, processes = os.listdir("/proc/self/fd"), children()
    for _ in range(5):
        await shell("true")
    assert os.listdir("/proc/self/fd") == descriptors
    assert children() <= processes


async def test_a_program_that_vanished_is_unknown(tmp_path: Path):
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    params = Params(command=(str(program),))
    program.unlink()
    outcome = await ask(KIND, HERE, params, 5)
    assert (outcome.verdict, outcome.code, outcome.detail) == (
        UNKNOWN,
        "ASKERR",
        f"{program}: No such file or directory",
    )


async def test_fork_failing_is_unknown(monkeypatch):
    def refuse(*_: object, **__: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(_spawn, "spawn", refuse)
    outcome = await shell("true")
    assert (outcome.verdict, outcome.detail) == (UNKNOWN, f"{SH}: Resource temporarily unavailable")
    assert os.listdir("/proc/self/fd") == before


async def test_no_thread_is_unknown_and_leaves_nothing_open(monkeypatch):
    """As at the limit of tasks that systemd sets."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = await shell("true")
    assert (outcome.verdict, outcome.detail) == (UNKNOWN, f"{SH}: cannot start a thread")
    assert os.listdir("/proc/self/fd") == before


async def test_a_program_that_cannot_be_killed_is_down_and_does_not_pile_up(monkeypatch):
    """As one that hangs in the kernel, on a file server that is gone."""
    before, descriptors = children(), len(os.listdir("/proc/self/fd"))
    memory: dict[str, Any] = {}

    async def probe() -> str:
        params = Params(command=(SH, "-c", "sleep 1000"))
        return (await ask(KIND, HERE, params, 1, memory=memory)).code

    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda *_: None)
        assert await probe() == "PROCTOUT"
        (undead,) = children() - before
        assert [await probe(), await probe()] == ["PROCTOUT"] * 2
        assert children() - before == {undead}
    os.killpg(undead, signal.SIGKILL)
    await gone(undead)
    assert await probe() == "PROCTOUT"
    assert undead not in children(), "the next one was started"
    if memory:  # else it has ended already
        await asyncio.wait(list(memory.values()))
    assert children() <= before
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1


async def test_not_being_allowed_to_kill_loses_nothing(monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "killpg", refuse)
    assert (await shell("exit 1")).code == "PROCERR"
    assert os.listdir("/proc/self/fd") == before


async def test_the_loop_turns_while_a_file_server_does_not_answer(tmp_path: Path):
    """A lease on the program's file: who opens it has to wait until the lease is given back."""
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    handle = os.open(program, os.O_RDONLY)
    memory: dict[str, Any] = {}
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        outcome = await ask(KIND, HERE, Params(command=(str(program),)), 0.2, memory=memory)
        assert (outcome.verdict, outcome.code) == (FAIL, "PROCTOUT")
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    finally:
        os.close(handle)
        signal.signal(signal.SIGIO, before)
    await asyncio.gather(*memory.values())


async def test_a_start_that_hangs_holds_nobody_up_and_its_program_is_killed_later(monkeypatch, tmp_path: Path):
    """As of a program on a file server that does not answer: the start does not come back."""
    go, real, spawned = threading.Event(), _spawn.spawn, []
    before, descriptors = children(), os.listdir("/proc/self/fd")

    def slow(*arguments: Any, **named: Any) -> int:
        go.wait(30)
        spawned.append(real(*arguments, **named))
        return spawned[-1]

    monkeypatch.setattr(_spawn, "spawn", slow)
    memory: dict[str, Any] = {}
    params = Params(command=(SH, "-c", "sleep 1000"))
    for _ in range(2):
        outcome = await ask(KIND, HERE, params, 0.5, memory=memory)
        assert (outcome.verdict, outcome.code) == (FAIL, "PROCTOUT")
    assert [thread.name for thread in threading.enumerate()].count("exec-check") == 1
    go.set()
    (left,) = memory.values()
    await left
    (pid,) = spawned
    await gone(pid)
    async with asyncio.timeout(10):
        while os.listdir("/proc/self/fd") != descriptors:
            await asyncio.sleep(0.005)
    assert children() <= before


async def test_no_descriptor_to_watch_it_with_is_unknown_and_leaves_no_process(monkeypatch):
    def refuse(pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    processes = children()
    outcome = await shell("sleep 1000")
    assert (outcome.verdict, outcome.detail) == (UNKNOWN, f"{SH}: Too many open files")
    assert children() <= processes


@pytest.fixture
def not_executable(tmp_path: Path) -> str:
    path = tmp_path / "plain"
    path.write_text("#!/bin/sh\n")
    return str(path)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/nonexistent/check"], "/nonexistent/check: no such program"),
        (["no-such-program-here"], f"no-such-program-here: no such program in {PATH}"),
        (["./check"], "./check: write the whole path, beginning with /"),
        (["/etc"], "/etc: not executable"),
        (["true", "a\0b"], "a command cannot contain NUL"),
        ([], "a command needs at least a program"),
        ("", "a command needs at least a program"),
        ("true 'a", "No closing quotation"),
    ],
)
def test_refused_commands(command, message):
    with pytest.raises(ValidationError) as refusal:
        Params(command=command)
    assert refusal.value.errors()[0]["msg"].removeprefix("Value error, ") == message


def test_a_file_that_is_not_executable_is_refused(not_executable):
    with pytest.raises(ValidationError, match=f"{not_executable}: not executable"):
        Params(command=[not_executable])


def test_a_program_is_found_on_the_path_and_a_string_is_cut_into_words():
    assert Params(command="true 'a b'") == Params(command=["true", "a b"])
    assert Params(command="true").command[0].startswith("/")


async def test_trace():
    trace: list[tuple[float, str]] = []
    await ask(KIND, HERE, Params(command=(SH, "-c", "echo 'a b'")), 20, trace=trace)
    texts = [text for _, text in trace]
    assert texts[0] == f"starting {SH} with 2 arguments"
    assert texts[1].startswith("started as process ")
    assert texts[2:] == ['ended with exit status 0, printed "a b"']
