"""What waits for a receiver that did not answer for long: many notifications about one group become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lvsctl.model import Notification, Reason, Status

_FIRST_OF = (Reason.FIRST, Reason.NEW, Reason.RESOLVED, Reason.REPEAT, Reason.TEST)


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
