"""What users are called, though a directory service may be slow to tell."""

from __future__ import annotations

import asyncio
import pwd
from functools import partial

NAMING = 1.0
"""Seconds that one answer may take."""


class Users:
    """Asks in a thread of its own, one at a time: a service that hangs has one thread, and holds up nobody, no stop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()  # kept by a question that nobody waits for any longer, too

    async def name(self, uid: int) -> str | None:
        """None: the user has no name, or it was not told in time."""
        try:
            async with asyncio.timeout(NAMING):
                await self._turn.acquire()
                return await asyncio.shield(self._asking(uid))
        except (KeyError, TimeoutError):
            return None

    def _asking(self, uid: int) -> asyncio.Task[str]:
        from lvsctl.notify.aside import aside  # noqa: PLC0415 - it imports aiohttp, which is slow to import

        asking = asyncio.create_task(aside(partial(_name, uid)))
        asking.add_done_callback(lambda _: self._turn.release())
        return asking


def _name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name
