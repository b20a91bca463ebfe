"""What Prometheus is told; filled from events, read on the control socket at /metrics."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from lvsctl import __version__
from lvsctl.events import (
    DriftFound,
    Event,
    GuardTripped,
    HealthChanged,
    RoundDone,
    SchedulerMissing,
)
from lvsctl.model import Outcome, Verdict


class Metrics:
    """The daemon's own numbers, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        build = Gauge("lvsctl_build_info", "Always 1.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self._reload_ok = self._gauge("config_last_reload_successful", "Whether the last reload was taken.")
        self._reload_at = self._gauge("config_last_reload_success_timestamp_seconds", "When conf.d was last taken.")
        self._rounds = self._counter("rounds", "Rounds of look, decide, act.")
        self._kernel_errors = self._counter("kernel_errors", "Rounds in which the kernel could not be asked.")
        self._drift = self._counter("drift", "Changes that somebody else made to what is ours.")
        self._withheld = self._counter("guard_trips", "Times that a guard began to withhold steps.")
        self._checks = self._counter("check_results", "Answers by verdict.", "result")
        self._changes = self._counter("reconcile_changes", "Operations carried out.", "op")
        self._errors = self._counter("reconcile_errors", "Operations that the kernel refused.", "errno")
        self._transitions = self._counter("health_transitions", "Beliefs that changed.", "to")
        self._without = Gauge(
            "lvsctl_services_without_their_scheduler",
            "Services that have not the scheduler that conf.d wants: another stands in, or none does and they are "
            "refused, or it is there and they take it at the next reload.",
            ["state"],
            registry=self.registry,
        )
        self._verdicts = {verdict: self._checks.labels(str(verdict)) for verdict in Verdict}

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"lvsctl_{name}", text, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"lvsctl_{name}", text, labels, registry=self.registry)

    def loaded(self, *, ok: bool, at: float) -> None:
        """A configuration was taken (at: Unix time) or refused."""
        self._reload_ok.set(1 if ok else 0)
        if ok:
            self._reload_at.set(at)

    def heard(self, outcome: Outcome) -> None:
        self._verdicts[outcome.verdict].inc()

    def kernel_failed(self) -> None:
        """A round ended because the kernel could not be asked."""
        self._kernel_errors.inc()

    def schedulers(self, missing: Iterable[SchedulerMissing], *, kept: int) -> None:
        """How many services had to do without the scheduler they want. kept: they wait for the next reload."""
        counts = {"stand_in": 0, "refused": 0, "until_reload": kept}
        for event in missing:
            counts["refused" if event.used is None else "stand_in"] += len(event.services)
        for state, number in counts.items():
            self._without.labels(state).set(number)

    def tell(self, event: Event) -> None:
        """Count one event."""
        match event:
            case RoundDone(done=done, refused=refused):
                self._rounds.inc()
                for step in done:
                    self._changes.labels(step.op.name).inc()
                for _, refusal in refused:
                    self._errors.labels(errno.errorcode.get(refusal.errno, str(refusal.errno))).inc()
            case DriftFound():
                self._drift.inc()
            case GuardTripped():
                self._withheld.inc()
            case HealthChanged(up=up):
                self._transitions.labels("up" if up else "down").inc()
            case _:  # counted elsewhere
                pass

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self.registry)
