"""A provider at work: begun anew where it fails, and bounded in time when it is to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from lvsctl.errors import LvsctlError
from lvsctl.model import Trouble
from lvsctl.pair.provider import RoleProvider

AGAIN = 5.0
"""Seconds after which a provider that failed just after its start is begun anew; one that has worked is at once."""

FAREWELL = 7.0
"""Seconds that a provider may take to hand over: a speaker's own limit (see `lvsctl.pair.speaker`), and some more."""

log = structlog.get_logger("lvsctl")


class Part:
    """provider: the one at work, None while there is none. trouble: why there is none, "" where nothing is wrong.

    make: builds one, or raises LvsctlError. wrong: told of each new reason. clear: cleans up after one that failed.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], RoleProvider],
        wrong: Callable[[Trouble], None],
        clear: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """name: of what has trouble, for those who are told."""
        self.provider: RoleProvider | None = None
        self.trouble = ""
        self._name = name
        self._make = make
        self._wrong = wrong
        self._clear = clear
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last = ""
        self._began = 0.0

    def start(self) -> None:
        """Take part, from the next turn of the loop on."""
        self._task = asyncio.create_task(self._run(), name=f"pair: {self._name}")

    def stop(self) -> None:
        """Hand over; `closed` waits for it."""
        self._stopping.set()
        if self.provider is not None:
            self.provider.stop()

    async def closed(self) -> None:
        """Until it has handed over, or its time is over."""
        self.stop()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=FAREWELL)
        if not self._task.done():
            log.error("the provider of the role does not end: its addresses may still be here", provider=self._name)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=FAREWELL)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._began = asyncio.get_running_loop().time()
            if not await self._play() and self._clear is not None:
                await self._clear()
            if not self._has_worked():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN):
                        await self._stopping.wait()

    async def _play(self) -> bool:
        """One provider from its start to its end; whether that was in good order."""
        try:
            self.provider = self._make()
            self.trouble = ""
            await self.provider.run()
        except LvsctlError as error:
            self._failed(str(error))
        except Exception:
            log.exception("a bug in lvsctl: this director takes no part in the pair for a moment; report it")
            self._failed("a bug in lvsctl: its log says more")
        else:
            return True
        finally:
            self.provider = None
        return False

    def _failed(self, why: str) -> None:
        """Told once, unless it went well in between."""
        if why != self._last or self._has_worked():
            self._wrong(Trouble(self._name, why))
        self.trouble = self._last = why

    def _has_worked(self) -> bool:
        return asyncio.get_running_loop().time() - self._began > AGAIN
