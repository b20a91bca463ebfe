"""What users are called, though a directory service may be slow to tell."""

from __future__ import annotations

import asyncio
import pwd
from concurrent.futures import ThreadPoolExecutor

NAMING = 1.0
"""Seconds that one answer may take."""


class Users:
    """Asks in a thread of its own: one that hangs holds up nobody who needs a thread for something else."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="users")

    async def name(self, uid: int) -> str | None:
        """None: the user has no name, or it was not told in time."""
        try:
            async with asyncio.timeout(NAMING):
                entry = await asyncio.get_running_loop().run_in_executor(self._thread, pwd.getpwuid, uid)
        except (KeyError, TimeoutError):
            return None
        return entry.pw_name
