"""One virtual router: what it does with each event, a sentence per row. A second is an interval unless it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import OWNER, Instance, Role
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
from lvsctl.pair.vrrp import initial, patience, skew, step
from tests.pair.making import V2, V3, advert, me

HIGHER, LOWER = "192.0.2.9", "192.0.2.1"  # ours is 192.0.2.2
SKEW = 156 / 256  # of priority 100, in intervals
DOWN = 3 + SKEW


def hear(priority: int, source: str = LOWER, interval: float = 1.0) -> Heard:
    return Heard(advert(priority, source, interval))


def after(ours: Instance, *story: tuple[float, Event]) -> tuple[State, tuple[Action, ...]]:
    """The state after a story of (time, event), and the actions of its last event."""
    state = initial(ours)
    actions: tuple[Action, ...] = ()
    for now, event in story:
        state, actions = step(ours, state, event, now)
    return state, actions


def standby(ours: Instance = V3) -> State:
    """Since 0."""
    return after(ours, (0, Start()))[0]


def active(ours: Instance = V3) -> State:
    """Since 100; the last advert went out then."""
    wait = 0 if ours.priority == OWNER else patience(ours, standby(ours))
    return after(ours, (100 - wait, Start()), (100, Tick()))[0]


def told(role: Role | None, why: Why) -> Became:
    return Became(role, why)


STANDBY, ACTIVE = Role.STANDBY, Role.ACTIVE
OWNS = me(priority=OWNER)
KEEPS = me(preempt=False)
DELAYED = me(preempt_delay=10.0)
ORDER = (5, GiveUp(Why.ORDERED, stay=True))


@pytest.mark.parametrize(
    ("sentence", "ours", "actions", "timer"),
    [
        ("it listens first, for three intervals and the skew", V3, (told(STANDBY, Why.STARTED),), DOWN),
        ("the higher the priority, the sooner", me(priority=254), (told(STANDBY, Why.STARTED),), 3 + 2 / 256),
        ("in intervals of its own", me(interval=0.1), (told(STANDBY, Why.STARTED),), DOWN / 10),
        ("version 2 has its skew in seconds", replace(V2, interval=10), (told(STANDBY, Why.STARTED),), 30 + SKEW),
        ("the owner waits for nobody", OWNS, (Send(255), told(ACTIVE, Why.OWNER), Announce()), 1.0),
    ],
)
def test_start(sentence: str, ours: Instance, actions: tuple[Action, ...], timer: float) -> None:
    state, done = after(ours, (0, Start()))
    assert done == actions, sentence
    assert state.timer == pytest.approx(timer), sentence
    assert step(ours, state, Start(), 0) == (state, ()), "starting again changes nothing"


@pytest.mark.parametrize(
    ("sentence", "ours", "event", "timer"),
    [
        ("a stronger active is respected", V3, hear(150), 2 + DOWN),
        ("and its interval is learnt", V3, hear(150, interval=0.1), 2 + DOWN / 10),
        ("so is one of the same priority, whatever its address", V3, hear(100, LOWER), 2 + DOWN),
        ("a weaker one is not: the timer runs on", V3, hear(99), DOWN),
        ("unless we do not preempt", KEEPS, hear(99), 2 + DOWN),
        ("or not yet", DELAYED, hear(99), 2 + DOWN),
        ("the owner of the addresses preempts always", me(priority=OWNER, preempt=False), hear(254), 3 + 1 / 256),
        ("who releases is waited for no longer than the skew", V3, hear(0), 2 + SKEW),
        ("in version 2 too, where an interval is learnt beside the RFC", V2, hear(150, interval=3), 2 + 9 + SKEW),
        ("higher priority now: less skew", V3, SetPriority(228), 3 + 28 / 256),
        ("nobody to release", V3, GiveUp(), DOWN),
        ("nothing to say", V3, Speak(), DOWN),
        ("a timer that is not due", V3, Tick(), DOWN),
        ("what was not missing is back", V3, Fit(Cause.CARRIER), DOWN),
    ],
)
def test_standby(sentence: str, ours: Instance, event: Event, timer: float) -> None:
    before = replace(standby(ours), timer=patience(ours, standby(ours)), phase=Phase.BACKUP)
    state, actions = step(ours, before, event, 2)
    assert (state.role, actions) == (STANDBY, ()), sentence
    assert state.timer == pytest.approx(timer), sentence


TAKES = (Send(100), told(ACTIVE, Why.SILENCE), Announce())


@pytest.mark.parametrize(
    ("sentence", "ours", "story", "actions"),
    [
        ("silence makes active", V3, [(DOWN, Tick())], TAKES),
        ("so it does where we do not preempt", KEEPS, [(1, hear(90)), (1 + DOWN, Tick())], TAKES),
        ("a stream of releases does not hold it up", V3, [(1, hear(0)), (1.4, hear(0)), (1 + SKEW, Tick())],
         (Send(100), told(ACTIVE, Why.RELEASED), Announce())),
        ("who releases and is back is active", V3, [(1, hear(0)), (1.1, hear(150)), (1.1 + DOWN, Tick())], TAKES),
        ("a weaker active is preempted", V3, [(2, hear(90)), (3, hear(90)), (DOWN, Tick())],
         (Send(100), told(ACTIVE, Why.PREEMPTED), Announce())),
        ("after the delay, which starts when it is first heard", DELAYED,
         [*((float(at), hear(90)) for at in range(1, 14)), (10 + DOWN, Tick())],
         (Send(100), told(ACTIVE, Why.PREEMPTED), Announce())),
        ("one that dies is not waited for", DELAYED, [(1, hear(90)), (1 + DOWN, Tick())], TAKES),
        ("an order does not wait", V3, [(1, hear(150)), (1.5, TakeOver())],
         (Send(100), told(ACTIVE, Why.ORDERED), Announce())),
        ("with the priority of now", V3, [(1, SetPriority(90)), (3.7, Tick())],
         (Send(90), told(ACTIVE, Why.SILENCE), Announce())),
    ],
)  # fmt: skip
def test_taking_over(
    sentence: str, ours: Instance, story: Sequence[tuple[float, Event]], actions: tuple[Action, ...]
) -> None:
    state, done = after(ours, (0, Start()), *story)
    assert done == actions, sentence
    assert (state.role, state.timer) == (ACTIVE, story[-1][0] + ours.interval), sentence


@pytest.mark.parametrize(
    ("sentence", "story", "timer"),
    [
        ("a newcomer's shorter interval does not shorten the wait for the active that sent it back",
         [(1, hear(150, LOWER, 5.0)), (1.1, hear(120, HIGHER, 0.1))], 1 + 5 * DOWN),
        ("its second advert does: it is the active now",
         [(1, hear(150, LOWER, 5.0)), (1.1, hear(120, HIGHER, 0.1)), (1.2, hear(120, HIGHER, 0.1))], 1.2 + DOWN / 10),
        ("nor is a longer interval held up", [(1, hear(150, LOWER, 1.0)), (1.1, hear(120, HIGHER, 5.0))],
         1.1 + 5 * DOWN),
        ("who has released is not waited for any more",
         [(1, hear(150, LOWER, 5.0)), (2, hear(0, LOWER, 5.0)), (2.1, hear(120, HIGHER, 0.1))], 2.1 + DOWN / 10),
        ("the same router may speak more often from now on",
         [(1, hear(150, LOWER, 5.0)), (1.1, hear(150, LOWER, 0.1))], 1.1 + DOWN / 10),
    ],
)  # fmt: skip
def test_two_actives_with_different_intervals(
    sentence: str, story: Sequence[tuple[float, Event]], timer: float
) -> None:
    state, _ = after(V3, (0, Start()), *story)
    assert state.timer == pytest.approx(timer), sentence


def test_a_stronger_active_in_between_restarts_the_delay() -> None:
    state, _ = after(DELAYED, (0, Start()), (1, hear(90)), (2, hear(150)), (5, hear(90)))
    assert state.preempt_at == 15


@pytest.mark.parametrize(
    ("sentence", "event", "actions", "timer"),
    [
        ("an advert every interval", Tick(), (Send(100),), 102.0),
        ("a weaker rival is answered at once, and the link told again", hear(99, HIGHER), (Send(100), Announce()), 102),
        ("so is one of the same priority and a lower address", hear(100, LOWER), (Send(100), Announce()), 102),
        ("or whom the sync group's first member says we beat", Heard(advert(100, HIGHER), wins=True),
         (Send(100), Announce()), 102),
        ("one that releases, too: it was heard by others", hear(0, HIGHER), (Send(100),), 102),
        ("it is active already", TakeOver(), (), 101),
        ("it may be asked to speak", Speak(), (Send(100),), 102),
        ("a new priority is said with the next advert", SetPriority(90), (), 101),
    ],
)  # fmt: skip
def test_active_stays(sentence: str, event: Event, actions: tuple[Action, ...], timer: float) -> None:
    state, done = step(V3, active(), event, 101)
    assert (state.role, done, state.timer) == (ACTIVE, actions, timer), sentence


@pytest.mark.parametrize(
    ("sentence", "event", "actions", "timer"),
    [
        ("to a stronger one, whose interval is learnt", hear(101, LOWER, 0.5), (told(STANDBY, Why.HIGHER),),
         100.5 + DOWN / 2),
        ("to one of the same priority and a higher address", hear(100, HIGHER), (told(STANDBY, Why.TIE),),
         100.5 + DOWN),
        ("or whom the sync group's first member says we do not beat", Heard(advert(100, LOWER), wins=False),
         (told(STANDBY, Why.TIE),), 100.5 + DOWN),
        ("by order: with a farewell", GiveUp(), (Send(0), told(STANDBY, Why.ORDERED)), 100.5 + DOWN),
        ("in fault: with a farewell, if it can still be sent", Unfit(Cause.ADDRESS),
         (Send(0), told(Role.FAULT, Why.FAULT)), None),
        ("at the end: with a farewell", Stop(), (Send(0), told(None, Why.STOPPED)), None),
    ],
)  # fmt: skip
def test_active_gives_up(sentence: str, event: Event, actions: tuple[Action, ...], timer: float | None) -> None:
    state, done = step(V3, active(), event, 100.5)
    assert done == actions, sentence
    assert state.timer == (None if timer is None else pytest.approx(timer)), sentence


def test_two_owners_are_decided_by_address() -> None:
    state, actions = step(OWNS, active(OWNS), hear(OWNER, HIGHER), 100.5)
    assert (state.role, actions) == (STANDBY, (told(STANDBY, Why.TIE),))


def test_addresses_are_compared_as_numbers() -> None:
    ours = me(source=ip_address("192.0.2.10"))
    assert step(ours, active(ours), hear(100, "192.0.2.9"), 100.5)[0].role is ACTIVE
    assert step(ours, active(ours), hear(100, "192.0.2.11"), 100.5)[0].role is STANDBY


def test_a_flood_of_weaker_rivals_is_answered_ten_times_an_interval() -> None:
    state, now, sent = active(), 100.0, 0
    while now < 102:
        now += 0.001
        state, actions = step(V3, state, hear(50), now)
        sent += Send(100) in actions
        state, actions = step(V3, state, Tick(), now)
        sent += Send(100) in actions
    assert sent == pytest.approx(20, abs=1)


def test_a_rival_that_came_too_soon_for_an_answer_gets_it_a_little_later() -> None:
    state, actions = step(V3, active(), hear(50), 100.01)
    assert (actions, state.timer) == ((), 100.1)
    assert step(V3, state, Tick(), 100.1)[1] == (Send(100), Announce())


# --- fault --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "ours", "story", "role", "actions"),
    [
        ("a fault before the start", V3, [(0, Unfit(Cause.CARRIER)), (1, Start())], Role.FAULT,
         (told(Role.FAULT, Why.FAULT),)),
        ("is over: it listens first", V3, [(0, Unfit(Cause.CARRIER)), (1, Start()), (2, Fit(Cause.CARRIER))], STANDBY,
         (told(STANDBY, Why.RECOVERED),)),
        ("the owner does not", OWNS, [(0, Start()), (1, Unfit(Cause.CARRIER)), (2, Fit(Cause.CARRIER))], ACTIVE,
         (Send(255), told(ACTIVE, Why.OWNER), Announce())),
        ("one of two faults is over", V3,
         [(0, Start()), (1, Unfit(Cause.CARRIER)), (1, Unfit(Cause.ADDRESS)), (2, Fit(Cause.CARRIER))], Role.FAULT, ()),
        ("the same fault twice is one", V3,
         [(0, Start()), (1, Unfit(Cause.CARRIER)), (1, Unfit(Cause.CARRIER)), (2, Fit(Cause.CARRIER))], STANDBY,
         (told(STANDBY, Why.RECOVERED),)),
        ("nothing is believed that is heard in fault", V3, [(0, Start()), (1, Unfit(Cause.CARRIER)), (2, hear(0))],
         Role.FAULT, ()),
        ("and no order taken", V3, [(0, Start()), (1, Unfit(Cause.CARRIER)), (2, TakeOver())], Role.FAULT, ()),
        ("a standby says nothing when it stops", V3, [(0, Start()), (1, Stop())], None, (told(None, Why.STOPPED),)),
        ("it stops once", V3, [(0, Start()), (1, Stop()), (2, Stop())], None, ()),
        ("a fault over after the stop starts nothing", V3,
         [(0, Start()), (1, Unfit(Cause.CARRIER)), (2, Stop()), (3, Fit(Cause.CARRIER))], None, ()),
        ("but whoever starts again still has it", V3,
         [(0, Start()), (1, Unfit(Cause.CARRIER)), (2, Stop()), (3, Start())], Role.FAULT,
         (told(Role.FAULT, Why.FAULT),)),
        ("a priority set in fault holds after it", V3,
         [(0, Start()), (1, Unfit(Cause.CARRIER)), (1, SetPriority(OWNER)), (2, Fit(Cause.CARRIER))], ACTIVE,
         (Send(255), told(ACTIVE, Why.OWNER), Announce())),
    ],
)  # fmt: skip
def test_faults(
    sentence: str, ours: Instance, story: Sequence[tuple[float, Event]], role: Role | None, actions: tuple[Action, ...]
) -> None:
    state, done = after(ours, *story)
    assert (state.role, done) == (role, actions), sentence


# --- orders -------------------------------------------------------------------------------------------------------


def test_who_gave_up_stays_behind_a_weaker_active_until_it_falls_silent() -> None:
    state, _ = step(V3, active(), GiveUp(), 101)
    for now in range(102, 140):
        state, actions = step(V3, state, hear(50), float(now))
        assert (state.role, actions) == (STANDBY, ())
    state, actions = step(V3, state, Tick(), 139 + DOWN)
    assert actions == TAKES
    assert not state.stay


@pytest.mark.parametrize(
    ("sentence", "story", "anew"),
    [
        ("a standby hears an active", [(0, Start()), (1, hear(120))], True),
        ("it falls silent, and we take over", [(0, Start()), (1, hear(120)), (1 + DOWN, Tick())], False),
        ("we preempt a weaker one", [(0, Start()), (2, hear(90)), (DOWN, Tick())], False),
        ("it has not noticed yet", [(0, Start()), (DOWN, Tick()), (4, hear(90))], True),
        ("and we hand over to it before it speaks again", [(0, Start()), (DOWN, Tick()), (4, hear(90)), ORDER], False),
        ("it speaks", [(0, Start()), (DOWN, Tick()), (4, hear(90)), ORDER, (6, hear(90))], True),
        ("we yield to who is stronger", [(0, Start()), (DOWN, Tick()), (4, hear(120))], True),
        ("in fault nobody is heard", [(0, Start()), (1, hear(120)), (2, Unfit(Cause.CARRIER)), (3, hear(120))], False),
    ],
)
def test_whether_who_was_heard_last_was_heard_in_this_phase(
    sentence: str, story: list[tuple[float, Event]], *, anew: bool
) -> None:
    assert after(V3, *story)[0].anew is anew, sentence


def test_who_gave_up_and_is_not_followed_is_active_again() -> None:
    state, _ = step(V3, active(), GiveUp(), 101)
    assert step(V3, state, Tick(), 101 + DOWN)[1] == TAKES


# --- sleep --------------------------------------------------------------------------------------------------------


def test_an_active_that_slept_too_long_yields_to_whoever_is_heard() -> None:
    """What came in the meantime is read before the timer is looked at; here a much weaker router had taken over."""
    state, actions = step(V3, active(), hear(1), 103.1)
    assert actions == (told(STANDBY, Why.SLEPT),)
    assert state.timer == pytest.approx(103.1 + DOWN), "from then on it is a standby as any, and preempts if it may"


def test_an_active_that_slept_a_little_is_active() -> None:
    assert step(V3, active(), hear(1), 102.9)[1] == (Send(100), Announce())


def test_an_active_that_slept_and_heard_nobody_listens_for_an_interval_and_goes_on() -> None:
    state, actions = step(V3, active(), Tick(), 105)
    assert (state.role, actions, state.timer) == (ACTIVE, (), 106)
    assert step(V3, state, hear(1), 105.9)[1] == (told(STANDBY, Why.SLEPT),)
    state, actions = step(V3, state, Tick(), 106)
    assert actions == (Send(100), Announce()), "somebody may have been active for a while"
    assert step(V3, state, Tick(), 107)[1] == (Send(100),)


def test_an_active_that_is_always_late_advertises_all_the_same() -> None:
    state, now, sent = active(), 100.0, 0
    for _ in range(20):
        now += 5
        state, actions = step(V3, state, Tick(), now)
        sent += Send(100) in actions
    assert sent == 10


def test_a_standby_that_slept_listens_again_and_believes_the_second_silence() -> None:
    state, actions = step(V3, standby(), Tick(), 60)
    assert (state.role, actions) == (STANDBY, ())
    assert state.timer == pytest.approx(60 + DOWN)
    assert step(V3, state, Tick(), 120)[1] == TAKES


def test_a_standby_that_slept_and_heard_an_active_sleeps_well_again() -> None:
    state, _ = after(V3, (0, Start()), (60, Tick()), (61, hear(150)), (90, Tick()))
    assert state.role is STANDBY


def test_a_busy_machine_has_not_slept() -> None:
    ours = me(interval=0.01)
    assert step(ours, standby(ours), Tick(), 0.1)[0].role is ACTIVE


def test_an_active_that_is_configured_otherwise_says_so_at_once_and_goes_on() -> None:
    faster = me(interval=0.1)
    state, actions = step(faster, active(), Changed(), 100.9)
    assert (state.role, state.timer, actions) == (ACTIVE, pytest.approx(101.0), (Send(100),))
    state, actions = step(faster, active(), Changed(), 100.05)
    assert (state.timer, actions) == (pytest.approx(100.05 + 0.1), (Send(100),))
    state, actions = step(me(interval=10), active(), Changed(), 100.5)
    assert (state.timer, actions) == (101.0, ()), "not more often than adverts are answered, and no later than before"


def test_an_active_that_slept_does_not_speak_up_because_it_is_configured_otherwise() -> None:
    slept, _ = step(V3, active(), Tick(), 110)
    assert step(me(priority=150), slept, Changed(), 110.1) == (slept, ())


def test_a_standby_that_is_configured_otherwise_waits_on() -> None:
    assert step(KEEPS, standby(), Changed(), 1) == (standby(), ())


def test_a_preemption_that_had_begun_is_judged_anew() -> None:
    preempting, _ = after(V3, (0, Start()), (1, hear(50)), (2, hear(50)), (3, hear(50)))
    assert preempting.timer == pytest.approx(DOWN), "it does not respect the weaker one"
    state, actions = step(KEEPS, preempting, Changed(), 3.2)
    assert (state.timer, state.preempt_at, actions) == (pytest.approx(3.2 + DOWN), None, ())
    assert after(KEEPS, (0, Start()), (1, hear(50)), (3, Changed()))[0].role is STANDBY


def test_who_does_not_take_part_is_configured_otherwise_in_silence() -> None:
    assert after(KEEPS, (0, Changed())) == (initial(KEEPS), ())


# --- laws ---------------------------------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.sampled_from([Start(), Stop(), Tick(), Tick(), GiveUp(), TakeOver(), Speak(), Changed()]),
    st.builds(Unfit, st.sampled_from([Cause.CARRIER, Cause.ADDRESS])),
    st.builds(Fit, st.sampled_from([Cause.CARRIER, Cause.ADDRESS])),
    st.builds(SetPriority, st.integers(1, 255)),
    st.builds(hear, st.integers(0, 255), st.sampled_from([LOWER, HIGHER]), st.sampled_from([0.01, 1.0, 40.95])),
)
STORIES = st.lists(st.tuples(st.floats(0, 100), EVENTS), max_size=40)


@given(
    st.builds(me, priority=st.integers(1, 255), preempt=st.booleans(), preempt_delay=st.sampled_from([0.0, 5.0])),
    STORIES,
)
def test_whatever_happens(ours: Instance, story: list[tuple[float, Event]]) -> None:
    """The roles told of are those taken; who takes part waits for something; only the active and the leaving speak."""
    state, now = initial(ours), 0.0
    for passed, event in story:
        now += passed
        before = state
        state, actions = step(ours, state, event, now)
        roles = [action.role for action in actions if isinstance(action, Became)]
        assert roles == ([state.role] if state.role is not before.role else [])
        assert (state.timer is not None) is (state.phase is not Phase.INITIALIZE)
        assert state.timer is None or state.timer <= now + max(patience(ours, state), ours.interval)
        assert state.faults == set() or state.role in (Role.FAULT, None)
        sent = [action.priority for action in actions if isinstance(action, Send)]
        assert sent in ([], [state.priority] if state.role is ACTIVE else [0])
        assert not sent or ACTIVE in (before.role, state.role)
        assert 0 < skew(ours, state) <= state.interval


@given(st.integers(1, 254), st.integers(1, 255), st.booleans())
def test_a_live_active_that_is_no_weaker_is_never_overthrown(ours: int, more: int, preempt: bool) -> None:
    theirs = min(255, ours + more - 1)
    machine = me(priority=ours, preempt=preempt)
    state = standby(machine)
    for now in range(50):
        state, actions = step(machine, state, hear(theirs), float(now))
        assert not actions
        state, actions = step(machine, state, Tick(), now + 0.99)
        assert not actions
