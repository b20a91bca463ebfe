"""Sync groups: virtual routers that have one role among them, each still speaking for itself. No I/O.

One member in fault: all are. One member hears a stronger active router: all give up. They become active together, once
nobody is active beside any of them; so a group that sees only half of its peer's adverts does not take over.

Each member has a priority of its own, and hears its own rival. Where the comparisons of two members contradict each
other (one is stronger here, the other there), nobody preempts: who is active stays active, and of two actives the one
gives up that hears the other first.

Where a member's priority is also its rival's, the addresses decide, and those of one member may say otherwise than
those of another (the higher IPv4 address beside the lower link-local one): the first member's rival decides for all, as
soon as it was ever heard. Until then another member that hears one answers, and the first speaks up, so that the other
side's first member decides, or is heard here. If neither happens, the second advert is judged by that member's own
address.

An instance that moves alone is a group of one: the speaker knows groups only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from lvsctl.model import Instance
from lvsctl.pair import vrrp
from lvsctl.pair.source import sender
from lvsctl.pair.state import Action, Cause, Event, Fit, GiveUp, Heard, Phase, Speak, State, TakeOver, Unfit, Why

States: TypeAlias = tuple[State, ...]
Done: TypeAlias = tuple[tuple[int, Action], ...]
"""What is to be done, each by the member of this index."""


def initial(members: Sequence[Instance]) -> States:
    """Before Start. Raises ValueError where the members cannot move together; the configuration says so earlier."""
    if len({member.group for member in members}) != 1:
        raise ValueError("members of a sync group have one group")
    if len(members) > 1 and not members[0].group:
        raise ValueError("members of a sync group name it")
    return tuple(vrrp.initial(member) for member in members)


def step(
    members: Sequence[Instance], states: States, event: Event, now: float, *, at: int | None = None
) -> tuple[States, Done]:
    """The states after an event at one member, or at every one, and what is to be done, in this order.

    at: required for Heard, Tick, Unfit, Fit, SetPriority and Changed. The other events are the group's.
    """
    moving = _Moving(members, states, now)
    if at is None:
        moving.all(event)
    else:
        moving.one(at, _judged(members, states, event, now, at))
        if isinstance(event, Heard) and at > 0 and states[0].rival is None:
            moving.one(0, Speak())
    moving.fault_together()
    moving.give_up_together(states)
    moving.take_over_together()
    return tuple(moving.states), tuple(moving.done)


def _judged(members: Sequence[Instance], states: States, event: Event, now: float, at: int) -> Event:
    """The advert with the first member's word on who has the addresses at equal priority."""
    if not isinstance(event, Heard) or at == 0:
        return event
    rival = states[0].rival
    if rival is not None:
        return replace(event, wins=int(sender(members[0])) > int(rival))
    lately = vrrp.PATIENCE * max(members[at].interval, event.advert.interval)
    met = states[at].rival == event.advert.source and now - states[at].heard < lately
    return event if met else replace(event, wins=True)


class _Moving:
    """One step of a group, while it is made."""

    def __init__(self, members: Sequence[Instance], states: States, now: float) -> None:
        self.states = list(states)
        self.done: list[tuple[int, Action]] = []
        self._members = members
        self._now = now

    def one(self, at: int, event: Event) -> None:
        self.states[at], actions = vrrp.step(self._members[at], self.states[at], event, self._now)
        self.done += ((at, action) for action in actions)

    def all(self, event: Event) -> None:
        for at in range(len(self.states)):
            self.one(at, event)

    def fault_together(self) -> None:
        """A member is in fault as long as another one has a fault of its own."""
        own = [bool(state.faults - {Cause.GROUP}) for state in self.states]
        for at, state in enumerate(self.states):
            others = any(own[:at] + own[at + 1 :])
            if others is not (Cause.GROUP in state.faults):
                self.one(at, Unfit(Cause.GROUP) if others else Fit(Cause.GROUP))

    def give_up_together(self, before: States) -> None:
        fell = any(
            old.phase is Phase.ACTIVE and new.phase is not Phase.ACTIVE
            for old, new in zip(before, self.states, strict=True)
        )
        if fell:
            self.all(GiveUp(Why.GROUP, stay=False))

    def take_over_together(self) -> None:
        if all(state.due for state in self.states):
            self.all(TakeOver(vrrp.reason(self.states[0], self._now)))
