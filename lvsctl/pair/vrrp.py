"""One virtual router as a state machine: what happened goes in, with the time; what to do comes out. No I/O.

RFC 9568, 6.4; version 2 as in RFC 3768, 6.4, but with the active's interval learnt as in version 3. Times are seconds
of one monotonic clock. `State.timer` says when `Tick` is due. Added to the RFC, because it says nothing of it:

- A sleeper (stopped process, paused machine) does not trust its timers. A backup whose timer fires late by more than
  an interval has not listened, and listens for an Active_Down_Interval more. An active that has not sent for so long
  that its peers have given it up (3 intervals) sends nothing for one interval more, and yields to whoever is heard.
- An active answers adverts of weaker rivals at once, as RFC 9568 says, but at most ten times an interval.
- Priority 0 brings the end of the wait nearer, never further away: a stream of such adverts cannot hold a backup up.
- The first advert of another router does not shorten the wait, if its interval is the shorter one: it may come from a
  newcomer that the active router, which speaks less often, has just sent back.
- Two owners (priority 255) are decided by address, as any two: RFC 9568, 7.1, would have both active for ever.
- A director told to give up stays standby behind whoever is active, until it falls silent.

In a sync group (Instance.group) silence does not make active: it makes `due`, and the group decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from lvsctl.model import OWNER, Instance, Role, VrrpVersion
from lvsctl.pair.packet import Advert
from lvsctl.pair.source import sender
from lvsctl.pair.state import (
    Action,
    Announce,
    Became,
    Cause,
    Changed,
    Event,
    Fit,
    GiveUp,
    Heard,
    Phase,
    Send,
    SetPriority,
    Speak,
    Start,
    State,
    Stop,
    TakeOver,
    Tick,
    Unfit,
    Why,
)

ANSWERS = 10
"""The most adverts that one interval has, however many rivals speak."""

PATIENCE = 3
"""Intervals of silence after which an active is given up, before the skew (RFC 9568, 6.1: Active_Down_Interval)."""

BUSY = 0.1
"""Seconds that a timer may be late on a machine that is only busy."""

Result: TypeAlias = tuple[State, tuple[Action, ...]]


def initial(me: Instance) -> State:
    """Before Start."""
    return State(priority=me.priority, interval=me.interval)


def step(me: Instance, state: State, event: Event, now: float) -> Result:
    """The state after an event, and what is to be done, in this order."""
    match event:
        case Heard():
            return _heard(me, state, event, now)
        case Tick():
            return _tick(me, state, now)
        case Start():
            return (state, ()) if state.started else _enter(me, replace(state, started=True), Why.STARTED, now)
        case Stop(why):
            return _stop(me, state, why)
        case Unfit(cause):
            return _unfit(me, state, cause)
        case Fit(cause):
            return _fit(me, state, cause, now)
        case SetPriority(priority):
            return _prioritised(me, state, priority), ()
        case Changed():
            return _changed(me, state, now)
        case GiveUp(why, stay):
            return _give_up(me, state, why, stay, now)
        case TakeOver(why):
            return _activate(me, state, why, now) if state.phase is Phase.BACKUP else (state, ())
        case Speak():
            return _answer(me, state, now) if state.phase is Phase.ACTIVE else (state, ())


def skew(me: Instance, state: State) -> float:
    """Skew_Time: the lower the priority, the longer (RFC 9568, 6.1; RFC 3768, 6.1, has it in seconds)."""
    return (256 - state.priority) / 256 * (1.0 if me.version is VrrpVersion.V2 else state.interval)


def patience(me: Instance, state: State) -> float:
    """Active_Down_Interval: the silence after which the active router is given up."""
    return PATIENCE * state.interval + skew(me, state)


# --- the events ---------------------------------------------------------------------------------------------------


def _heard(me: Instance, state: State, heard: Heard, now: float) -> Result:
    aware = replace(state, rival=heard.advert.source, heard=now, anew=True)
    match state.phase:
        case Phase.ACTIVE:
            return _heard_active(me, aware, heard, now)
        case Phase.BACKUP:
            another = state.rival not in (None, heard.advert.source)
            return _heard_backup(me, aware, heard.advert, now, another=another), ()
        case Phase.INITIALIZE:
            return state, ()


def _heard_active(me: Instance, state: State, heard: Heard, now: float) -> Result:
    advert = heard.advert
    if advert.priority == 0:
        return _answer(me, state, now)
    if _given_up(me, state, now):
        return _yield(me, state, Why.SLEPT, advert, now)
    if advert.priority > state.priority:
        return _yield(me, state, Why.HIGHER, advert, now)
    wins = heard.wins if heard.wins is not None else int(sender(me)) > int(advert.source)
    if advert.priority == state.priority and not wins:
        return _yield(me, state, Why.TIE, advert, now)
    return _answer(me, replace(state, contested=True), now)


def _heard_backup(me: Instance, state: State, advert: Advert, now: float, *, another: bool) -> State:
    if advert.priority == 0:
        soon = now + skew(me, state)
        return replace(state, released=True, timer=soon if state.timer is None else min(state.timer, soon))
    if advert.priority < state.priority and _may_preempt(me, state):
        at = now + me.preempt_delay if state.preempt_at is None else state.preempt_at
        state = replace(state, preempt_at=at)
        if now >= at:
            return state
    else:
        state = replace(state, preempt_at=None)
    listening = _listen(me, replace(state, interval=advert.interval), now)
    if another and state.timer is not None and not state.released:
        return replace(listening, timer=max(now + patience(me, listening), state.timer))
    return listening


def _tick(me: Instance, state: State, now: float) -> Result:
    if state.timer is None or now < state.timer:
        return state, ()
    if state.phase is Phase.ACTIVE:
        if _given_up(me, state, now) and not state.doubtful:
            return replace(state, doubtful=True, contested=True, timer=now + me.interval), ()
        return _advertise(me, state, now)
    if now - state.timer > max(state.interval, BUSY) and not state.doubtful:
        return replace(_listen(me, state, now), doubtful=True), ()
    if me.group:
        return replace(state, due=True, timer=None), ()
    return _activate(me, state, reason(state, now), now)


def reason(state: State, now: float) -> Why:
    """Why a backup that has waited long enough becomes active."""
    if state.released:
        return Why.RELEASED
    preempted = state.preempt_at is not None and now - state.heard < 2 * state.interval
    return Why.PREEMPTED if preempted else Why.SILENCE


def _stop(me: Instance, state: State, why: Why) -> Result:
    if not state.started:
        return state, ()
    return replace(_afresh(me, state), started=False), (*_farewell(state), Became(None, why))


def _unfit(me: Instance, state: State, cause: Cause) -> Result:
    unfit = replace(state, faults=state.faults | {cause})
    if state.faults or not state.started:
        return unfit, ()
    return _afresh(me, unfit), (*_farewell(state), Became(Role.FAULT, Why.FAULT))


def _fit(me: Instance, state: State, cause: Cause, now: float) -> Result:
    if cause not in state.faults:
        return state, ()
    fitter = replace(state, faults=state.faults - {cause})
    if fitter.faults or not state.started:
        return fitter, ()
    return _enter(me, fitter, Why.RECOVERED, now)


def _prioritised(me: Instance, state: State, priority: int) -> State:
    changed = replace(state, priority=priority)
    if state.phase is not Phase.BACKUP or state.timer is None:
        return changed
    return replace(changed, timer=state.timer - skew(me, state) + skew(me, changed))


def _changed(me: Instance, state: State, now: float) -> Result:
    """An active says so at once, unless it has slept. A preemption that had begun is judged anew."""
    if state.phase is Phase.ACTIVE and not state.doubtful:
        return _answer(me, state, now)
    if state.phase is Phase.BACKUP and state.preempt_at is not None:
        return _listen(me, replace(state, preempt_at=None), now), ()
    return state, ()


def _give_up(me: Instance, state: State, why: Why, stay: bool, now: float) -> Result:
    if state.phase is not Phase.ACTIVE:
        return state, ()
    return _stand_by(me, state, now, stay=stay), (*_farewell(state), Became(Role.STANDBY, why))


# --- the transitions ----------------------------------------------------------------------------------------------


def _enter(me: Instance, state: State, why: Why, now: float) -> Result:
    """From INITIALIZE: into fault, or to wait for silence; who owns the addresses does not wait (RFC 9568, 6.4.1)."""
    if state.faults:
        return state, (Became(Role.FAULT, Why.FAULT),)
    waiting = _stand_by(me, state, now)
    if state.priority < OWNER:
        return waiting, (Became(Role.STANDBY, why),)
    if me.group:
        return replace(waiting, due=True, timer=None), (Became(Role.STANDBY, why),)
    return _activate(me, waiting, Why.OWNER, now)


def _activate(me: Instance, state: State, why: Why, now: float) -> Result:
    active = replace(_afresh(me, state), phase=Phase.ACTIVE)
    advertised, sends = _advertise(me, active, now)
    return advertised, (*sends, Became(Role.ACTIVE, why), Announce())


def _yield(me: Instance, state: State, why: Why, advert: Advert, now: float) -> Result:
    """To a router that is active: no farewell, which would set a third one off."""
    behind = replace(_stand_by(me, state, now, interval=advert.interval), anew=True)
    return behind, (Became(Role.STANDBY, why),)


def _stand_by(me: Instance, state: State, now: float, *, interval: float | None = None, stay: bool = False) -> State:
    backup = replace(_afresh(me, state), phase=Phase.BACKUP, interval=interval or me.interval, stay=stay)
    return _listen(me, backup, now)


def _afresh(me: Instance, state: State) -> State:
    """What outlasts a transition."""
    return replace(
        initial(me),
        priority=state.priority,
        started=state.started,
        faults=state.faults,
        rival=state.rival,
        heard=state.heard,
    )


def _listen(me: Instance, state: State, now: float) -> State:
    return replace(state, timer=now + patience(me, state), released=False, due=False, doubtful=False)


def _advertise(me: Instance, state: State, now: float) -> Result:
    sent = replace(state, sent=now, timer=now + me.interval, contested=False, doubtful=False)
    return sent, (Send(state.priority), Announce()) if state.contested else (Send(state.priority),)


def _answer(me: Instance, state: State, now: float) -> Result:
    """Advertise at once, or as soon as there is an answer left."""
    soonest = state.sent + me.interval / ANSWERS
    if now >= soonest:
        return _advertise(me, state, now)
    return replace(state, timer=soonest if state.timer is None else min(state.timer, soonest)), ()


def _farewell(state: State) -> tuple[Action, ...]:
    return (Send(0),) if state.phase is Phase.ACTIVE else ()


def _given_up(me: Instance, state: State, now: float) -> bool:
    """Whether our last advert is so old that the others no longer believe in us."""
    return now - state.sent > PATIENCE * me.interval


def _may_preempt(me: Instance, state: State) -> bool:
    return (me.preempt or state.priority == OWNER) and not state.stay
