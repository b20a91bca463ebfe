"""What happened, as values: the log, the history, the metrics and the alerts are made from these.

Events name services and pools as conf.d does. Durations are seconds. What goes on is told once, when it begins, and
once when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lvsctl.model import (
    CheckId,
    Outcome,
    Override,
    Problem,
    Question,
    RealKey,
    Refusal,
    ServiceKey,
    ServiceState,
    Silence,
    Step,
    SyncRole,
    Transition,
    Trouble,
)

# --- who is alive -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """A check's belief changed, for however many servers that ask it."""

    check: CheckId
    question: Question
    up: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """A server of a service went down, or came up, or was heard of for the first time.

    kind: of the check that decided (tcp, http, …), with its outcome.
    """

    service: str
    pool: str
    server: RealKey
    up: bool
    kind: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """A service stands otherwise than after the round before. before: None for the first round of the service."""

    service: str
    state: ServiceState
    before: ServiceState | None
    why: str


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A question that had been asked before cannot be asked now: its servers stay as they are."""

    question: Question
    outcome: Outcome


# --- which pool takes connections -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpillStarted:
    """Every server of `pool` is full, or was between two looks: connections go to the pool `to`.

    With three pools and more there may be two at once: from the first to the second, and, as that is full as well,
    from the second to the third.
    """

    service: str
    pool: str
    to: str


@dataclass(frozen=True, slots=True)
class SpillEnded:
    """It has been over for the service's `spill_quiet`, and some seconds at least: the kernel's counters lag.

    The pool has room again, or the one below takes no new connections any more, as it was drained, say. duration: from
    the beginning to the last moment of it, in seconds. connections: how many went to `to`; peak: most at once that a
    look has seen there.
    """

    service: str
    pool: str
    to: str
    duration: float
    connections: int
    peak: int


@dataclass(frozen=True, slots=True)
class PoolExhausted:
    """No server of any pool has room: new connections are refused."""

    service: str


@dataclass(frozen=True, slots=True)
class PoolRelieved:
    """It has been over for the service's `spill_quiet`. duration: of the shortage, in seconds, as of a spill."""

    service: str
    duration: float


@dataclass(frozen=True, slots=True)
class CapacityHigh:
    """A pool has held the set share of its thresholds, or more, for the set time. share: now, 0 to 1."""

    service: str
    pool: str
    share: float
    limit: float


@dataclass(frozen=True, slots=True)
class CapacityFine:
    """It holds less again after a CapacityHigh."""

    service: str
    pool: str
    share: float
    duration: float


# --- what operators did -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OverrideSet:
    """An operator drained, disabled or weighted something, or changed what he had said of it before."""

    override: Override


@dataclass(frozen=True, slots=True)
class OverrideEnded:
    """It holds no longer. by: who ended it; "" where its time was over."""

    override: Override
    by: str = ""


@dataclass(frozen=True, slots=True)
class SilenceSet:
    """An operator does not want to hear of some alerts for a while."""

    silence: Silence


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """Its alerts are told again. by: who ended it; "" where its time was over."""

    silence: Silence
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """conf.d was taken."""

    services: int
    questions: int
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """conf.d cannot be used: the configuration in force goes on."""

    problems: tuple[Problem, ...]


# --- what rounds found and did ----------------------------------------------------------------------------------


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
    """Steps are withheld that were not before, or not for this reason: they would have changed too much at once."""

    withheld: tuple[Step, ...]
    why: str


@dataclass(frozen=True, slots=True)
class DirectorSuspected:
    """Most of everything fails at once: this director takes nobody out for now. seen: what it sees of itself."""

    why: str
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirectorTrusted:
    """It acts on its checks again. why: the time is over, a canary answered, or the servers are back."""

    why: str
    duration: float


@dataclass(frozen=True, slots=True)
class StoodStill:
    """This director did nothing at all for so many seconds: it was stopped, its machine slept, or a disk held it up."""

    seconds: float


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
class KernelSilent:
    """The kernel cannot be asked, or not any more: the table stays as it is."""

    error: str


@dataclass(frozen=True, slots=True)
class KernelAnswers:
    """A round came to its end after a KernelSilent."""

    duration: float


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One round ended. done: steps carried out; refused: all that the kernel refused, news or not."""

    done: tuple[Step, ...]
    refused: tuple[tuple[Step, Refusal], ...]


# --- who could not be told --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A receiver of alerts does not take them, or refuses one for good. waiting: notifications that wait for it."""

    receiver: str
    why: str
    waiting: int


@dataclass(frozen=True, slots=True)
class DeliveryRecovered:
    """It takes them again. lost: notifications that its queue had no room for, or that were given up."""

    receiver: str
    duration: float
    lost: int


# --- the pair ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """An instance of the pair took another role, and its addresses are where they belong, if that is our business."""

    transition: Transition


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """An instance offers another priority. reasons: what takes how much from it, the dearest first."""

    instance: str
    before: int
    after: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairTroubled:
    """Something of the pair that an operator should know; told seldom, however often it happens."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class HookDone:
    """A program that a transition started has ended well. hook: on_active and so on."""

    hook: str
    instance: str
    duration: float


@dataclass(frozen=True, slots=True)
class HookFailed:
    """One failed, was killed at its deadline, or could not be started. output: the last of what it printed."""

    hook: str
    instance: str
    why: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """A connection sync daemon that ought to run does not, or one that ought to be gone runs."""

    role: SyncRole
    why: str


@dataclass(frozen=True, slots=True)
class SyncRestored:
    """It is as it ought to be after a SyncFailed."""

    role: SyncRole
    duration: float


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The other director does not answer, or what it says is not taken."""

    why: str


@dataclass(frozen=True, slots=True)
class PeerBack:
    """It answers after a PeerLost."""

    duration: float


@dataclass(frozen=True, slots=True)
class OpinionsDiffer:
    """The directors see servers differently, for longer than their checks' pace explains; again if others join them.

    what: `shop/192.0.2.21:80 is up here and down at the peer`, in the order of their names.
    """

    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpinionsAgree:
    """They see the same again."""

    duration: float


@dataclass(frozen=True, slots=True)
class BothActive:
    """Both directors say that they are active for an instance, for longer than a takeover lasts."""

    instance: str


@dataclass(frozen=True, slots=True)
class OneActive:
    """That is over."""

    instance: str
    duration: float


Event: TypeAlias = (
    HealthChanged
    | ServerChanged
    | ServiceChanged
    | NotAsked
    | SpillStarted
    | SpillEnded
    | PoolExhausted
    | PoolRelieved
    | CapacityHigh
    | CapacityFine
    | OverrideSet
    | OverrideEnded
    | SilenceSet
    | SilenceEnded
    | Reloaded
    | ReloadRefused
    | DriftFound
    | OpRefused
    | GuardTripped
    | DirectorSuspected
    | DirectorTrusted
    | StoodStill
    | SchedulerMissing
    | SchedulerAppeared
    | KernelSilent
    | KernelAnswers
    | RoundDone
    | DeliveryFailed
    | DeliveryRecovered
    | RoleChanged
    | PriorityChanged
    | PairTroubled
    | HookDone
    | HookFailed
    | SyncFailed
    | SyncRestored
    | PeerLost
    | PeerBack
    | OpinionsDiffer
    | OpinionsAgree
    | BothActive
    | OneActive
)
