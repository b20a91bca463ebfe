"""Two directors' opinions compared: where they differ, and which of the two sees less.

Who sees fewer servers up than the other lowers himself; nobody ever lowers the other. So one who is blind - who
suspects himself, or is cut off - overthrows nobody: he only makes way.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from lvsctl.model.peer_view import Disagreement

FRESH = 3
"""Questions in a row without an answer after which what the peer said last does not count any more.

They are counted, not timed: a director that was held up itself has not lost anybody."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One director's verdicts, as it tells them to the other.

    blind: why this director does not trust its own eyes, "" if it does. verdicts: by service and server, as text that
    is equal on both (`shop`, `192.0.2.21:80`): whether the server is up; only those that every check has spoken of.
    """

    blind: str = ""
    verdicts: Mapping[tuple[str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What a comparison found.

    here, there: how many of the servers that both speak of each sees up. common: how many these are. disagreements: in
    the order of their names. peer: why the peer's word does not count, "" if it does.
    """

    here: int = 0
    there: int = 0
    common: int = 0
    disagreements: tuple[Disagreement, ...] = ()
    peer: str = ""

    @property
    def sees_less(self) -> bool:
        """Whether this director sees fewer servers up than its peer, whose word counts."""
        return not self.peer and self.here < self.there


def compare(mine: Digest, theirs: Digest | None) -> View:
    """What both speak of, seen from here. theirs: None if the peer is not heard.

    Who is not heard, or does not trust its own eyes, changes nothing.
    """
    if theirs is None:
        return View(peer="the peer is not heard")
    common = mine.verdicts.keys() & theirs.verdicts.keys()
    differing = sorted(key for key in common if mine.verdicts[key] is not theirs.verdicts[key])
    return View(
        here=sum(mine.verdicts[key] for key in common),
        there=sum(theirs.verdicts[key] for key in common),
        common=len(common),
        disagreements=tuple(Disagreement(*key, here=mine.verdicts[key]) for key in differing),
        peer=f"the peer does not trust its own eyes: {theirs.blind}" if theirs.blind else "",
    )


def lowering(view: View, mine: Digest, penalty: int) -> tuple[int, str]:
    """What a director takes from its own priority for seeing less than its peer, and why; (0, "") for nothing.

    One that does not trust its own eyes takes it, too, if its peer's word counts: the peer may see better.
    """
    if view.peer:
        return 0, ""
    if mine.blind:
        return penalty, f"this director does not trust its own eyes: {mine.blind}"
    if view.sees_less:
        return penalty, f"this director sees {view.here} of {view.common} servers up, its peer {view.there}"
    return 0, ""


def counted(view: View, differing: AbstractSet[Disagreement]) -> View:
    """The view in which no other disagreements count than these: the rest may be the pace of the checks alone.

    Of what does not count it is taken that the peer sees it as we do.
    """
    here = sum(one.here for one in differing)
    return replace(
        view,
        there=view.here - here + (len(differing) - here),
        disagreements=tuple(one for one in view.disagreements if one in differing),
    )


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a director takes from its own priority, and why. better: since when it need not any more, None: it must."""

    penalty: int = 0
    why: str = ""
    better: float | None = None


def steady(before: Lowered, found: tuple[int, str], now: float, *, hold: float) -> Lowered:
    """What is taken now. found: by `lowering`. hold: seconds for which it must not be needed before it ends.

    Else a server that one director reaches now and then would make the role go to and fro.
    """
    penalty, why = found
    if penalty:
        return Lowered(penalty, why)
    better = now if before.better is None else before.better
    return replace(before, better=better) if before.penalty and now - better < hold else Lowered()
