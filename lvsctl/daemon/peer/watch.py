"""The watch on the other director: asks it again and again, answers what it asks, and says what follows from both.

Each director asks the other, over HTTP, once in an interval on a connection that is kept. Asking is what makes an
opinion fresh: the asker alone knows when, and his nonce dates the answer, so nobody's clock is trusted. A datagram
for every opinion would have to be split up from about fifty servers on, and dated by the sender; a websocket, or a
connection on which either speaks when it likes, saves a few hundred bytes and needs its own signs of life, numbers
against replay, and a rule for who connects. TLS would need certificates on both, for what is no secret.

Nothing here can hold up a failover: the loop is one task of its own, each question has its deadline, and what others
read is what was found last.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from lvsctl.daemon.clock import Clock
from lvsctl.daemon.overrides import Overrides
from lvsctl.daemon.peer.comparison import Comparison
from lvsctl.daemon.peer.sight import Sight
from lvsctl.events import Event
from lvsctl.model import PairSpec, PeerView
from lvsctl.model.table import endpoint

if TYPE_CHECKING:
    from lvsctl.daemon.peer.talk import Talk

log = structlog.get_logger("lvsctl")


class PeerWatch:
    """Idle where conf.d has no `peer`. port: where the peer is listened to, 0: nowhere."""

    def __init__(
        self,
        sight: Sight,
        overrides: Overrides,
        *,
        tell: Callable[[Event], None],
        clock: Clock,
        wake: Callable[[], None],
        obey: Callable[[], None],
        lag: Callable[[float], float],
    ) -> None:
        """wake: hears that `lowering` is another. obey: hears that `overrides` are, by what was ordered at the peer.

        lag: the longest delay of this director within so many seconds (see `Lag.worst`).
        """
        self._sight = sight
        self._overrides = overrides
        self._tell = tell
        self._clock = clock
        self._wake = wake
        self._obey = obey
        self._lag = lag
        self._pair: PairSpec | None = None
        self._talk: Talk | None = None
        self._comparison: Comparison | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._counts: Counter[str] = Counter()
        self._closed = False

    # --- from the start to the end --------------------------------------------------------------------------------

    async def take(self, pair: PairSpec | None) -> None:
        """Watch the peer that it names, if any, from now on."""
        async with self._turn:
            before, self._pair = self._pair, pair
            old, new = before.peer if before else None, pair.peer if pair else None
            if old == new or self._closed:
                return
            await self._end()
            if old is None or new is None or (old.address, old.port) != (new.address, new.port):
                self._comparison = None  # what another one said does not count
            if pair is not None and new is not None:
                self._begin(pair)

    async def close(self) -> None:
        """Ask and answer no more, for good."""
        self._closed = True
        async with self._turn:
            await self._end()

    def _begin(self, pair: PairSpec) -> None:
        from lvsctl.daemon.peer.saying import Saying  # noqa: PLC0415 - they import aiohttp, which is slow to import
        from lvsctl.daemon.peer.talk import Talk  # noqa: PLC0415

        assert pair.peer is not None  # noqa: S101 - `take` has looked
        if self._comparison is None:
            self._comparison = Comparison(self._sight, self._tell, self._clock.now())
        saying = Saying(self._sight, self._overrides, lambda: self._clock.at(self._clock.now()))
        self._talk = talk = Talk(
            pair.peer, saying, self._overrides, clock=self._clock, counts=self._counts, tell=self._tell, lag=self._lag
        )
        self._task = asyncio.create_task(self._run(talk, self._comparison), name="peer: watch")

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._talk is not None:
            await self._talk.close()
            self._talk = None

    # --- what is to be seen ---------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._talk.port if self._talk is not None else 0

    def view(self) -> PeerView | None:
        """All that is shown; None where no peer is configured."""
        talk, comparison = self._talk, self._comparison
        if talk is None or comparison is None:
            return None
        address = endpoint(talk.peer.address, talk.peer.port)
        counts = dict(self._counts)
        heard = comparison.heard
        if heard is None:
            return PeerView(address, lost=comparison.lost or talk.failure, deaf=talk.deaf, counts=counts)
        return PeerView(
            address,
            heard=self._clock.now() - heard.at,
            lost=comparison.lost,
            version=heard.version,
            blind=heard.digest.blind,
            instances=heard.instances,
            services=heard.services,
            disagreements=comparison.view.disagreements,
            differing=comparison.differing,
            here=comparison.view.here,
            there=comparison.view.there,
            common=comparison.view.common,
            lowering=comparison.lowering[0],
            why=comparison.lowering[1],
            deaf=talk.deaf,
            skew=heard.skew,
            counts=counts,
        )

    def lowering(self) -> tuple[int, str]:
        """What this director takes from its own priority for seeing less than its peer, and why; (0, "") if nothing."""
        return self._comparison.lowering if self._comparison is not None else (0, "")

    @property
    def knows(self) -> bool:
        """Whether anything can be said of what both see: the peer is heard, or there is none."""
        comparison = self._comparison
        return comparison is None or (comparison.heard is not None and not comparison.lost)

    def going_on(self) -> tuple[Event, ...]:
        """What has been told of and is not over, as far as that is known."""
        return tuple(self._comparison.going_on()) if self._comparison is not None else ()

    def unsure(self) -> tuple[Event, ...]:
        """What may be worth telling in a while."""
        return tuple(self._comparison.unsure()) if self._comparison is not None else ()

    # --- again and again ------------------------------------------------------------------------------------------

    async def _run(self, talk: Talk, comparison: Comparison) -> None:
        while True:
            began = self._clock.now()
            try:
                await self._step(talk, comparison)
            except Exception:
                log.exception("a bug in lvsctl: the peer is not compared with; report it")
            await asyncio.sleep(max(began + talk.peer.interval - self._clock.now(), 0.0))

    async def _step(self, talk: Talk, comparison: Comparison) -> None:
        talk.listen()
        heard = await talk.ask()
        if talk.obey():
            self._obey()
        before = comparison.lowering
        assert self._pair is not None  # noqa: S101 - there is somebody to talk to
        comparison.judge(self._pair, talk.peer, heard, failure=talk.failure, now=self._clock.now())
        if comparison.lowering != before:
            self._wake()
