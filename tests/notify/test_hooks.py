"""Operators' programs at the transitions of the pair: real ones, the worse the better."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from lvsctl import model
from lvsctl.events import HookDone, HookFailed
from lvsctl.model import Family, Instance, PairSpec, Provider, Role, Transition
from lvsctl.notify import hooks
from lvsctl.notify.hooks import Hooks, arguments, environment
from lvsctl.notify.process import PATH
from tests.notify.test_program import until_gone

A, S, F = Role.ACTIVE, Role.STANDBY, Role.FAULT
Told = list[HookDone | HookFailed]


def became(role: Role | None, previous: Role | None = None, instance: str = "web") -> Transition:
    return Transition(instance, role, previous, "a reason", 150)


def spec(*argv: str, timeout: float = 60.0, **others: tuple[str, ...]) -> PairSpec:
    """Every hook is this program, but for others."""
    all_of_them = dict.fromkeys(("on_active", "on_standby", "on_fault", "on_stop"), argv) | others
    return PairSpec(provider=Provider.MANUAL, name="web", hooks=model.Hooks(**all_of_them, timeout=timeout))


class Bench:
    """A runner, and what it has told."""

    def __init__(self, pair: PairSpec) -> None:
        self.told: Told = []
        self._woken = asyncio.Event()
        self.hooks = Hooks(pair, self._tell, today=lambda: 1000.0)

    def _tell(self, event: HookDone | HookFailed) -> None:
        self.told.append(event)
        self._woken.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.01)

    async def after(self, count: int) -> Told:
        """What was told, as soon as it is so much."""
        while len(self.told) < count:
            self._woken.clear()
            await self._woken.wait()
        return self.told


@pytest.fixture
async def bench() -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*argv: str, **options: object) -> Bench:
        made.append(Bench(spec(*argv, **options)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.hooks.take(spec(timeout=0.0))
        await one.hooks.close()


def script(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


WEB = Instance(
    "web", "eth0", 51, Family.INET, (ip_interface("192.0.2.9/24"), ip_interface("192.0.2.8/32")), ip_address("::")
)


@pytest.mark.parametrize(("role", "word"), [(A, "MASTER"), (S, "BACKUP"), (F, "FAULT"), (None, "STOP")], ids=str)
def test_a_notify_script_of_keepalived_finds_its_arguments(role: Role | None, word: str) -> None:
    assert arguments(became(role)) == ("INSTANCE", "web", word, "150")


def test_all_that_a_program_finds_in_its_environment() -> None:
    common = {"PATH": PATH, "LANG": "C.UTF-8", "LVSCTL_PRIORITY": "150", "LVSCTL_WHY": "a reason"}
    assert environment(WEB, became(A, S)) == common | {
        "LVSCTL_INSTANCE": "web",
        "LVSCTL_ROLE": "active",
        "LVSCTL_PREVIOUS": "standby",
        "LVSCTL_INTERFACE": "eth0",
        "LVSCTL_ADDRESSES": "192.0.2.9/24 192.0.2.8/32",
    }
    assert environment(None, Transition("other", None, F, "a reason", 150)) == common | {
        "LVSCTL_INSTANCE": "other",
        "LVSCTL_ROLE": "stopped",
        "LVSCTL_PREVIOUS": "fault",
    }


async def test_a_program_is_started_with_all_that(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench(script(tmp_path, f'echo "$@" >{tmp_path}/args; env >{tmp_path}/env; cat; pwd'), "my own")
    one.hooks.became(became(A))
    [done] = await one.after(1)
    assert isinstance(done, HookDone)
    assert (done.hook, done.instance) == ("on_active", "web")
    assert (tmp_path / "args").read_text() == "my own INSTANCE web MASTER 150\n"
    found = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert found["PWD"] == "/"
    assert {name: found[name] for name in found if name not in ("PWD", "SHLVL", "_")} == environment(None, became(A))
    [run] = one.hooks.last
    assert (run.hook, run.instance, run.began, run.failed) == ("on_active", "web", 1000.0, "")
    assert run.duration == done.duration


async def test_where_no_program_is_configured_nothing_happens(bench: Callable[..., Bench]) -> None:
    one = bench("/bin/true", on_standby=())
    one.hooks.became(became(S))
    one.hooks.became(became(A, instance="other"))
    assert [event.hook for event in await one.after(1)] == ["on_active"]
    assert [run.instance for run in one.hooks.last] == ["other"]


@pytest.mark.parametrize(
    ("text", "why", "output"),
    [
        ("echo wrong >&2; exit 3", "hook ended with exit status 3", "wrong"),
        ("echo before; kill -SEGV $$", "hook was killed by signal 11", "before"),
        ("printf 'a\\033[1mb\\tc\\r\\nd\\377'; exit 1", "hook ended with exit status 1", "a [1mb c\nd\ufffd"),
        (
            "exec 2>&-; trap 'echo asked; exit 0' TERM; while :; do sleep 0.01; done",
            "hook is not done within 2 s",
            "asked",
        ),
        ("trap '' TERM; echo deaf; while :; do sleep 0.01; done", "hook is not done within 2 s", "deaf"),
        ("trap '' TERM; yes", "hook is not done within 2 s", "\n".join(["y"] * 1024)),
    ],
    ids=["it fails", "it crashes", "control characters", "it hangs", "it ignores SIGTERM", "it never stops printing"],
)
async def test_a_failure_tells_why_and_the_last_that_was_printed(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str, output: str
) -> None:
    monkeypatch.setattr(hooks, "GRACE", 60.0 if "asked" in text else 0.2)
    one = bench(script(tmp_path, text), timeout=2.0 if "within" in why else 60.0)
    one.hooks.became(became(A))
    assert await one.after(1) == [HookFailed("on_active", "web", why, output)]
    assert one.hooks.last[0].failed == why


def unreadable(folder: Path) -> str:
    path = Path(script(folder, "exit 0"))
    path.chmod(0o644)
    return str(path)


def no_program(folder: Path) -> str:
    path = Path(script(folder, ""))
    path.write_bytes(b"\x00\x01\x02")
    return str(path)


def nobody_interprets(folder: Path) -> str:
    path = Path(script(folder, ""))
    path.write_text("#!/nowhere/perl\n")
    return str(path)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda folder: str(folder / "hook"), "No such file or directory"),
        (nobody_interprets, "No such file or directory"),
        (unreadable, "Permission denied"),
        (str, "Permission denied"),
        (no_program, "Exec format error"),
        (lambda folder: script(folder, "exit 0") + "\0", "Invalid argument"),
    ],
    ids=["missing", "its interpreter is missing", "not executable", "a folder", "not a program", "NUL"],
)
async def test_what_cannot_be_started(
    bench: Callable[..., Bench], tmp_path: Path, made: Callable[[Path], str], why: str
) -> None:
    program = made(tmp_path)
    one = bench(program)
    one.hooks.became(became(F))
    name = Path(program).name
    assert await one.after(1) == [HookFailed("on_fault", "web", f"{name} cannot be started: {why}")]


async def test_a_gigabyte_is_taken_from_it_and_thrown_away(bench: Callable[..., Bench]) -> None:
    one = bench("/bin/sh", "-c", "head -c 1000000000 /dev/zero; echo; echo the end; exit 1", timeout=600.0)
    tracemalloc.start()
    try:
        one.hooks.became(became(A))
        [failed] = await one.after(1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(failed, HookFailed)
    assert failed.why == "sh ended with exit status 1"
    assert failed.output.endswith("the end")
    assert len(failed.output) <= hooks.KEPT
    assert peak < 8 << 20


async def test_one_in_the_background_that_keeps_the_pipe_is_not_waited_for_and_goes_with_it(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    one = bench(script(tmp_path, f"(trap '' TERM; sleep 1000) & echo $! >{tmp_path}/pid"))
    one.hooks.became(became(A))
    assert isinstance((await one.after(1))[0], HookDone)
    await until_gone(int((tmp_path / "pid").read_text()))


async def test_one_that_has_left_the_group_is_not_waited_for(bench: Callable[..., Bench], tmp_path: Path) -> None:
    """It is its own master now: it lives on, and what it prints goes nowhere."""
    text = f"setsid sh -c 'echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000' &"
    one = bench(script(tmp_path, f"{text}\nwhile ! test -e {tmp_path}/pid; do sleep 0.01; done"))
    one.hooks.became(became(A))
    assert isinstance((await one.after(1))[0], HookDone)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_at_the_deadline_all_of_its_group_goes(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "GRACE", 0.2)
    text = f"(trap '' TERM; sleep 1000) & echo $! $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pids; wait"
    one = bench(script(tmp_path, text), timeout=3.0)
    one.hooks.became(became(A))
    await one.after(1)
    for pid in (tmp_path / "pids").read_text().split():
        await until_gone(int(pid))


class Gate:
    """Programs that write down what they are told, and end when they may."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.argv = script(folder, f'echo "$2 $3" >>{folder}/told\nwhile ! test -e {folder}/open; do sleep 0.01; done')

    def open(self) -> None:
        (self._folder / "open").touch()

    @property
    def told(self) -> list[str]:
        path = self._folder / "told"
        return path.read_text().splitlines() if path.exists() else []


