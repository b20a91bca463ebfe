"""A speaker in a process of its own: its adverts go out in time, whatever the rounds are busy with.

With ten thousand servers a round, an answer to `status` or a collection of garbage holds the interpreter for longer
than three intervals of 100 ms last, and then the other director takes over (tests/bench/adverts.py has the figures; a
thread was better, and not good enough). When the daemon dies, the speaker sees the socket close, and hands over. A
speaker that says nothing any more is killed, and whoever runs this begins another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lvsctl.errors import LvsctlError
from lvsctl.model import Announcing, Instance, Role, Transition, Trouble
from lvsctl.pair.messages import Alive, Begin, Ended, Priority, Refused, Release, Reports, Take, packed, unpacked
from lvsctl.pair.speaker import Report

SPEAKING: Final = (sys.executable, "-m", "lvsctl.daemon.speaking")

LOOK: Final = 1.0
"""Seconds between looks whether the speaker, which reports four times as often, has said anything; and between our own
signs of life."""

SILENT: Final = 5
"""Looks in a row at which it has not: it stands still. They are counted, as this process may stand still as well."""

STARTING: Final = 60
"""Looks until it must have said its first word."""

MYSELF: Final = "/proc/self/exe"
"""The interpreter that runs, whoever has replaced its file since, or may not reach it by its name."""


class Apart:
    """The provider `vrrp` (see `RoleProvider`), at the daemon's end. It is run once.

    What it tells of roles is what it heard last, at most a quarter of a second ago.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        *,
        told: Callable[[Transition], None],
        wrong: Callable[[Trouble], None],
        announcing: Announcing,
        numbers: Path | None,
        command: Sequence[str] = SPEAKING,
    ) -> None:
        """numbers: where those of sealed adverts are written down, None where none are sealed."""
        self._names = {instance.name for instance in instances}
        self._begin = Begin(tuple(instances), announcing, numbers)
        self._told = told
        self._wrong = wrong
        self._command = command
        self._reports: Mapping[str, Report] = {}
        self._roles: dict[str, Role] = {}
        self._speaker: asyncio.StreamWriter | None = None
        self._stopped = False
        self._spoke = False  # since the last look

    # --- RoleProvider -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await self._start(theirs, ours)
        minding = asyncio.create_task(self._mind(process))
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            writer.write(packed(self._begin))
            self._speaker = writer
            if self._stopped:
                writer.write_eof()
            done = await self._listen(reader)
        finally:
            self._speaker = None
            self._lost()
            writer.close()  # it hands over, if it is alive
            status = await process.wait()
            minding.cancel()
        if not done:
            raise LvsctlError(f"the process that speaks VRRP ended: {_in_words(status)}")

    def stop(self) -> None:
        self._stopped = True
        if self._speaker is not None and self._speaker.can_write_eof():
            self._speaker.write_eof()

    def role(self, instance: str) -> Role | None:
        if instance not in self._names:
            raise KeyError(instance)
        report = self._reports.get(instance)
        return report.state.role if report is not None else None

    def set_priority(self, instance: str, priority: int) -> None:
        self._say(Priority(instance, priority))

    def release(self) -> None:
        self._say(Release())

    # --- what else a speaker is asked ---------------------------------------------------------------------------------

    def take(self, instances: Sequence[Instance], announcing: Announcing) -> None:
        """See Speaker.take."""
        self._names = {instance.name for instance in instances}
        self._begin = Begin(tuple(instances), announcing, self._begin.numbers)  # perhaps it is just being started
        self._say(Take(tuple(instances), announcing))

    def reports(self) -> Mapping[str, Report]:
        """By the name of the instance; none while there is no speaker."""
        return self._reports

    # ------------------------------------------------------------------------------------------------------------------

    async def _start(self, theirs: socket.socket, ours: socket.socket) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                executable=MYSELF if self._command[0] == sys.executable else None,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # what is typed at a terminal is the daemon's business
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
        except OSError as error:
            ours.close()
            raise LvsctlError(f"the process that speaks VRRP cannot be started: {error.strerror}") from error

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        """Whether it ended as it should."""
        while (message := await unpacked(reader)) is not None:
            self._spoke = True
            match message:
                case Reports(reports):
                    self._reports = reports
                case Transition(instance, role):
                    self._keep(instance, role)
                    self._told(message)
                case Trouble():
                    self._wrong(message)
                case Refused(why):
                    raise LvsctlError(why)
                case Ended():
                    return True
        return False

    async def _mind(self, process: asyncio.subprocess.Process) -> None:
        """A speaker that stands still keeps the addresses that the other director has taken: it is killed."""
        silent, most = 0, STARTING
        while silent < most:
            self._say(Alive())
            self._spoke = False
            await asyncio.sleep(LOOK)
            silent, most = (0, SILENT) if self._spoke else (silent + 1, most)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    def _keep(self, instance: str, role: Role | None) -> None:
        if role is None:
            self._roles.pop(instance, None)
        else:
            self._roles[instance] = role

    def _lost(self) -> None:
        """Nobody speaks any more, whatever was told last."""
        self._reports = {}
        roles, self._roles = self._roles, {}
        for instance, role in roles.items():
            self._told(Transition(instance, None, role, "the process that speaks VRRP is gone"))

    def _say(self, message: object) -> None:
        if self._speaker is not None and not self._stopped:
            self._speaker.write(packed(message))


def _in_words(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
