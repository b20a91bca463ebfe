"""What a virtual router remembers, what can happen to it, and what it can ask for: the nouns of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lvsctl.model import Address, Role
from lvsctl.pair.packet import Advert


class Phase(StrEnum):
    """The RFC's states. INITIALIZE: not started, or in fault."""

    INITIALIZE = "initialize"
    BACKUP = "backup"
    ACTIVE = "active"


class Cause(StrEnum):
    """What keeps an instance in fault, as long as it lasts."""

    INTERFACE = "interface"  # it is not there, or down
    CARRIER = "carrier"
    ADDRESS = "address"  # the interface has lost the address that adverts are sent from
    TRACKED = "tracked"  # another interface that the operator named
    GROUP = "group"  # another member of the sync group is in fault


class Why(StrEnum):
    """Why a role was taken; `words` says it to operators."""

    STARTED = "started"
    OWNER = "owner"
    SILENCE = "silence"  # nobody is active
    RELEASED = "released"  # the active router did so
    PREEMPTED = "preempted"  # the active router has a lower priority
    HIGHER = "higher"  # a router of higher priority is active
    TIE = "tie"  # a router of equal priority and higher address is active
    SLEPT = "slept"  # we did not send in time, and another has taken over
    ORDERED = "ordered"
    HELPLESS = "helpless"  # none of the addresses can be put on
    GROUP = "group"  # it moves with another member
    FAULT = "fault"
    RECOVERED = "recovered"
    STOPPED = "stopped"
    REMOVED = "removed"  # from the configuration
    ANEW = "anew"  # its configuration is that of another virtual router


# --- what goes in -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Take part."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Take part no more; an active router says so."""

    why: Why = Why.STOPPED


@dataclass(frozen=True, slots=True)
class Heard:
    """An advert of another router. wins: who has the addresses if both have the same priority; None: compare ours."""

    advert: Advert
    wins: bool | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """The timer is due. A Tick that comes early changes nothing."""


@dataclass(frozen=True, slots=True)
class Unfit:
    cause: Cause


@dataclass(frozen=True, slots=True)
class Fit:
    """A cause of fault is gone."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class SetPriority:
    """From now on. 1 to 255."""

    priority: int


@dataclass(frozen=True, slots=True)
class Changed:
    """It is configured otherwise from now on, but for its priority (SetPriority), and goes on in its role."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Hand over if active. stay: behind whoever is active then, until it falls silent, whatever the priorities."""

    why: Why = Why.ORDERED
    stay: bool = True


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Become active now if standby. A stronger active router takes it back with its next advert."""

    why: Why = Why.ORDERED


@dataclass(frozen=True, slots=True)
class Speak:
    """Advertise without waiting for the timer, if active."""


Event: TypeAlias = Start | Stop | Heard | Tick | Unfit | Fit | SetPriority | Changed | GiveUp | TakeOver | Speak


# --- what comes out -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Send our advert with this priority to every destination. 0: released."""

    priority: int


@dataclass(frozen=True, slots=True)
class Became:
    """The role changed. None: stopped."""

    role: Role | None
    why: Why


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the link where the addresses are: gratuitous ARP, unsolicited neighbour advertisements."""


Action: TypeAlias = Send | Became | Announce


@dataclass(frozen=True, slots=True)
class State:
    """Everything that an instance remembers.

    timer: when Tick is due; None: it waits for something else. interval: of the active router (Active_Adver_Interval).
    sent: when the last advert went out; of use while active. rival, heard: who was heard last, and when; anew: in this
    phase, or by what began it. preempt_at: from when on the active router of lower priority is not respected.
    stay: see GiveUp. released: priority 0 was heard.
    due: nobody is active, and the sync group may take over. contested: the link may have been told of a rival.
    doubtful: it has slept, and listens first.
    """

    priority: int
    interval: float
    phase: Phase = Phase.INITIALIZE
    started: bool = False
    faults: frozenset[Cause] = frozenset()
    timer: float | None = None
    sent: float = 0.0
    rival: Address | None = None
    heard: float = 0.0
    anew: bool = False
    preempt_at: float | None = None
    stay: bool = False
    released: bool = False
    due: bool = False
    contested: bool = False
    doubtful: bool = False

    @property
    def role(self) -> Role | None:
        """None: stopped."""
        match self.phase:
            case Phase.ACTIVE:
                return Role.ACTIVE
            case Phase.BACKUP:
                return Role.STANDBY
            case Phase.INITIALIZE:
                return Role.FAULT if self.started else None
