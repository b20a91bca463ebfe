"""exec: an operator's own program says whether the target is up: exit status 0 up, 1 down, anything else unknown.

No shell runs it. Its environment is PATH, LANG=C.UTF-8 and what is checked: LVSCTL_ADDRESS, LVSCTL_PORT and
LVSCTL_TARGET (192.0.2.1:80, [2001:db8::1]:80). Its input is /dev/null; the first line that it prints, on stdout or
stderr, becomes the detail. It has no capabilities and can gain none (so a `ping` that needs them fails). When it ends,
and at the deadline, its whole process group is killed; only what moved to a session of its own outlives it.

Codes: PROCOK, PROCERR (exit status 1), PROCTOUT not done in time, ASKERR any other end.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from healthchecks._match import printable
from healthchecks._unprivileged import spawn
from lvsctl import checkapi
from lvsctl.checkapi import Ask, CannotAsk, Outcome, Target

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

KEPT = 4096
"""Bytes of output that are kept; the rest is read and dropped, so that the program never waits for us."""

_CHUNK = 65536
_LEFT = "left"  # in the memory of a question: a future that is done when the program of an earlier probe is over
_COMMAND_SCHEMA = {"type": ["array", "string"], "items": {"type": "string"}, "minItems": 1}


def _words(command: Any) -> Any:
    """A string is cut into words as a shell would cut it, for the command line and for short checks."""
    return tuple(shlex.split(command)) if isinstance(command, str) else command


def _runnable(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command:
        raise ValueError("a command needs at least a program")
    program = command[0]
    if "\0" in "".join(command):
        raise ValueError("a command cannot contain NUL")
    if "/" in program and not program.startswith("/"):
        raise ValueError(f"{program}: write the whole path, beginning with /")
    if "/" in program and not Path(program).exists():
        raise ValueError(f"{program}: no such program")
    found = shutil.which(program, path=PATH)
    if found is None:
        raise ValueError(f"{program}: not executable" if "/" in program else f"{program}: no such program in {PATH}")
    return (found, *command[1:])


class Params(checkapi.Params):
    """command: the program and its arguments."""

    command: Annotated[
        tuple[str, ...],
        BeforeValidator(_words),
        AfterValidator(_runnable),
        WithJsonSchema(_COMMAND_SCHEMA),
    ]


def environment(target: Target) -> dict[str, str]:
    """All that the program finds in its environment."""
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LVSCTL_ADDRESS": str(target.address),
        "LVSCTL_PORT": str(target.port),
        "LVSCTL_TARGET": str(target),
    }


async def run(ask: Ask[Params]) -> Outcome:
    """Start the program, read what it prints, wait for its end; whatever happens, leave none of its group behind."""
    ask.timeout_code = "PROCTOUT"
    await _none_left(ask)
    program = await _start(ask)
    try:
        await program.ended
    finally:
        status = program.finish()
        if not program.gone.done():
            ask.memory[_LEFT] = program.gone
    if status is None:
        raise CannotAsk(f"{ask.params.command[0]}: somebody else took its exit status")
    return _judged(ask, os.waitstatus_to_exitcode(status), program.said())


async def _none_left(ask: Ask[Params]) -> None:
    """What hangs in the kernel (a dead file server) cannot be killed: that is one process then, not one a probe."""
    left = ask.memory.pop(_LEFT, None)
    if left is None:
        return
    ask.note("waiting for the program of the last probe, which cannot be killed")
    try:
        await asyncio.wait([left])
    finally:
        if not left.done():
            ask.memory[_LEFT] = left


def _judged(ask: Ask[Params], status: int, said: str) -> Outcome:
    how = f"exit status {status}" if status >= 0 else f"killed by {_signal_name(-status)}"
    ask.note(f'ended with {how}, printed "{said}"')
    if status == 0:
        return ask.passed("PROCOK", said or how)
    if status == 1:
        return ask.failed("PROCERR", said or how)
    raise CannotAsk(f"{ask.params.command[0]}: {how}" + (f": {said}" if said else ""))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _start(ask: Ask[Params]) -> _Program:
    command = ask.params.command
    ask.note(f"starting {command[0]} with {len(command) - 1} arguments")  # which may be secrets
    try:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        raise CannotAsk(f"no pipe: {error.strerror}") from error
    starting: asyncio.Future[int] | None = None
    try:
        starting = spawn(command, environment(ask.target), theirs)
        await asyncio.wait([starting])
        program = _Program(starting.result(), ours)
    except OSError as error:
        os.close(ours)
        raise CannotAsk(f"{command[0]}: {error.strerror}") from error
    except asyncio.CancelledError:
        assert starting is not None  # noqa: S101 - nothing before it waits
        ask.memory[_LEFT] = starting
        starting.add_done_callback(lambda _: _too_late(starting, ours))
        raise
    except BaseException:
        os.close(ours)
        raise
    ask.note(f"started as process {program.pid}")
    return program


def _too_late(starting: asyncio.Future[int], output: int) -> None:
    """The program has started, or not, when nobody waits for it any more."""
    try:
        _Program(starting.result(), output).finish()
    except OSError:
        os.close(output)


class _Program:
    """A running program: a descriptor that tells its end, and one for its output. `finish` releases both.

    ended: when it has ended by itself. gone: when, after `finish`, nothing is left of it.
    """

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self._kept = b""
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        try:
            self._handle = os.pidfd_open(pid)
        except OSError:
            self._kill()
            os.waitpid(pid, 0)
            raise
        self._output = output
        os.set_blocking(output, False)
        self._loop.add_reader(output, self._read)
        self._loop.add_reader(self._handle, self._end)

    def said(self) -> str:
        """The first line of the output that is not empty."""
        lines = (line.strip() for line in self._kept.splitlines())
        return printable(next((line for line in lines if line), b""), 200)

    def finish(self) -> int | None:
        """Kill what is left of the group and release everything; the wait status, None if it has none yet."""
        self._read()
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._kill()
        return self._reap()

    def _kill(self) -> None:
        """Always before reaping: until then the process id, and so the group's, cannot belong to anybody else."""
        with suppress(ProcessLookupError, PermissionError):  # a security module may forbid it
            os.killpg(self.pid, signal.SIGKILL)

    def _reap(self) -> int | None:
        """Take the exit status; if there is none yet (it is just dying), do so as soon as there is."""
        self._loop.remove_reader(self._handle)
        status: int | None = None
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if not pid:
                self._loop.add_reader(self._handle, self._reap)
                return None
        os.close(self._handle)
        self.gone.set_result(None)
        return status

    def _end(self) -> None:
        self._loop.remove_reader(self._handle)
        if not self.ended.done():
            self.ended.set_result(None)

    def _read(self) -> None:
        """Take what has been printed, once per turn of the loop, and keep the beginning."""
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return
        self._kept += data[: KEPT - len(self._kept)]
        if not data:
            self._loop.remove_reader(self._output)


KIND = checkapi.Kind(
    name="exec",
    summary="an operator's own program says so by its exit status",
    params=Params,
    run=run,
    usual_port=lambda _: 0,
)
