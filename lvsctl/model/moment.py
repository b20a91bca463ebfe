"""A moment in writing: RFC 3339 in UTC, as logs, the API and notifications tell it."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at: float, *, timespec: str = "milliseconds") -> str:
    """Unix time as 2026-01-31T12:00:00.123Z; timespec as of datetime.isoformat: "seconds" for what people wait for."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def unix_time(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 text; raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
