"""The talk with one peer as it is configured: the door where it asks, and the questions to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from lvsctl.daemon.clock import Clock
from lvsctl.daemon.overrides import Overrides
from lvsctl.daemon.peer.asking import Asking, NoAnswer
from lvsctl.daemon.peer.door import Door, TurnedAway
from lvsctl.daemon.peer.memory import Heard, Memory
from lvsctl.daemon.peer.saying import Saying
from lvsctl.errors import LvsctlError
from lvsctl.events import Event, PairTroubled
from lvsctl.model import Peer, Trouble
from lvsctl.pair.tally import Seldom

ABOUT = "peer"
"""What its troubles are told of, in place of an instance."""

_WORDS = {
    TurnedAway.STRANGER: "somebody who is not the peer asks for this director's opinion",
    TurnedAway.FORGED: "a question from the peer's address is not signed with a key that is known here",
    TurnedAway.GARBAGE: "what comes from the peer's address is no question",
}

log = structlog.get_logger("lvsctl")


class Talk:
    """deaf: why the peer cannot ask here, "" if it can. failure: why the newest question has no answer, "" if it has.

    counts: `heard` and `unheard`, of our own questions; `told`, of the peer's; and who was turned away.
    """

    def __init__(
        self,
        peer: Peer,
        saying: Saying,
        overrides: Overrides,
        *,
        clock: Clock,
        counts: Counter[str],
        tell: Callable[[Event], None],
        lag: Callable[[float], float],
    ) -> None:
        """lag: see Door."""
        self.peer = peer
        self.counts = counts
        self.deaf = self.failure = ""
        self._saying = saying
        self._door = Door(peer, self._answer, self._turned_away, lag)
        self._asking = Asking(peer, overrides.speaker.origin)
        self._memory = Memory()
        self._overrides = overrides
        self._clock = clock
        self._tell = tell
        self._seldom = Seldom()
        self._forgetful = ""  # why what the peer's operators ordered could not be written down

    @property
    def port(self) -> int:
        """Where the peer is listened to; 0: it is not."""
        return self._door.port

    def listen(self) -> None:
        """Where that is possible by now; and hang up on those who say nothing."""
        before, self.deaf = self.deaf, ""
        try:
            self._door.open()
        except LvsctlError as error:
            self.deaf = str(error)
        if self.deaf and self.deaf != before:
            self._tell(PairTroubled(Trouble(ABOUT, self.deaf)))
        self._door.sweep()

    async def ask(self) -> Heard | None:
        """One question; None where it has no answer."""
        heard = await self._ask()
        self.counts["unheard" if heard is None else "heard"] += 1
        return heard

    async def _ask(self) -> Heard | None:
        began = self._clock.now()
        answer = await self._asking.ask(self._memory.known)
        if isinstance(answer, NoAnswer):
            self.failure = f"{self.peer.address} {answer.why}"
            return None
        middle = (began + self._clock.now()) / 2
        try:
            heard = self._memory.take(answer, at=began, skew=self._clock.at(middle) - answer.today)
        except (ValueError, KeyError, TypeError) as error:
            self.failure = f"{self.peer.address} says what makes no sense: {error}"
            return None
        self.failure = ""
        return heard

    def obey(self) -> bool:
        """Take in what operators ordered at the peer; whether anything holds now that did not, or no longer."""
        words = self._memory.words()
        if not words:
            return False
        try:
            changed = self._overrides.hear(words)
        except LvsctlError as error:
            if str(error) != self._forgetful:
                log.error("what was ordered at the peer does not hold here until it can be kept", error=str(error))
            self._forgetful = str(error)
            return False
        self._forgetful = ""
        self._memory.obeyed()
        return changed

    def _answer(self, known: Mapping[str, str]) -> bytes:
        self.counts["told"] += 1
        return self._saying.answer(known)

    def _turned_away(self, why: TurnedAway, who: str) -> None:
        self.counts[why] += 1
        if times := self._seldom.worth_telling(why, self._clock.now()):
            what = _WORDS[why] + (f": {who}" if who else "")
            self._tell(PairTroubled(Trouble(ABOUT, what, times)))

    async def close(self) -> None:
        await self._asking.close()
        await self._door.close()
