"""What happened, as values: the log, the metrics and (later) the alerts are made from these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lvsctl.model import CheckId, Outcome, Question, Refusal, ServiceKey, Step


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A check's belief changed."""

    check: CheckId
    question: Question
    up: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A question that had been asked before cannot be asked now: its servers stay as they are."""

    question: Question
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DriftFound:
    """Somebody else changed what is ours; `what` says it in words ("server 10.0.0.1:80 is gone")."""

    service: ServiceKey
    what: str


@dataclass(frozen=True, slots=True)
class OpRefused:
    """The kernel refused an operation that it had not refused in the round before; the next round tries again."""

    step: Step
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class GuardTripped:
    """Other steps than in the round before are withheld, because they would have changed too much at once."""

    withheld: tuple[Step, ...]
    why: str


@dataclass(frozen=True, slots=True)
class SchedulerMissing:
    """The kernel lacks a wanted scheduler. used: what stands in for it, or None: these services are refused."""

    wanted: str
    used: str | None
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SchedulerAppeared:
    """The kernel has a scheduler that it lacked before.

    used: what these services have from now on: the scheduler itself, or still its stand-in until the next reload.
    """

    scheduler: str
    used: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One round ended. done: steps carried out; refused: all that the kernel refused, news or not."""

    done: tuple[Step, ...]
    refused: tuple[tuple[Step, Refusal], ...]


Event: TypeAlias = (
    HealthChanged | NotAsked | DriftFound | OpRefused | GuardTripped | SchedulerMissing | SchedulerAppeared | RoundDone
)
