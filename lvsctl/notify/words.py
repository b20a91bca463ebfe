"""How notifications read to people, whoever receives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from lvsctl.model import Alert, Labels, Notification, Reason, Status

CUT = "… (cut)"
_FACTS_ASIDE = ("alertname", "severity")


def second(at: float) -> str:
    """Unix time for people: to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` characters; where something is left out, that is said."""
    return text if len(text) <= limit else text[: max(limit - len(CUT), 0)] + CUT[:limit]


def one_line(text: str) -> str:
    """The text without line breaks and other control characters: they become spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def title(notification: Notification) -> str:
    """One line: how many are firing or resolved, and what they have in common: "[FIRING:2] ServerDown shop"."""
    mark = "TEST " if notification.reason is Reason.TEST else ""
    firing = sum(alert.firing for alert in notification.alerts)
    state = f"FIRING:{firing}" if notification.status is Status.FIRING else "RESOLVED"
    return one_line(f"[{mark}{state}] {_subject(notification)}")


def _subject(notification: Notification) -> str:
    if len(notification.alerts) == 1:
        return notification.alerts[0].summary
    named = dict(notification.group_labels) or dict(notification.common_labels)
    return " ".join(value for name, value in named.items() if name != "severity") or "alerts"


def headline(alert: Alert) -> str:
    """One line for one alert: "FIRING critical: service shop is down"."""
    state = "FIRING" if alert.firing else "RESOLVED"
    return one_line(f"{state} {alert.severity}: {alert.summary}")


def details(alert: Alert) -> Labels:
    """What else is known of an alert: since when, annotations but the summary, labels, as pairs of name and value."""
    ended = () if alert.ends_at is None else (("ended", second(alert.ends_at)),)
    notes = tuple((name, one_line(value)) for name, value in alert.annotations if name != "summary")
    facts = tuple((name, one_line(value)) for name, value in alert.labels if name not in _FACTS_ASIDE)
    return (("since", second(alert.starts_at)), *ended, *notes, *facts)


def in_turn(alerts: Sequence[Alert]) -> list[Alert]:
    """One that fires, one that ended, and so on: wherever this is cut, of both some are left, if there are any."""
    firing, ended = [one for one in alerts if one.firing], [one for one in alerts if not one.firing]
    return [one for pair in zip_longest(firing, ended) for one in pair if one is not None]


def firing_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Those that fire, then those that ended, as people read them."""
    return sorted(alerts, key=lambda one: not one.firing)
