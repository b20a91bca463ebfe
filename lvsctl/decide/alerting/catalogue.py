"""Which events begin which alerts, what these are called, and which events end them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lvsctl.model import AlertSeverity, Labels, Record, fingerprint, labels

_CRITICAL, _WARNING, _INFO = AlertSeverity.CRITICAL, AlertSeverity.WARNING, AlertSeverity.INFO

HOST_DOWN = "host_down"
FLAPPING = "flapping"
_SERVER = ("service", "pool", "server")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alert. event: that begins it, as routes name it. subject: the labels that tell two of a kind apart.

    ends: events that end it. once: it is over as soon as it is told, and ends by itself. flaps: whether it is trouble
    of its own that it comes and goes; what operators order is not.
    """

    event: str
    name: str
    severity: AlertSeverity
    subject: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    once: bool = False
    flaps: bool = True


KINDS: Mapping[str, Kind] = {
    kind.event: kind
    for kind in (
        Kind("server_down", "ServerDown", _WARNING, (*_SERVER, "host"), ("server_up",)),
        Kind(HOST_DOWN, "HostDown", _WARNING, ("host",)),
        Kind("service_down", "ServiceDown", _CRITICAL, ("service",), ("service_ok", "service_refused", "service_idle")),
        Kind(
            "service_refused", "ServiceRefused", _CRITICAL, ("service",), ("service_ok", "service_down", "service_idle")
        ),
        Kind("spill_started", "SpillActive", _WARNING, ("service", "pool"), ("spill_ended",)),
        Kind("pool_exhausted", "PoolExhausted", _CRITICAL, ("service",), ("pool_relieved",)),
        Kind("capacity_high", "CapacityHigh", _WARNING, ("service", "pool"), ("capacity_fine",)),
        Kind("director_suspected", "DirectorSuspected", _CRITICAL, (), ("director_trusted",)),
        Kind("kernel_silent", "KernelSilent", _CRITICAL, (), ("kernel_answers",)),
        Kind("refused", "OperationRefused", _CRITICAL, ("service", "server")),
        Kind("withheld", "StepsWithheld", _WARNING),
        Kind("not_asked", "CheckNotAsked", _WARNING, ("check", "target")),
        Kind("scheduler_missing", "SchedulerMissing", _WARNING, ("scheduler",), ("scheduler_appeared",)),
        Kind("reload_refused", "ReloadRefused", _WARNING, (), ("reloaded",)),
        Kind("delivery_failed", "DeliveryFailed", _WARNING, ("receiver",), ("delivery_recovered",)),
        Kind("role_fault", "DirectorFault", _CRITICAL, ("instance",), ("role_active", "role_standby", "role_stopped")),
        Kind("role_active", "RoleTaken", _INFO, ("instance",), once=True),
        Kind("pair_trouble", "PairTrouble", _WARNING, ("instance",), once=True),
        Kind("hook_failed", "HookFailed", _WARNING, ("instance", "hook"), ("hook_done",)),
        Kind("sync_failed", "SyncFailed", _WARNING, ("sync",), ("sync_restored",)),
        Kind("peer_lost", "PeerLost", _WARNING, (), ("peer_back",)),
        Kind("opinions_differ", "OpinionsDiffer", _WARNING, (), ("opinions_agree",)),
        Kind("both_active", "BothActive", _CRITICAL, ("instance",), ("one_active",)),
        Kind("drift", "TableDrift", _WARNING, ("service",), once=True),
        Kind("override_set", "Overridden", _INFO, ("service", "subject"), ("override_ended",), flaps=False),
    )
}
"""By the event that begins them. Flapping is a kind of its own: its subject is that of what flaps."""

EVENTS = frozenset({*KINDS, FLAPPING})

LABELS = frozenset(
    {"alertname", "severity", "director", "of", *(name for kind in KINDS.values() for name in kind.subject)}
)
"""Of alerts, besides those that conf.d puts on every one. of: what it is that flaps."""

_ENDED_BY: Mapping[str, tuple[Kind, ...]] = {
    event: tuple(kind for kind in KINDS.values() if event in kind.ends)
    for event in {event for kind in KINDS.values() for event in kind.ends}
}


def concerns(event: str) -> bool:
    """Whether an event begins or ends an alert."""
    return event in KINDS or event in _ENDED_BY


def ended_by(event: str) -> tuple[Kind, ...]:
    """The kinds whose alert about the same subject ends with this event."""
    return _ENDED_BY.get(event, ())


def identified(kind: Kind, record: Record) -> tuple[str, Labels]:
    """What tells the alert of this record from others - name, severity, the labels of its subject -, and its key."""
    return _identified(kind, tuple(_subject(name, record) for name in kind.subject))


@lru_cache(maxsize=65536)
def _identified(kind: Kind, subject: tuple[str, ...]) -> tuple[str, Labels]:
    named = zip(kind.subject, subject, strict=True)
    identity = labels({"alertname": kind.name, "severity": str(kind.severity), **dict(named)})
    return fingerprint(identity), identity


def _subject(name: str, record: Record) -> str:
    match name:
        case "service" | "pool" | "server":
            known: str = getattr(record, name)
        case "host":
            known = host(record.server)
        case _:
            known = ""
    return known or str(record.fields.get(name, ""))


def host(server: str) -> str:
    """The address of a server as records write it: "10.0.0.1:80", "[2001:db8::1]:80"."""
    return server.rpartition(":")[0].strip("[]")


def facts(record: Record) -> tuple[tuple[str, str], ...]:
    """A summary that names the subject, then the record's facts as text."""
    subject = "/".join(part for part in (record.service, record.server or record.pool) if part)
    summary = f"{subject}: {record.message}" if subject else record.message
    return (("summary", summary), *_told(record))


def ended(record: Record) -> str:
    """How it ended, in one line."""
    told = ", ".join(f"{name} {value}" for name, value in _told(record))
    return f"{record.message} ({told})" if told else record.message


def _told(record: Record) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, value in record.fields.items() if (text := _text(value)))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else "" if value is None else str(value)
