"""What was told as a JSON value: the event stream and the history have the same shape."""

from __future__ import annotations

from typing import Any

from lvsctl.model import Told
from lvsctl.model.moment import rfc3339

Json = dict[str, Any]


def told_json(told: Told) -> Json:
    """number, at, event, level, message, service, pool, server; then the record's own fields.

    A field that has the name of one of these is left out: they say what it is about, for whoever looks for that.
    """
    record = told.record
    said: Json = {
        "number": told.number,
        "at": rfc3339(told.at),
        "event": record.event,
        "level": str(record.level),
        "message": record.message,
        "service": record.service,
        "pool": record.pool,
        "server": record.server,
    }
    return said | {name: value for name, value in record.fields.items() if name not in said}
