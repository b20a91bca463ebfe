"""Which notifications wait for one receiver: what is sent next, and what goes when there is no room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lvsctl.model import Notification, Status
from lvsctl.notify.fold import folded


@dataclass(slots=True)
class Group:
    """What waits of one group. all: in order of time. tried: when, and None if never.

    renew_at: all of it has been taken, and is to be told again then, because the receiver forgets.
    """

    all: list[Notification] = field(default_factory=list)
    tried: float | None = None
    renew_at: float | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """What is to be sent now. ids: of all that is told by it. again: it was taken before and is only renewed."""

    notification: Notification
    ids: tuple[str, ...]
    again: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What making room did. gone: ids that wait no more. put: what stands for several of them. lost: nobody is told."""

    gone: tuple[str, ...] = ()
    put: tuple[Notification, ...] = ()
    lost: int = 0


class Waiting:
    """The notifications of one receiver, by group. limit: how many may wait; times are any clock's that never jumps."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._groups: dict[str, Group] = {}

    def __len__(self) -> int:
        """How many have not been taken yet."""
        return sum(len(group.all) for group in self._groups.values() if group.renew_at is None)

    def __contains__(self, name: str) -> bool:
        return any(notification.id == name for notification in self.all())

    def all(self) -> list[Notification]:
        """All that must not be forgotten, taken or not."""
        return [notification for group in self._groups.values() for notification in group.all]

    def stuck(self) -> bool:
        """Whether something waits that was tried in vain."""
        return any(group.tried is not None and group.renew_at is None for group in self._groups.values())

    def add(self, notification: Notification) -> None:
        """One more waits."""
        group = self._groups.setdefault(notification.group_key, Group())
        group.all.append(notification)
        group.renew_at = None

    def remove(self, ids: Iterable[str]) -> None:
        """These wait no more."""
        unwanted = set(ids)
        for key, group in list(self._groups.items()):
            group.all = [each for each in group.all if each.id not in unwanted]
            if not group.all:
                del self._groups[key]

    def next(self, now: float) -> Next | None:
        """What is to be sent now: what was never tried before what was tried longest ago, in order of time."""
        due = [group for group in self._groups.values() if group.renew_at is None or group.renew_at <= now]
        if not due:
            return None
        group = min(due, key=lambda group: (group.tried is not None, group.tried or 0.0, group.all[0].at))
        ids = tuple(notification.id for notification in group.all)
        return Next(folded(group.all), ids, group.renew_at is not None)

    def due_at(self, now: float) -> float | None:
        """When `next` has something, None if not by itself."""
        moments = [now if group.renew_at is None else group.renew_at for group in self._groups.values()]
        return min(moments, default=None)

    def failed(self, sent: Next, now: float) -> None:
        """It was tried in vain: others go first next time. What came meanwhile is folded with it."""
        if group := self._groups.get(sent.notification.group_key):
            group.tried = now

    def renew(self, sent: Next, at: float) -> None:
        """It was taken, and is to be told again at this moment unless something newer comes."""
        group = self._groups.setdefault(sent.notification.group_key, Group())
        newer = [each for each in group.all if each.id not in sent.ids]
        group.all = [sent.notification, *newer]
        group.tried = None
        group.renew_at = None if newer else at

    def older_than(self, at: float) -> tuple[str, ...]:
        """Ids of what was tried in vain and was made before `at`, Unix time."""
        tried = [group for group in self._groups.values() if group.tried is not None and group.renew_at is None]
        return tuple(each.id for group in tried for each in group.all if each.at < at)

    def make_room(self, busy: Sequence[str] = ()) -> Change:
        """If too many wait: fold each group; if there are still too many, the oldest go whose alerts have all ended -
        they say that nothing is wrong -, then the oldest. busy: ids that are being sent; they stay as they are."""
        if len(self) <= self.limit:
            return Change()
        before = {notification.id for notification in self.all()}
        put = [self._fold(group, busy) for group in self._groups.values() if group.renew_at is None]
        lost = self._drop(busy)
        left = {notification.id for notification in self.all()}
        kept = tuple(each for each in put if each is not None and each.id in left)
        return Change(tuple(sorted(before - left)), kept, lost)

    def _fold(self, group: Group, busy: Sequence[str]) -> Notification | None:
        free = [each for each in group.all if each.id not in busy]
        if len(free) < 2:
            return None
        one = folded(free)
        group.all = [*(each for each in group.all if each.id in busy), one]
        return one

    def _drop(self, busy: Sequence[str]) -> int:
        too_many = max(len(self) - self.limit, 0)
        candidates = [
            each
            for group in self._groups.values()
            if group.renew_at is None
            for each in group.all
            if each.id not in busy
        ]
        candidates.sort(key=lambda each: (each.status is not Status.RESOLVED, each.at))
        self.remove(each.id for each in candidates[:too_many])
        return min(too_many, len(candidates))


def renewed(notification: Notification, since: float) -> Notification:
    """What is still worth telling again: alerts that fire, and those that ended after `since`, Unix time."""
    alerts = tuple(alert for alert in notification.alerts if alert.ends_at is None or alert.ends_at >= since)
    return replace(notification, alerts=alerts)
