"""The priority that this director offers: what conf.d says, less what its services and its peer take from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from lvsctl.decide.priority import Counted, count, due, priority, reasons
from lvsctl.events import Event, PriorityChanged
from lvsctl.model import LOWEST, OWNER, Condition, Instance, PairSpec

UNPROVEN = "the table is not proven yet: some checks have not answered"

Lowering = Callable[[], tuple[int, str]]
"""What the comparison with the peer takes, and why; (0, "") for nothing."""


def nothing() -> tuple[int, str]:
    """There is no peer to compare with."""
    return 0, ""


class Offer:
    """offered: by the name of the instance. reasons: what takes how much from each, the dearest first.

    Nothing is judged until the table is proven: until then it is the lowest there is, as nothing speaks for this
    director (see Pairing); a service that is looked at for the first time counts at once.
    """

    def __init__(self, tell: Callable[[Event], None], lowering: Lowering = nothing) -> None:
        self.offered: Mapping[str, int] = {}
        self.reasons: tuple[str, ...] = ()
        self.due = inf
        self._tell = tell
        self._lowering = lowering
        self._counted: Mapping[str, Counted] = {}
        self._proven = False

    def judge(self, spec: PairSpec, seen: Mapping[str, Condition], now: float) -> None:
        """After a round. seen: by the name of the service; now: on one clock, on which `due` is told too."""
        self._proven = True
        self._counted = count(self._counted, seen, spec.penalties, spec.steadiness, now)
        self.due = due(self._counted, spec.penalties, spec.steadiness)
        self.weigh(spec)

    def weigh(self, spec: PairSpec) -> None:
        """Anew from what is known: the configuration may be another, or the peer may say something else."""
        taken, why = self._lowering()
        self.reasons = (*reasons(self._counted, spec.penalties), *((f"{why}: -{taken}",) if taken else ()))
        if not self._proven:
            self.reasons = (UNPROVEN,)
        before, self.offered = self.offered, {one.name: self._of(one, spec, taken) for one in spec.instances}
        for one in spec.instances:
            last, now = before.get(one.name, one.priority), self.offered[one.name]
            if last != now:
                self._tell(PriorityChanged(one.name, last, now, self.reasons))

    def weighed(self, spec: PairSpec) -> Mapping[str, int]:
        """What is offered, weighed anew: see `weigh`."""
        self.weigh(spec)
        return self.offered

    def _of(self, instance: Instance, spec: PairSpec, taken: int) -> int:
        if instance.priority == OWNER:
            return OWNER
        if not self._proven:
            return LOWEST
        return max(LOWEST, priority(instance.priority, self._counted, spec.penalties) - taken)
