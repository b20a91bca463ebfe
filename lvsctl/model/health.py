"""Questions, answers, and what is believed of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from lvsctl.model.table import Address, endpoint


class Verdict(StrEnum):
    """PASS and FAIL are answers. UNKNOWN: the question could not be asked; health stays as it was."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer.

    code: a short stable reason in HAProxy's vocabulary (L4OK, L4CON, L4TOUT, L6RSP, L6TOUT, L7OK, L7STS, L7RSP, L7TOUT,
    PROCOK, PROCERR, PROCTOUT, and ASKERR for UNKNOWN). detail: one line for people. latency: seconds.
    """

    verdict: Verdict
    code: str
    detail: str
    latency: float


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a check asks. The port is that of the check if it names one, else the real server's."""

    address: Address
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


QuestionId = NewType("QuestionId", str)
CheckId = NewType("CheckId", str)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom, and how often: asked once, however many services wait for the answer.

    id: derived from kind, target, params and timeout, so it survives restarts and reloads. params: the kind's own
    frozen Params. timeout: one total deadline per probe. interval, fast_interval (while a verdict is in transition)
    and down_interval (while down): the shortest that any of the askers wants.
    """

    id: QuestionId
    kind: str
    target: Target
    params: Hashable
    timeout: float
    interval: float
    fast_interval: float
    down_interval: float


@dataclass(frozen=True, slots=True)
class Check:
    """How the answers to a question are judged: `rise` passes in a row bring up, `fall` fails in a row take down."""

    id: CheckId
    question: QuestionId
    rise: int
    fall: int


@dataclass(frozen=True, slots=True)
class Health:
    """What is believed of one check.

    up: the belief. answered: whether it rests on an answer (else presumed, see decide.health). streak: answers in a
    row that contradict the belief. last: the newest outcome, UNKNOWN included. since: when `up` last changed (the
    clock that the caller uses for `now`, seconds). failing: of what is down, or up and in doubt, when the first of the
    fails came that did it; 0 if it never was up.
    """

    up: bool
    answered: bool = False
    streak: int = 0
    last: Outcome | None = None
    since: float = 0.0
    failing: float = 0.0


class ServiceState(StrEnum):
    """How a service stands. REFUSED: for want of a scheduler. WAITING: for the first answers. DOWN: nobody serves.

    IDLE: this director is not the active one of its pair, and keeps no table meanwhile.
    """

    OK = "ok"
    WAITING = "waiting"
    REFUSED = "refused"
    DOWN = "down"
    IDLE = "idle"
