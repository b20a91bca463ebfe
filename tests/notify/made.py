"""Alerts and notifications as the tests need them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lvsctl.model import Alert, Notification, Reason, labels
from lvsctl.notify.journal import Kept

START = 1_790_000_000.0


def alert(
    server: str = "10.0.0.1:80",
    *,
    ended: float | None = None,
    start: float = START,
    severity: str = "warning",
    summary: str = "",
    **notes: str,
) -> Alert:
    """One alert about a server. ended: seconds after its start."""
    identity = labels(
        {"alertname": "ServerDown", "severity": severity, "director": "lb1", "service": "shop", "server": server}
    )
    told = {"summary": summary or f"server {server} of shop is down", **notes}
    return Alert(identity, tuple(told.items()), start, None if ended is None else start + ended)


def notification(
    *alerts: Alert,
    name: str = "n1",
    group: str = "shop",
    reason: Reason = Reason.FIRST,
    at: float = START + 10,
    begun: frozenset[str] = frozenset(),
    receiver: str = "team",
) -> Notification:
    """A notification about these alerts; about one that fires if none is named."""
    return Notification(name, receiver, group, labels({"service": group}), alerts or (alert(),), at, reason, begun)


def fresh(*args: Alert, **named: Any) -> Notification:
    """One that was made just now: time is real here."""
    return notification(*args, **({"at": time.time()} | named))


def held(path: Path) -> Kept:
    """What a queue's file says now; it is only looked at, somebody may be writing it."""
    kept = Kept()
    content = path.read_bytes()
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        kept.take(line)
    return kept
