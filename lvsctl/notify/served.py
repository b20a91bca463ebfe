"""One receiver that is served, or is to be, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lvsctl.model import Notification, Receiver
from lvsctl.notify.desk import Desk, whole
from lvsctl.notify.senders import Sender
from lvsctl.notify.trouble import Trouble
from lvsctl.notify.waiting import Waiting
from lvsctl.notify.worker import Numbers


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """How one receiver stands. kind, where: as they may be shown. waiting: notifications not yet taken.

    failing_since: Unix time, None while all is well; why: what it says, "" then. disabled: it wants no more (410).
    """

    receiver: str
    kind: str
    where: str
    waiting: int
    failing_since: float | None
    why: str
    disabled: bool
    numbers: Numbers


@dataclass(slots=True)
class Served:
    """One receiver. desk: None while it cannot be used, because something is missing or its queue cannot be read.

    held: notifications that others keep meanwhile.
    """

    receiver: Receiver
    sender: Sender
    trouble: Trouble
    numbers: Numbers = field(default_factory=Numbers)
    desk: Desk | None = None
    held: int = 0

    @property
    def waiting(self) -> int:
        """Notifications that have not been taken yet."""
        return len(self.desk.waiting) if self.desk is not None else self.held

    @property
    def disabled(self) -> bool:
        """Whether it said that it wants no more."""
        return self.desk is not None and self.desk.worker.disabled

    def serves(self, receiver: Receiver) -> bool:
        """Whether just this one is being told."""
        return self.desk is not None and self.receiver == receiver and not self.disabled

    def hold(self, many: Iterable[Notification]) -> list[Notification]:
        """What is left of these until it can be used: one of each group, and no more than may wait for it."""
        waiting = Waiting(self.receiver.queue, whole=whole(self.receiver))
        for each in many:
            waiting.add(each, each.at)
        if lost := waiting.make_room():
            self.numbers.lost += len(lost)
            self.trouble.lost(len(lost), "its queue is full", len(waiting))
        self.held = len(waiting)
        return waiting.all()

    def standing(self, today: float, now: float) -> ReceiverStanding:
        """How it stands. today: Unix time; now: at the same moment, on the clock of its trouble."""
        since = self.trouble.since
        return ReceiverStanding(
            self.receiver.name,
            self.sender.kind,
            self.sender.where,
            self.waiting,
            None if since is None else today - (now - since),
            self.trouble.why,
            self.disabled,
            replace(self.numbers),
        )
