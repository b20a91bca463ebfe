"""What this director makes of what its peer says: what there is to tell, and what it takes from its own priority."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lvsctl.daemon.peer.memory import Heard
from lvsctl.daemon.peer.sight import Sight
from lvsctl.decide.differing import Actives, Differing, actives, differ, explained_by, takeover
from lvsctl.decide.opinion import FRESH, Digest, Lowered, View, compare, counted, lowering, steady
from lvsctl.events import BothActive, Event, OpinionsDiffer, PeerBack, PeerLost
from lvsctl.model import Disagreement, PairSpec, Peer, Role


class Comparison:
    """With one peer. heard: its last answer. view: what was found last.

    lost: why the peer does not count, "" while it does.
    """

    def __init__(self, sight: Sight, tell: Callable[[Event], None], now: float) -> None:
        self.heard: Heard | None = None
        self.view = compare(Digest(), None)
        self.lost = ""
        self._sight = sight
        self._tell = tell
        self._lowered = Lowered()
        self._since = now  # when the peer was heard last, or might have been first
        self._missed = 0  # questions in a row without an answer
        self._differing = Differing()
        self._actives = Actives()
        self._weighing: tuple[View, frozenset[Disagreement], View] | None = None
        self._compared: tuple[Digest, Digest] | None = None

    @property
    def lowering(self) -> tuple[int, str]:
        """What is taken from this director's priority, and why; (0, "") for nothing."""
        return self._lowered.penalty, self._lowered.why

    @property
    def differing(self) -> tuple[Disagreement, ...]:
        """What the pace of the checks no longer explains."""
        return tuple(one for one in self.view.disagreements if one in self._differing.told)

    def going_on(self) -> Iterator[Event]:
        """What has been told of and is not over, as far as that is known."""
        if self.lost:
            yield PeerLost(self.lost)
        if self._differing.told:
            yield OpinionsDiffer(tuple(str(one) for one in self._differing.found if one in self._differing.told))
        yield from (BothActive(name) for name in sorted(self._actives.told))

    def unsure(self) -> Iterator[Event]:
        """What may be worth telling in a while."""
        if self.heard is None:
            yield PeerLost(self.lost)
        if self._differing.found:
            yield OpinionsDiffer(())
        yield from (BothActive(name) for name in self._actives.since)

    def judge(self, pair: PairSpec, peer: Peer, heard: Heard | None, *, failure: str, now: float) -> None:
        """Once after each question. heard: its answer; None: there is none, and `failure` says why."""
        self._listen(heard, failure, now)
        if self.heard is None or self.lost:
            self.view, self._compared, self._lowered = compare(Digest(), None), None, Lowered()
            return
        mine, theirs = self._sight.digest(), self.heard.digest
        if not self._is_known(mine, theirs):
            self.view, self._compared = compare(mine, theirs), (mine, theirs)
        self._tell_differences(pair, peer, now)
        found = lowering(self._weighed(), mine, peer.penalty)
        self._lowered = steady(self._lowered, found, now, hold=pair.steadiness.hold)

    def _listen(self, heard: Heard | None, failure: str, now: float) -> None:
        """Whether the peer's word still counts; tells when it is lost, and when it is back."""
        if heard is not None:
            if self.lost:
                self._tell(PeerBack(now - self._since))
            self.heard, self.lost, self._missed, self._since = heard, "", 0, now
            return
        self._missed += 1
        if self._missed >= FRESH:
            if not self.lost:
                self._tell(PeerLost(failure))
            self.lost = failure

    def _is_known(self, mine: Digest, theirs: Digest) -> bool:
        """Whether these have been compared: then neither verdict nor trust has changed."""
        if self._compared is None:
            return False
        before, there = self._compared
        return before.verdicts is mine.verdicts and there.verdicts is theirs.verdicts and there.blind == theirs.blind

    def _weighed(self) -> View:
        """The view without what the checks explain."""
        told = self._differing.told
        if self._weighing is None or self._weighing[0] is not self.view or self._weighing[1] is not told:
            self._weighing = self.view, told, counted(self.view, told)
        return self._weighing[2]

    def _tell_differences(self, pair: PairSpec, peer: Peer, now: float) -> None:
        assert self.heard is not None  # noqa: S101 - it is fresh
        spec = self._sight.world.spec

        def explained(one: Disagreement) -> float:
            server = self._sight.server(one.service, one.server)
            return explained_by(spec, server, peer.interval) if server is not None else 0.0

        self._differing, news = differ(self._differing, self.view.disagreements, now, explained=explained)
        here = {one.name for one in self._sight.instances() if one.role is Role.ACTIVE}
        both = [one.name for one in self.heard.instances if one.role is Role.ACTIVE and one.name in here]
        lasting = lambda name: takeover(pair, name, peer.interval)  # noqa: E731
        self._actives, more = actives(self._actives, both, now, explained=lasting)
        for event in (*news, *more):
            self._tell(event)
