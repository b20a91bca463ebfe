"""A speaker in a thread and an event loop of its own: its adverts go out in time, whatever the rounds are busy with.

A round over ten thousand servers holds its loop for longer than three intervals of 100 ms last, and then the other
director takes over. Threads of Python take turns every few milliseconds (sys.setswitchinterval), so what is left is the
longest single call that does not let go: writing a large answer, a collection of garbage.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, TypeVar

from lvsctl.model import Role, Transition, Trouble
from lvsctl.pair.speaker import Speaker

T = TypeVar("T")

Told = Callable[[Transition], None]
Wrong = Callable[[Trouble], None]
Make = Callable[[Told, Wrong], AbstractAsyncContextManager[Speaker]]
"""Makes the speaker where it will run, with all that it needs, and releases that when the speaker has ended."""

PATIENCE: Final = 1.0
"""Seconds that one waits for the thread to answer; it has nothing to do that takes long."""


class Apart:
    """The provider `vrrp` (see `RoleProvider`). Callbacks are called in the loop in which `run` is awaited."""

    def __init__(self, make: Make, *, told: Told, wrong: Wrong) -> None:
        self._make = make
        self._told = told
        self._wrong = wrong
        self._inside: asyncio.AbstractEventLoop | None = None
        self._speaker: Speaker | None = None
        self._work: asyncio.Task[None] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    # --- RoleProvider -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        done: Future[None] = Future()
        thread = threading.Thread(target=self._through, args=(loop, done), name="vrrp", daemon=True)
        thread.start()
        ended = asyncio.wrap_future(done)
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._cancel()
            await ended
            raise

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._speaker is not None:
                self._post(self._speaker.stop)

    def role(self, instance: str) -> Role | None:
        return self.ask(lambda speaker: speaker.role(instance), None)

    def set_priority(self, instance: str, priority: int) -> None:
        self.order(lambda speaker: speaker.set_priority(instance, priority))

    def release(self) -> None:
        self.order(lambda speaker: speaker.release())

    # --- what else a speaker is asked ---------------------------------------------------------------------------------

    def ask(self, what: Callable[[Speaker], T], otherwise: T) -> T:
        """What the speaker answers; `otherwise` while there is none. Raises what `what` raises."""
        with self._lock:
            speaker, inside = self._speaker, self._inside
        if speaker is None or inside is None:
            return otherwise
        answer: Future[T] = Future()

        def say() -> None:
            try:
                answer.set_result(what(speaker))
            except Exception as error:
                answer.set_exception(error)

        try:
            inside.call_soon_threadsafe(say)
            return answer.result(PATIENCE)
        except (TimeoutError, RuntimeError):  # it ends at this moment
            return otherwise

    def order(self, what: Callable[[Speaker], object]) -> None:
        """Let the speaker do something, if there is one, without waiting for it."""
        with self._lock:
            speaker = self._speaker
            if speaker is not None:
                self._post(lambda: what(speaker))

    async def order_all(self, what: Callable[[Speaker], Coroutine[Any, Any, T]]) -> T | None:
        """Let the speaker do something that takes a while, and wait for it; None if there is none."""
        with self._lock:
            speaker, inside = self._speaker, self._inside
        if speaker is None or inside is None:
            return None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(what(speaker), inside))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _through(self, outside: asyncio.AbstractEventLoop, done: Future[None]) -> None:
        def tell(what: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody wants to know
                outside.call_soon_threadsafe(what)

        try:
            asyncio.run(self._serve(tell))
        except asyncio.CancelledError:
            tell(lambda: done.set_result(None))
        except BaseException as error:
            failed = error
            tell(lambda: done.set_exception(failed))
        else:
            tell(lambda: done.set_result(None))

    async def _serve(self, tell: Callable[[Callable[[], None]], None]) -> None:
        def told(transition: Transition) -> None:
            tell(lambda: self._told(transition))

        def wrong(trouble: Trouble) -> None:
            tell(lambda: self._wrong(trouble))

        async with self._make(told, wrong) as speaker:
            with self._lock:
                self._inside, self._work = asyncio.get_running_loop(), asyncio.current_task()
                self._speaker = speaker
                if self._stopped:
                    speaker.stop()
            try:
                await speaker.run()
            finally:
                with self._lock:
                    self._speaker = self._inside = self._work = None

    def _cancel(self) -> None:
        with self._lock:
            work = self._work
            self._stopped = True
            if work is not None:
                self._post(work.cancel)

    def _post(self, what: Callable[[], object]) -> None:
        """The lock is held, so the loop is there."""
        assert self._inside is not None  # noqa: S101 - as long as there is a speaker
        self._inside.call_soon_threadsafe(what)
