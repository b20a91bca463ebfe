"""What was ordered as a JSON value: the status and the list of orders have the same shape."""

from __future__ import annotations

from typing import Any

from lvsctl.model import Override
from lvsctl.model.moment import rfc3339

Json = dict[str, Any]


def ordered_json(override: Override) -> Json:
    """subject, action, weight, by, reason, since, until."""
    return {
        "subject": str(override.subject),
        "action": str(override.action),
        "weight": None if override.weight is None else str(override.weight),
        "by": override.by,
        "reason": override.reason,
        "since": rfc3339(override.since),
        "until": None if override.until is None else rfc3339(override.until),
    }
