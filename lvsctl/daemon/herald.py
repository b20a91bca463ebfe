"""Tells everybody who listens what happened, once and in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from lvsctl.decide.record import records
from lvsctl.events import Event
from lvsctl.model import Level, Record, ServiceKey, Told

Listener: TypeAlias = Callable[[Told], None]


class Herald:
    """Puts events into words and hands them to the listeners.

    listeners: called at once, in order, for every record; one must neither block nor raise. names: what conf.d calls
    its services now. An event that a listener causes is told after the one that is being told.
    """

    def __init__(self, names: Callable[[], Mapping[ServiceKey, str]]) -> None:
        self.listeners: list[Listener] = []
        self.number = 0
        self._names = names
        self._waiting: deque[Event] = deque()
        self._telling = False

    def tell(self, event: Event) -> None:
        """Tell one event."""
        self._waiting.append(event)
        if self._telling:
            return
        self._telling = True
        try:
            while self._waiting:
                for record in records(self._waiting.popleft(), self._names()):
                    self._tell(record)
        finally:
            self._telling = False

    def _tell(self, record: Record) -> None:
        self.number += 1
        told = Told(self.number, time.time(), record)
        for listener in self.listeners:
            listener(told)


def to_log(log: FilteringBoundLogger) -> Listener:
    """A listener that writes every record to the log."""

    def write(told: Told) -> None:
        record = told.record
        subject = {"service": record.service, "pool": record.pool, "server": record.server}
        facts = {name: value for name, value in subject.items() if value} | dict(record.fields)
        say = {Level.INFO: log.info, Level.WARNING: log.warning, Level.ERROR: log.error}[record.level]
        say(record.message, **facts)

    return write
