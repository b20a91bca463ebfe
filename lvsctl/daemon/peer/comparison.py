"""What this director makes of what its peer says: what there is to tell, and what it takes from its own priority."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lvsctl.daemon.peer.memory import Heard
from lvsctl.daemon.peer.sight import Sight
from lvsctl.decide.differing import Actives, Differing, actives, differ, explained_by, takeover
from lvsctl.decide.opinion import FRESH, Digest, View, compare, counted, lowering
from lvsctl.events import BothActive, Event, OpinionsDiffer, PeerBack, PeerLost
from lvsctl.model import Disagreement, PairSpec, Peer, Role


class Comparison:
    """With one peer. heard: its last answer. view: what was found last, lowering: what follows, differing: for long.

    lost: why the peer does not count, "" while it does.
    """

    def __init__(self, sight: Sight, tell: Callable[[Event], None], now: float) -> None:
        self.heard: Heard | None = None
        self.view = View(peer="the peer has not been heard")
        self.lowering: tuple[int, str] = (0, "")
        self.lost = ""
        self._sight = sight
        self._tell = tell
        self._since = now  # when the peer was heard last, or might have been first
        self._differing = Differing()
        self._actives = Actives()
        self._weighing: tuple[View, frozenset[Disagreement], View] | None = None
        self._compared: tuple[Digest, Digest] | None = None

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

    def judge(self, pair: PairSpec, peer: Peer, *, failure: str, now: float) -> None:
        """Compare. failure: why the newest question has no answer, "" if it has one."""
        theirs = self.heard.digest if self.heard is not None else None
        mine = self._sight.digest(now)
        fresh = self._is_heard(peer, failure, now)
        if not fresh or theirs is None or not self._is_known(mine, theirs):
            self.view = compare(mine, theirs, interval=peer.interval, now=now)
            self._compared = (mine, theirs) if theirs is not None and fresh else None
        if not fresh:
            self.lowering = (0, "")
            return
        self._tell_differences(pair, peer, now)
        self.lowering = lowering(self._weighed(), mine, peer.penalty)

    def _is_heard(self, peer: Peer, failure: str, now: float) -> bool:
        """Whether the peer's word still counts; tells when it is lost, and when it is back."""
        last = self.heard.at if self.heard is not None else self._since
        patience = FRESH * peer.interval
        if now - last > patience:
            if not self.lost:
                self._since = last
                self._tell(PeerLost(failure or "it has not been heard"))
            self.lost = failure or self.lost or "it has not been heard"
            return False
        if self.lost and self.heard is not None:
            self._tell(PeerBack(now - self._since))
            self.lost = ""
        return self.heard is not None

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
