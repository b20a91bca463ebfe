"""An event as it is told: the log, the history, the stream of events and the alerts are made of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """INFO: as it should be. WARNING: look at it in the morning. ERROR: somebody should look now."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Record:
    """One event in words. decide.record makes it.

    event: a stable name in snake_case. message: one line for people, which needs none of the fields to be understood.
    service, pool, server: as an operator writes them ("shop", "spare", "10.0.0.1:80"), "" where it is about none.
    fields: further facts as JSON values, in the order in which they are to be shown.
    """

    event: str
    level: Level
    message: str
    service: str = ""
    pool: str = ""
    server: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A record with its place in time. number: from 1, in the order of telling, since the start. at: Unix time."""

    number: int
    at: float
    record: Record
