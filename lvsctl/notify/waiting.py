"""Which notifications wait for one receiver: what is sent next, and what goes when there is no room.

Where it did not answer for long, many notifications about one group become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from lvsctl.model import Notification, Reason, Status

_FIRST_OF = (Reason.FIRST, Reason.NEW, Reason.RESOLVED, Reason.REPEAT, Reason.TEST)


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
    """What one more did. put: it, or what stands for it and others. gone: ids that wait no more. folded: how many of
    them had not been taken, and are told with `put`."""

    put: Notification
    gone: tuple[str, ...] = ()
    folded: int = 0


@dataclass(frozen=True, slots=True)
class _Arrival:
    """turn: of the first of those that were folded into it, for what is sent next. at: of the last, for what goes."""

    turn: int
    at: float


class Waiting:
    """The notifications of one receiver, by group. limit: how many may wait; times are any clock's that never jumps.

    whole: each message names all that fires in its group (see `folded`).
    """

    def __init__(self, limit: int, *, whole: bool = True) -> None:
        self.limit = limit
        self.whole = whole
        self._groups: dict[str, Group] = {}
        self._arrived: dict[str, _Arrival] = {}
        self._turns = 0

    def __len__(self) -> int:
        """How many have not been taken yet."""
        return sum(len(group.all) for group in self._groups.values() if group.renew_at is None)

    def __contains__(self, name: str) -> bool:
        return name in self._arrived

    def has_of(self, group_key: str) -> bool:
        """Whether something about this group is held."""
        return group_key in self._groups

    def all(self) -> list[Notification]:
        """All that must not be forgotten, taken or not."""
        return [notification for group in self._groups.values() for notification in group.all]

    def stuck(self) -> bool:
        """Whether something waits that was tried in vain."""
        return any(group.tried is not None and group.renew_at is None for group in self._groups.values())

    def add(self, notification: Notification, now: float, busy: Sequence[str] = ()) -> Change:
        """One more waits, folded with what waits of its group: a queue is never longer than it has groups.

        busy: ids that are being sent; they stay as they are.
        """
        group = self._groups.setdefault(notification.group_key, Group())
        taken, group.renew_at = group.renew_at is not None, None
        group.all.append(notification)
        self._turns += 1
        self._arrived[notification.id] = _Arrival(self._turns, now)
        free = [each for each in group.all if each.id not in busy]
        older = tuple(each.id for each in free[:-1])
        if not older:
            return Change(notification)
        one = folded(free, whole=self.whole)
        turn = min(self._arrived.pop(name).turn for name in older)
        self._arrived[one.id] = _Arrival(turn, now)
        group.all = [*(each for each in group.all if each.id in busy), one]
        return Change(one, older, 0 if taken else len(older))

    def make_room(self, busy: Sequence[str] = ()) -> tuple[str, ...]:
        """Ids that go because too many wait: of those that are worth least (see `_Worth`) the oldest.

        busy: ids that are being sent; they have left the queue.
        """
        waiting = [group for group in self._groups.values() if group.renew_at is None]
        free = [each for group in waiting for each in group.all if each.id not in busy]
        too_many = len(free) - self.limit
        if too_many <= 0:
            return ()
        free.sort(key=lambda each: (_worth(each), self._arrived[each.id].at))
        lost = tuple(each.id for each in free[:too_many])
        self.remove(lost)
        return lost

    def remove(self, ids: Iterable[str]) -> None:
        """These wait no more."""
        unwanted = set(ids)
        for name in unwanted:
            self._arrived.pop(name, None)
        for key, group in list(self._groups.items()):
            group.all = [each for each in group.all if each.id not in unwanted]
            if not group.all:
                del self._groups[key]

    def next(self, now: float) -> Next | None:
        """What is to be sent now: what was never tried before what was tried longest ago, in order of arrival."""
        due = [group for group in self._groups.values() if group.renew_at is None or group.renew_at <= now]
        if not due:
            return None
        group = min(due, key=self._order)
        ids = tuple(notification.id for notification in group.all)
        return Next(folded(group.all, whole=self.whole), ids, group.renew_at is not None)

    def _order(self, group: Group) -> tuple[bool, float, int]:
        return (group.tried is not None, group.tried or 0.0, self._arrived[group.all[0].id].turn)

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
        group = self._groups[sent.notification.group_key]
        newer = [each for each in group.all if each.id not in sent.ids]
        for name in sent.ids[:-1]:
            self._arrived.pop(name)
        group.all = [sent.notification, *newer]
        group.tried = None
        group.renew_at = None if newer else at

    def older_than(self, moment: float) -> tuple[str, ...]:
        """Ids of what was tried in vain and came before this moment; without those whose end somebody waits for."""
        tried = [group for group in self._groups.values() if group.tried is not None and group.renew_at is None]
        old = (each for group in tried for each in group.all if self._arrived[each.id].at < moment)
        return tuple(each.id for each in old if not _owed(each))


class _Worth(IntEnum):
    """What is lost with a notification, from little to much.

    PAST: news of what is over; nobody waits for its end. OLD_NEWS: it is told again, and was told before. NEWS: of what
    fires; if it still does when its group is told of the next time, it is told then. END: of what was told; no message
    after it has that again.
    """

    PAST = 0
    OLD_NEWS = 1
    NEWS = 2
    END = 3


def _worth(notification: Notification) -> _Worth:
    if _past(notification):
        return _Worth.PAST
    if _owed(notification):
        return _Worth.END
    return _Worth.OLD_NEWS if notification.reason is Reason.REPEAT else _Worth.NEWS


def _past(notification: Notification) -> bool:
    """Whether all of it began and ended while it could not be told."""
    return all(not alert.firing and alert.fingerprint in notification.begun for alert in notification.alerts)


def _owed(notification: Notification) -> bool:
    """Whether it has the end of something that was told: no message after it has that again."""
    return any(not alert.firing and alert.fingerprint not in notification.begun for alert in notification.alerts)


def renewed(notification: Notification, since: float) -> Notification:
    """What is still worth telling again: alerts that fire, and those that ended after `since`, Unix time."""
    alerts = tuple(alert for alert in notification.alerts if alert.ends_at is None or alert.ends_at >= since)
    return replace(notification, alerts=alerts)


def folded(waiting: Sequence[Notification], *, whole: bool = True) -> Notification:
    """One notification for all of these about one group, in order of time: the newest state of each alert, once.

    whole: what the newest one does not name fires no more. Where it is not, that was only muted when the newest was
    made, and is told as it was named last: nobody tells it anew while it goes on. What had ended when it was named last
    is told as ended, even if nobody was ever told that it fired. It has the id of the newest: content that changed is
    another message.
    """
    newest = waiting[-1]
    if len(waiting) == 1:
        return newest
    latest = {alert.labels: alert for each in waiting for alert in each.alerts}
    for alert in newest.alerts:
        latest.pop(alert.labels, None)
    fires = () if whole else tuple(alert for alert in latest.values() if alert.firing)
    ended = tuple(alert for alert in latest.values() if not alert.firing)
    alerts = (*newest.alerts, *fires, *ended)
    begun = frozenset[str]().union(*(each.begun for each in waiting)) & {each.fingerprint for each in alerts}
    return replace(newest, alerts=alerts, reason=_reason(waiting, firing=bool(fires)), begun=begun)


def _reason(waiting: Sequence[Notification], *, firing: bool) -> Reason:
    """The weightiest of their reasons; nothing is new in one in which everything ended."""
    newest = waiting[-1]
    if newest.status is Status.RESOLVED and not firing and newest.reason is not Reason.TEST:
        return Reason.RESOLVED
    return min((each.reason for each in waiting), key=_FIRST_OF.index)
