"""Keeps the kernel's connection sync daemons as they ought to be: started, stopped, and looked after in between."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable, Iterator
from collections.abc import Set as AbstractSet
from math import inf

import structlog

from lvsctl.decide.syncing import NOTHING, Moves, moves
from lvsctl.errors import KernelError
from lvsctl.events import Event, SyncFailed, SyncRestored
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.youngest import copy_youngest
from lvsctl.model import Interface, Refusal, SyncDaemon, Syncing, SyncRole
from lvsctl.model.pair_view import SyncView

LOOK = 5.0
"""Seconds between looks at what runs: nobody tells of a daemon that was stopped, or of an interface made anew."""

AGAIN = 1.0
"""Seconds until what failed is tried again."""

INTERRUPTED = 20
"""Times that a stop is tried: the kernel refuses it with EINTR while the daemon is just starting (seen on Linux 6)."""

HASTE = 1.0
"""Seconds to copy the youngest connections: the other director is about to take over."""

SOON = 0.05
"""Seconds between two of them."""

LINGER = 2.0
"""Seconds that the backup goes on beside a new master: the director that gives way tells its youngest connections last,
and one that was preempted does so when this one is active already (`HASTE` and a reserve)."""

log = structlog.get_logger("lvsctl")

Look = Callable[[str], Awaitable[Interface | None]]


class Keeper:
    """One order after the other, in its own task: whoever waits for it does so with a deadline.

    look: an interface by its name. A daemon in the kernel goes on after its interface was deleted, deaf, also when
    there is one of this name again; so each is begun anew when the interface has another index than at its start, and
    once when this program finds it running: what was there then is not known.
    """

    def __init__(self, ipvs: Ipvs, look: Look, tell: Callable[[Event], None]) -> None:
        self._ipvs = ipvs
        self._look = look
        self._tell = tell
        self._syncing: Syncing | None = None
        self._former: list[Syncing] = []  # what may still run as it ran before
        self._want: AbstractSet[SyncRole] | None = None  # not known yet: what an earlier life left goes on
        self._running: tuple[SyncDaemon, ...] = ()
        self._lingers = -inf  # until when the backup does
        self._began: dict[SyncRole, int] = {}  # the index of the interface at that time
        self._failing: dict[SyncRole, tuple[str, float]] = {}  # why, and since when
        self._awake = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def take(self, syncing: Syncing | None) -> None:
        """How they are to run from now on; those that ran otherwise are stopped."""
        if syncing == self._syncing and self._task is not None:
            return
        if self._syncing is not None:
            self._former.append(self._syncing)
        self._syncing = syncing
        old = self._task
        if old is not None:
            old.cancel()
        self._settled.clear()
        self._task = asyncio.create_task(self._run(old), name="pair: sync")

    async def follow(self, want: AbstractSet[SyncRole], *, patience: float) -> None:
        """These are to run from now on. Waits until that was tried, or for so many seconds."""
        if SyncRole.MASTER in want and SyncRole.BACKUP in (self._want or NOTHING) - want:
            self._lingers = asyncio.get_running_loop().time() + LINGER
        self._want = want
        if self._task is None:
            return
        self._settled.clear()
        self._awake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._settled.wait()

    async def close(self) -> None:
        """End; what runs goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def view(self) -> SyncView | None:
        """None where none is configured."""
        if self._syncing is None:
            return None
        trouble = "; ".join(dict.fromkeys(why for why, _ in self._failing.values()))
        want = tuple(role for role in SyncRole if role in (self._want or NOTHING))
        return SyncView(self._syncing.interface, self._syncing.sync_id, want, self._running, trouble)

    def going_on(self) -> Iterator[SyncFailed]:
        """What would be told if it began now."""
        yield from (SyncFailed(role, why) for role, (why, _) in self._failing.items())

    # --- the task -------------------------------------------------------------------------------------------------

    async def _run(self, old: asyncio.Task[None] | None) -> None:
        if old is not None:
            await asyncio.wait([old])  # it may be waiting for the kernel still
        while self._former:
            if self._former[0] != self._syncing:
                await self._try(self._former[0], NOTHING)
            self._former.pop(0)
        while True:
            self._awake.clear()
            lingers = self._lingering()
            if self._syncing is not None and self._want is not None:
                await self._try(self._syncing, self._want | {SyncRole.BACKUP} if lingers > 0 else self._want)
            if not self._awake.is_set():
                self._settled.set()
            pause = AGAIN if self._failing else LOOK
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, lingers) if lingers > 0 else pause):
                    await self._awake.wait()

    def _lingering(self) -> float:
        """Seconds for which the backup still goes on beside the master, if any are left."""
        if SyncRole.MASTER not in (self._want or NOTHING):
            return 0.0
        return self._lingers - asyncio.get_running_loop().time()

    async def _try(self, syncing: Syncing, want: AbstractSet[SyncRole]) -> None:
        try:
            wrong = await self._once(syncing, want)
        except KernelError as error:
            wrong = dict.fromkeys(want, str(error))
        except Exception:
            log.exception("a bug in lvsctl: connections may not be copied between the directors; report it")
            wrong = dict.fromkeys(want, "a bug in lvsctl: its log says more")
        self._judge(wrong)

    async def _once(self, syncing: Syncing, want: AbstractSet[SyncRole]) -> dict[SyncRole, str]:
        """Look, and do what that asks for; returns why some do not run as they ought to."""
        interface = await self._look(syncing.interface)
        index = interface.index if interface is not None else None
        stale = {role for role in want if index is not None and self._began.get(role) != index}
        found = await self._ipvs.sync_daemons()
        ought = moves(syncing, want, found, stale=stale)
        wrong = dict(ought.foreign) | await self._carry_out(syncing, ought, index)
        self._running = tuple(await self._ipvs.sync_daemons() if ought.stop or ought.start else found)
        if interface is None:
            why = f"there is no interface {syncing.interface} for the sync daemon: create it, or correct the name"
            wrong = dict.fromkeys(want, why) | wrong
        return wrong

    async def _carry_out(self, syncing: Syncing, ought: Moves, index: int | None) -> dict[SyncRole, str]:
        wrong: dict[SyncRole, str] = {}
        if SyncRole.MASTER in ought.stop:
            await self._copy_youngest(syncing)
        for role in ought.stop:
            self._began.pop(role, None)
            refusal = await self._stopped(role)
            if refusal is not None:
                wrong[role] = refusal.message
        for daemon in ought.start:
            if daemon.role in wrong:
                continue
            refusal = await self._ipvs.start_sync(daemon)
            if refusal is not None:
                wrong[daemon.role] = refusal.message
            elif index is not None:
                self._began[daemon.role] = index
        return wrong

    async def _copy_youngest(self, syncing: Syncing) -> None:
        """What the kernel's master has gathered goes with it, whatever it is stopped for."""
        try:
            async with asyncio.timeout(HASTE):
                await copy_youngest(self._ipvs, syncing)
        except (KernelError, OSError) as error:  # TimeoutError is one
            log.warning("the youngest connections are not copied", error=str(error) or "it takes too long")

    async def _stopped(self, role: SyncRole) -> Refusal | None:
        for _ in range(INTERRUPTED):
            refusal = await self._ipvs.stop_sync(role)
            if refusal is None or refusal.errno == errno.ESRCH:
                return None
            if refusal.errno != errno.EINTR:
                return refusal
            await asyncio.sleep(SOON)
        return refusal

    def _judge(self, wrong: dict[SyncRole, str]) -> None:
        """Tell what is new of it."""
        now = asyncio.get_running_loop().time()
        before, self._failing = self._failing, {}
        for role, why in wrong.items():
            last, since = before.get(role, ("", now))
            self._failing[role] = (why, since)
            if why != last:
                self._tell(SyncFailed(role, why))
        for role, (_, since) in before.items():
            if role not in wrong:
                self._tell(SyncRestored(role, now - since))
