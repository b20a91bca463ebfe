"""The process that speaks VRRP for a daemon (see lvsctl.pair.apart): its standard input is the socket between the two.

When the daemon closes its end, or is gone, the speaker hands over and this ends; SIGTERM does the same. A daemon that
is there and stands still (SIGSTOP, a disk that is gone) looks after no server: after a while the lowest priority is
offered in its name, so that the other director takes over, if there is one. What the daemon offers next counts again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from typing import Final

from lvsctl.daemon.ground import KernelGround
from lvsctl.errors import LvsctlError
from lvsctl.model import LOWEST, OWNER, Transition
from lvsctl.pair.ground import Ground
from lvsctl.pair.messages import Begin, Ended, Priority, Refused, Release, Reports, Take, packed, unpacked
from lvsctl.pair.numbers import Numbers, no_number
from lvsctl.pair.speaker import Speaker

PACE: Final = 0.25
"""Seconds between two reports."""

LOOK: Final = 1.0
"""Seconds between looks whether the daemon has said anything, as it does once a second (see `Apart`)."""

SILENT: Final = 20
"""Looks in a row at which it has not. Its longest round is far shorter; the service manager's watchdog bites later."""

FULL: Final = 1 << 18
"""Bytes that wait for the daemon, from which on nothing is reported: it stands still."""


async def speak(connection: socket.socket, ground: Ground) -> None:
    """One speaker from its first message to its end."""
    reader, writer = await asyncio.open_connection(sock=connection)
    begin = await unpacked(reader)
    try:
        if isinstance(begin, Begin):  # else the daemon is gone already
            await _Conversation(begin, ground, writer).hold(reader)
    except LvsctlError as error:
        writer.write(packed(Refused(str(error))))
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class _Conversation:
    def __init__(self, begin: Begin, ground: Ground, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._heard = False  # since the last look
        self.speaker = Speaker(
            begin.instances,
            ground,
            told=self._told,
            wrong=self.say,
            number=Numbers(begin.numbers) if begin.numbers is not None else no_number,
            announcing=begin.announcing,
        )

    async def hold(self, reader: asyncio.StreamReader) -> None:
        """Until the speaker has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.speaker.stop)
        beside = [asyncio.create_task(one) for one in (self.obey(reader), self.report(), self.mind())]
        try:
            await self.speaker.run()
            self.say(Ended())
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    def say(self, message: object) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # the daemon is gone, and `obey` sees it
            self._writer.write(packed(message))

    async def obey(self, reader: asyncio.StreamReader) -> None:
        """Until the daemon says no more, or what is no message: either way nobody speaks without a daemon."""
        try:
            while (message := await unpacked(reader)) is not None:
                self._heard = True
                self._heed(message)
        finally:
            self.speaker.stop()

    def _heed(self, message: object) -> None:
        match message:
            case Priority(instance, priority):
                with contextlib.suppress(KeyError):  # a reload has taken it away meanwhile
                    self.speaker.set_priority(instance, priority)
            case Release():
                self.speaker.release()
            case Take(instances, announcing):
                self.speaker.take(instances, announcing)

    async def mind(self) -> None:
        """Whether the daemon is well."""
        silent = 0
        while True:
            self._heard = False
            await asyncio.sleep(LOOK)
            silent = 0 if self._heard else silent + 1
            if silent == SILENT:
                self._offer_the_least()

    def _offer_the_least(self) -> None:
        for name, report in self.speaker.reports().items():
            if report.state.priority != OWNER:
                self.speaker.set_priority(name, LOWEST)

    async def report(self) -> None:
        """Again and again, as long as the daemon listens."""
        while True:
            self._report()
            await asyncio.sleep(PACE)

    def _told(self, transition: Transition) -> None:
        self._report()
        self.say(transition)

    def _report(self) -> None:
        if self._writer.transport.get_write_buffer_size() < FULL:
            self.say(Reports(self.speaker.reports()))


async def _main() -> None:
    ground = KernelGround()
    try:
        await speak(socket.socket(fileno=sys.stdin.fileno()), ground)
    finally:
        await ground.close()


if __name__ == "__main__":
    asyncio.run(_main())
