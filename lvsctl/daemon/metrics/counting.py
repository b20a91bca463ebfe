"""Counts what happens, as it happens."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from lvsctl import __version__
from lvsctl import events as happened
from lvsctl.events import Event
from lvsctl.model import Op, Outcome, Question, ServiceState, Verdict

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The daemon's own numbers, in a registry of its own.

    spilled: seconds and connections of all spills that have ended, by service and the pool that they went to.
    """

    def __init__(self) -> None:
        # A series more for each counter, of a moment that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._gauge("build_info", "Always 1.", "version").labels(__version__).set(1)
        self._reload_ok = self._gauge("config_last_reload_successful", "Whether the last reload was taken.")
        self._reload_at = self._gauge("config_last_reload_success_timestamp_seconds", "When conf.d was last taken.")
        self._reloads = self._counter("config_reloads", "Reloads, by whether conf.d was taken.", "result")
        self._without = self._gauge(
            "services_without_their_scheduler",
            "Services that have not the scheduler that conf.d wants: another stands in, or none does and they are "
            "refused, or it is there and they take it at the next reload.",
            "state",
        )
        self._suspected = self._gauge("director_suspected", "Whether this director suspects itself, and holds.")
        self._count()
        self._measure()
        for result in ("taken", "refused"):
            self._reloads.labels(result)
        for op in get_args(Op):  # a series that begins at 1 has not risen, for who asks how much it has
            self._changes.labels(op.name)
        self.spilled: dict[tuple[str, str], tuple[float, int]] = {}
        self._services: frozenset[str] = frozenset()

    def _count(self) -> None:
        self._rounds = self._counter("rounds", "Rounds of look, decide, act that came to their end.")
        self._kernel_errors = self._counter("kernel_errors", "Rounds in which the kernel could not be asked.")
        self._drift = self._counter("drift", "Changes that somebody else made to what is ours.")
        self._withheld = self._counter("guard_trips", "Times that a guard began to withhold steps.")
        self._suspicions = self._counter("director_suspicions", "Times that this director began to suspect itself.")
        self._changes = self._counter("reconcile_changes", "Operations that the kernel carried out.", "op")
        self._errors = self._counter("reconcile_errors", "Operations that the kernel refused.", "errno")
        self._results = self._counter("check_results", "Answers to checks.", "kind", "result")
        self._servers = self._counter("server_transitions", "Servers found up or down.", "service", "to")
        self._stands = self._counter("service_transitions", "Changes of a service's state.", "service", "to")
        self._spills = self._counter("spills", "Times that connections began to spill over.", "service")

    def _measure(self) -> None:
        took = "How long checks took that were answered."
        self._durations = self._histogram("check_duration_seconds", took, "kind")
        self._round = self._histogram("round_duration_seconds", "How long rounds took.")
        self._late = self._histogram("event_loop_lag_seconds", "How late the event loop was, four times a second.")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"lvsctl_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"lvsctl_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"lvsctl_{name}", text, labels, registry=self.registry, buckets=_SECONDS)

    # --- what is counted ------------------------------------------------------------------------------------------

    def keep(self, services: Collection[str]) -> None:
        """Count for exactly these services from now on: new ones begin at 0, the series of the others are gone."""
        kept = frozenset(services)
        each = [(self._servers, ("up", "down")), (self._stands, tuple(ServiceState))]
        for gone in self._services - kept:
            self._spills.remove(gone)
            for counter, states in each:
                for state in states:
                    counter.remove(gone, str(state))
        for new in kept - self._services:
            self._spills.labels(new)
            for counter, states in each:
                for state in states:
                    counter.labels(new, str(state))
        self.spilled = {key: ended for key, ended in self.spilled.items() if key[0] in kept}
        self._services = kept

    def loaded(self, *, ok: bool, at: float) -> None:
        """A configuration was taken (at: Unix time) or refused."""
        self._reload_ok.set(1 if ok else 0)
        if ok:
            self._reload_at.set(at)

    def heard(self, question: Question, outcome: Outcome) -> None:
        """A question was answered, or could not be asked."""
        self._results.labels(question.kind, str(outcome.verdict)).inc()
        if outcome.verdict is not Verdict.UNKNOWN:
            self._durations.labels(question.kind).observe(outcome.latency)

    def kernel_failed(self) -> None:
        """A round ended because the kernel could not be asked."""
        self._kernel_errors.inc()

    def round_took(self, seconds: float) -> None:
        """A round ended, whatever came of it."""
        self._round.observe(seconds)

    def late(self, seconds: float) -> None:
        """The event loop was looked at, and this late."""
        self._late.observe(seconds)

    def schedulers(self, missing: Iterable[happened.SchedulerMissing], *, kept: int) -> None:
        """How many services had to do without the scheduler they want. kept: they wait for the next reload."""
        counts = {"stand_in": 0, "refused": 0, "until_reload": kept}
        for event in missing:
            counts["refused" if event.used is None else "stand_in"] += len(event.services)
        for state, number in counts.items():
            self._without.labels(state).set(number)

    def tell(self, event: Event) -> None:
        """Count one event."""
        match event:
            case happened.RoundDone(done=done, refused=refused):
                self._rounds.inc()
                for step in done:
                    self._changes.labels(step.op.name).inc()
                for _, refusal in refused:
                    self._errors.labels(errno.errorcode.get(refusal.errno, str(refusal.errno))).inc()
            case happened.DriftFound():
                self._drift.inc()
            case happened.GuardTripped():
                self._withheld.inc()
            case happened.DirectorSuspected():
                self._suspicions.inc()
                self._suspected.set(1)
            case happened.DirectorTrusted():
                self._suspected.set(0)
            case happened.Reloaded() | happened.ReloadRefused():
                self._reloads.labels("taken" if isinstance(event, happened.Reloaded) else "refused").inc()
            case _:
                self._tell_of_service(event)

    def _tell_of_service(self, event: Event) -> None:
        service = getattr(event, "service", None)
        if service not in self._services:  # it has left conf.d meanwhile
            return
        match event:
            case happened.ServerChanged(up=up):
                self._servers.labels(service, "up" if up else "down").inc()
            case happened.ServiceChanged(state=state, before=before) if before is not None:
                self._stands.labels(service, str(state)).inc()
            case happened.SpillStarted():
                self._spills.labels(service).inc()
            case happened.SpillEnded(to=to, duration=duration, connections=connections):
                seconds, count = self.spilled.get((service, to), (0.0, 0))
                self.spilled[service, to] = seconds + duration, count + connections
            case _:  # counted elsewhere
                pass