async def test_of_what_comes_while_one_runs_the_last_is_told(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    one = bench(gate.argv)
    one.hooks.became(became(S))
    await one.until(lambda: gate.told == ["web BACKUP"])
    for role in (A, F, S, A):
        one.hooks.became(became(role))
    assert one.hooks.last[0].duration is None, "it still runs"
    gate.open()
    assert [event.hook for event in await one.after(2)] == ["on_standby", "on_active"]
    await one.hooks.close()
    assert gate.told == ["web BACKUP", "web MASTER"]


async def test_where_the_last_has_no_program_what_was_before_it_is_over_all_the_same(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    one = bench(gate.argv, on_standby=())
    one.hooks.became(became(F))
    await one.until(lambda: gate.told == ["web FAULT"])
    one.hooks.became(became(A))
    one.hooks.became(became(S))
    gate.open()
    await one.hooks.close()
    assert gate.told == ["web FAULT"]


async def test_10000_transitions_start_two_programs_an_instance(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    one = bench(gate.argv)
    for name in ("web", "mail"):
        one.hooks.became(became(S, instance=name))
    await one.until(lambda: len(gate.told) == 2)
    for number in range(10_000):
        for name in ("web", "mail"):
            one.hooks.became(became((A, S)[number % 2], instance=name))
        if not number % 1000:
            await asyncio.sleep(0)
    gate.open()
    await one.hooks.close()
    for name in ("web", "mail"):
        assert [line for line in gate.told if line.startswith(name)] == [f"{name} BACKUP"] * 2


async def test_so_many_run_at_once_and_the_others_wait(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    one = bench(gate.argv)
    names = [f"web{number}" for number in range(hooks.AT_ONCE + 2)]
    for name in names:
        one.hooks.became(became(S, instance=name))
    await one.until(lambda: len(gate.told) == hooks.AT_ONCE)
    one.hooks.became(became(A, instance=names[-1]))
    assert len(one.hooks.last) == hooks.AT_ONCE
    gate.open()
    await one.hooks.close()
    assert sorted(gate.told) == sorted([f"{name} BACKUP" for name in names[:-1]] + [f"{names[-1]} MASTER"])


async def test_another_program_from_the_next_start_on(bench: Callable[..., Bench], tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    one = bench(gate.argv)
    one.hooks.became(became(S, instance="web"))
    one.hooks.became(became(S, instance="old"))
    await one.until(lambda: len(gate.told) == 2)
    one.hooks.take(spec("/bin/false"))
    one.hooks.became(became(A))
    gate.open()
    await one.after(3)
    assert Counter(type(event) for event in one.told) == {HookDone: 2, HookFailed: 1}  # the two take turns as they like
    one.hooks.take(spec("/bin/false"))
    assert {run.instance for run in one.hooks.last} == {"web"}


async def test_one_that_is_removed_is_told_of_its_addresses(bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Its hook comes after the configuration that has it no more."""
    one = bench(script(tmp_path, f'echo "$LVSCTL_INTERFACE $LVSCTL_ADDRESSES" >{tmp_path}/told'))
    before = one.hooks._spec
    one.hooks.take(replace(before, provider=Provider.VRRP, instances=(WEB,)))
    one.hooks.take(replace(before, provider=Provider.VRRP, instances=(replace(WEB, name="other"),)))
    one.hooks.became(became(None, A))
    await one.after(1)
    assert (tmp_path / "told").read_text() == "eth0 192.0.2.9/24 192.0.2.8/32\n"


async def test_the_stop_waits_for_what_runs_and_then_for_its_own_programs(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    one = bench(script(tmp_path, f'sleep 0.3; echo "$3" >>{tmp_path}/told'))
    one.hooks.became(became(A))
    await asyncio.sleep(0.1)
    one.hooks.became(became(None, A))
    await one.hooks.close()
    assert (tmp_path / "told").read_text().split() == ["MASTER", "STOP"]
    one.hooks.became(became(A))
    assert one.hooks.last[0].duration is not None


async def test_the_stop_does_not_wait_for_ever(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "GRACE", 0.2)
    monkeypatch.setattr(hooks, "AT_ONCE", 1)
    one = bench(script(tmp_path, f"trap '' TERM; echo $$ >>{tmp_path}/pids; while :; do sleep 0.01; done"), timeout=2.0)
    for name in ("a", "b", "c", "d", "e"):
        one.hooks.became(became(None, instance=name))
    await one.hooks.close()
    reasons = [event.why for event in one.told if isinstance(event, HookFailed)]
    assert len(reasons) == 5
    assert {"hook is not done within 2 s", "not started before the stop"} <= set(reasons)
    for pid in (tmp_path / "pids").read_text().split():
        await until_gone(int(pid))


@pytest.fixture
def gone_disk(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A program on a disk that does not answer: whoever opens it waits until it is let go; and a way to let it go."""
    path = script(tmp_path, "exit 0")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    handle = os.open(path, os.O_RDONLY)
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    def let_go() -> None:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    yield path, let_go
    os.close(handle)
    signal.signal(signal.SIGIO, before)


async def test_a_program_on_a_disk_that_is_gone_holds_up_its_instance_alone(
    bench: Callable[..., Bench], gone_disk: tuple[str, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "GRACE", 0.2)
    monkeypatch.setattr(hooks, "AT_ONCE", 1)
    path, let_go = gone_disk
    one = bench(path, on_standby=("/bin/true",), timeout=2.0)
    one.hooks.became(became(A))
    await asyncio.sleep(0)
    one.hooks.became(became(S))
    one.hooks.became(became(S, instance="mail"))
    first, other = await one.after(2)
    why = "hook is not done within 2 s and cannot be killed: the next one waits for it"
    assert first == HookFailed("on_active", "web", why)
    assert isinstance(other, HookDone)
    assert other.instance == "mail"
    let_go()
    await one.hooks.close()
    assert [event.instance for event in one.told] == ["web", "mail", "web"]


async def test_the_loop_turns_while_programs_do_their_worst(
    bench: Callable[..., Bench], gone_disk: tuple[str, Callable[[], None]], tmp_path: Path
) -> None:
    """Nothing that a speaker's timers would notice: a turn of the loop is held up by less than a hook takes."""
    path, let_go = gone_disk
    one = bench("/bin/sh", "-c", "yes & head -c 300000000 /dev/zero; kill -9 $$", on_active=(path,))
    one.hooks.became(became(A))
    for name in ("a", "b", "c"):
        one.hooks.became(became(S, instance=name))
    turns, longest, last = 0, 0.0, time.monotonic()
    while len(one.told) < 3:
        await asyncio.sleep(0.01)
        now = time.monotonic()
        turns, longest, last = turns + 1, max(longest, now - last), now
    print(f"{turns} turns, the longest took {longest * 1000:.0f} ms")
    assert turns > 20
    let_go()
