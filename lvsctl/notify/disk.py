"""A disk that is asked for a while only: one that hangs keeps nobody from being told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

PATIENCE = 5.0
"""Seconds that a job has, what was asked for before it included."""

T = TypeVar("T")


class Disk:
    """One job after the other, in a thread: on the event loop a busy disk would hold up the checks."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alerts-disk")
        self._hung: Future[Any] | None = None

    async def do(self, job: Callable[[], T]) -> T:
        """What the job returns, or raises. TimeoutError, an OSError, if it is not done in time.

        It may be done later then. Until it is, nothing else is begun, and nobody waits: that is a TimeoutError, too.
        """
        if self._hung is not None and not self._hung.done():
            raise TimeoutError
        asked = self._thread.submit(job)
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(asked)
        except TimeoutError:
            if not asked.cancel():  # it has begun
                self._hung = asked
            raise

    def close(self) -> None:
        """Take no more jobs; whether the last one is done is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
