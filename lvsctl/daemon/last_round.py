"""The newest round: what came of it, and what of that is news."""

from __future__ import annotations

import time
from collections.abc import Callable

from lvsctl.daemon.reconcile import Round
from lvsctl.daemon.report import round_events, service_events
from lvsctl.events import Event, KernelAnswers, KernelSilent
from lvsctl.model import ServiceState, Spec


class LastRound:
    """number: from 1. at: Unix time of its begin. error: why the kernel could not be asked. round: the newest complete.

    ended: Unix time of the end of the newest complete one, 0.0 before the first. states: how each service stood then.
    """

    def __init__(self, tell: Callable[[Event], None], now: Callable[[], float]) -> None:
        """now: the loop's clock."""
        self.number = 0
        self.at = 0.0
        self.ended = 0.0
        self.round: Round | None = None
        self.error: str | None = None
        self.states: dict[str, ServiceState] = {}
        self._failing_since = 0.0
        self._tell = tell
        self._now = now

    def begin(self) -> None:
        """One more."""
        self.number += 1
        self.at = time.time()

    def failed(self, error: str) -> None:
        """The kernel could not be asked."""
        if self.error is None:
            self._failing_since = self._now()
        if self.error != error:
            self._tell(KernelSilent(error))
        self.error = error

    def tell(self, done: Round, spec: Spec) -> None:
        """Tell what is new in a round that is complete."""
        if self.error is not None:
            self._tell(KernelAnswers(self._now() - self._failing_since))
        for event in round_events(done, self.round):
            self._tell(event)
        states = self.states
        for changed in service_events(spec, done, states):
            states[changed.service] = changed.state
            self._tell(changed)
        self.states = {name: states[name] for name in spec.services if name in states}

    def complete(self, done: Round) -> None:
        """It is the newest now."""
        self.round, self.error, self.ended = done, None, time.time()
