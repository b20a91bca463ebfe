"""When a group of alerts is told, and what: Alertmanager's grouping, for one receiver of one route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf

from lvsctl.decide.alerting.quiet import quiet_until
from lvsctl.decide.alerting.state import Entry, Group, Key
from lvsctl.model import Alert, Grouping, Notification, Quiet, Reason, Receiver

FEED = Grouping(by=(), wait=1.0, interval=5.0, repeat=inf)
"""For receivers that group and repeat by themselves: all in one group, told at once.

What goes on is told again by those who deliver, every `RESEND` seconds.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a group is told. muted: conditions that are not to be told as news."""

    receiver: Receiver
    grouping: Grouping
    quiet: tuple[Quiet, ...]
    entries: Mapping[Key, Entry]
    muted: frozenset[Key]


@dataclass(frozen=True, slots=True)
class _News:
    """What a look at a group finds. begun: to be told as firing. over: told as firing, and over. still: neither."""

    begun: list[Key]
    over: list[Key]
    still: list[Key]


def visit(group: Group, terms: Terms, now: float) -> tuple[Group, Notification | None]:
    """The group after a look at it, and its message if one is due. A group with neither members nor told is to go."""
    found = _look(group, terms)
    since = group.news_at if group.news_at is not None else now
    group = replace(group, members=_members(group, terms), news_at=since if found.begun or found.over else None)
    due = _due(group, terms, still=bool(found.still))
    if due is None or due > now:
        return replace(group, due=due), None
    if found.over and not found.begun and not terms.receiver.send_resolved:
        return _pass_over(group, terms, found), None
    if (held := quiet_until(terms.quiet, now)) is not None:
        return replace(group, due=held), None
    return _tell(group, terms, found, now)


def _look(group: Group, terms: Terms) -> _News:
    news = _News([], [], [])
    for key in sorted(group.members | group.told, key=lambda key: (terms.entries[key].alert.starts_at, key)):
        entry, muted = terms.entries[key], key in terms.muted
        if key in group.told and not entry.firing and entry.flap_until is None:
            news.over.append(key)
        elif key in group.told:
            if terms.receiver.feed or not muted:
                news.still.append(key)
        elif not muted and (entry.firing or entry.once):
            news.begun.append(key)
    return news


def _members(group: Group, terms: Terms) -> frozenset[Key]:
    """Without those that ended before they could be told; what was over at once is told all the same."""
    return frozenset(
        key
        for key in group.members
        if (entry := terms.entries[key]).firing
        or entry.flap_until is not None
        or (entry.once and key not in group.told and key not in terms.muted)
    )


def _pass_over(group: Group, terms: Terms, found: _News) -> Group:
    """The group of a receiver that does not want to hear what ended."""
    group = replace(group, told=group.told - frozenset(found.over), news_at=None)
    return replace(group, due=_due(group, terms, still=bool(found.still)))


def _due(group: Group, terms: Terms, *, still: bool) -> float | None:
    """When the next message is due: news after the wait and the interval, else what goes on after the repeat."""
    grouping = terms.grouping
    if group.news_at is not None:
        soonest = group.sent_at + grouping.interval if group.sent_at is not None else 0.0
        return max(group.news_at + grouping.wait, soonest)
    repeats = still and group.sent_at is not None and grouping.repeat < inf
    return group.sent_at + grouping.repeat if repeats and group.sent_at is not None else None


def _tell(group: Group, terms: Terms, found: _News, now: float) -> tuple[Group, Notification]:
    firing = sorted({*found.begun, *found.still}, key=lambda key: (terms.entries[key].alert.starts_at, key))
    alerts = [replace(terms.entries[key].alert, ends_at=None) for key in firing]
    if terms.receiver.send_resolved:
        alerts += [terms.entries[key].alert for key in found.over]
    message = Notification(
        id=_id(group, now),
        receiver=group.receiver,
        group_key=group.key,
        group_labels=group.labels,
        alerts=tuple(alerts),
        at=now,
        reason=_reason(group, found),
        begun=frozenset(terms.entries[key].alert.fingerprint for key in found.begun),
    )
    told = (group.told | frozenset(found.begun)) - frozenset(found.over)
    after = replace(group, told=told, sent_at=now, news_at=None, sent=group.sent + 1)
    after = replace(after, members=_members(after, terms))
    return replace(after, due=_due_after(after, terms, found, now)), message


def _due_after(group: Group, terms: Terms, found: _News, now: float) -> float | None:
    """After a message: what was over at once is over at the next look, all else when it is repeated."""
    if any(not terms.entries[key].firing and terms.entries[key].flap_until is None for key in group.told):
        return now
    return _due(group, terms, still=bool(found.begun or found.still))


def _reason(group: Group, found: _News) -> Reason:
    if found.begun:
        return Reason.NEW if group.sent else Reason.FIRST
    return Reason.RESOLVED if found.over else Reason.REPEAT


def _id(group: Group, now: float) -> str:
    return sha256(f"{group.key} {group.made!r} {group.sent} {now!r}".encode()).hexdigest()[:32]


def of_one(alert: Alert, receiver: str, now: float) -> Notification:
    """A message that an operator asked for, to see whether it arrives."""
    key = f"{receiver}/test:{{}}"
    name = sha256(f"{key} {now!r}".encode()).hexdigest()[:32]
    return Notification(name, receiver, key, alert.labels, (alert,), now, Reason.TEST)
