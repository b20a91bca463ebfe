from ipaddress import ip_address
from typing import get_args

import pytest

from lvsctl import events as happened
from lvsctl.decide.record import SHOWN, records
from lvsctl.events import Event
from lvsctl.model import (
    Action,
    AddressKey,
    CheckId,
    DeleteServer,
    Level,
    Matcher,
    MatchOp,
    NewWeight,
    Outcome,
    Override,
    PoolSubject,
    Problem,
    Protocol,
    Question,
    QuestionId,
    RealKey,
    Refusal,
    Role,
    ServerSubject,
    ServiceState,
    Severity,
    Silence,
    Step,
    SyncRole,
    Target,
    Transition,
    Trouble,
    Verdict,
)

VIP = AddressKey(ip_address("192.0.2.20"), 80, Protocol.TCP)
REAL = RealKey(ip_address("10.0.0.1"), 80)
OUTCOME = Outcome(Verdict.FAIL, "L4CON", "connection refused", 0.0012345678)
QUESTION = Question(QuestionId("q"), "tcp", Target(REAL.address, 80), (), 1, 2, 2, 2)
STEP = Step(DeleteServer(VIP, REAL), "", "down")
DRAIN = Override(ServerSubject(None, REAL.address, None), Action.DRAIN, "alice (uid 1000)", "new disk", 1.0, 2.0)
WEIGHT = Override(PoolSubject("shop", "spare"), Action.WEIGHT, "bob", "", 1.0, None, NewWeight(50, percent=True))
MATCHERS = (Matcher("service", MatchOp.IS, "shop"), Matcher("pool", MatchOp.IS_NOT, "spare"))
SILENCE = Silence("s1", MATCHERS, "alice (uid 1000)", "new disk", 1.0, 2.0)
PROBLEM = Problem("a.yaml", 1, 2, "services", "is wrong")

TOLD: list[tuple[Event, str, str, tuple[str, str, str]]] = [
    (happened.HealthChanged(CheckId("c"), QUESTION, False, OUTCOME), "check_down", "a check fails", ("", "", "")),
    (
        happened.ServerChanged("shop", "web", REAL, False, "tcp", OUTCOME),
        "server_down",
        "server is down",
        ("shop", "web", "10.0.0.1:80"),
    ),
    (
        happened.ServiceChanged("shop", ServiceState.DOWN, ServiceState.OK, "no server takes new connections"),
        "service_down",
        "service is down",
        ("shop", "", ""),
    ),
    (
        happened.NotAsked(QUESTION, OUTCOME),
        "not_asked",
        "the check tcp of 10.0.0.1:80 cannot be asked; its servers stay as they are",
        ("",) * 3,
    ),
    (
        happened.SpillStarted("shop", "web", "spare"),
        "spill_started",
        "the pool is full, connections spill",
        ("shop", "web", ""),
    ),
    (
        happened.SpillEnded("shop", "web", "spare", 60.0, 12, 9),
        "spill_ended",
        "connections spill no longer",
        ("shop", "web", ""),
    ),
    (
        happened.PoolExhausted("shop"),
        "pool_exhausted",
        "no server has room, new connections are refused",
        ("shop", "", ""),
    ),
    (happened.PoolRelieved("shop", 3.0), "pool_relieved", "the shortage of room is over", ("shop", "", "")),
    (happened.CapacityHigh("shop", "web", 0.91, 0.8), "capacity_high", "the pool is nearly full", ("shop", "web", "")),
    (
        happened.CapacityFine("shop", "web", 0.5, 9.0),
        "capacity_fine",
        "the pool is no longer nearly full",
        ("shop", "web", ""),
    ),
    (happened.OverrideSet(DRAIN), "override_set", "10.0.0.1 is drained by alice (uid 1000)", ("", "", "")),
    (
        happened.OverrideEnded(DRAIN),
        "override_ended",
        "10.0.0.1 is no longer drained: its time is over",
        ("", "", ""),
    ),
    (
        happened.OverrideEnded(WEIGHT, by="bob"),
        "override_ended",
        "shop/spare is no longer given the weight 50%: ended by bob",
        ("shop", "", ""),
    ),
    (
        happened.SilenceSet(SILENCE),
        "silence_set",
        "alerts with service=shop pool!=spare are silenced by alice (uid 1000)",
        ("shop", "", ""),
    ),
    (
        happened.SilenceEnded(SILENCE),
        "silence_ended",
        "alerts with service=shop pool!=spare are no longer silenced: its time is over",
        ("shop", "", ""),
    ),
    (
        happened.SilenceEnded(SILENCE, by="bob"),
        "silence_ended",
        "alerts with service=shop pool!=spare are no longer silenced: ended by bob",
        ("shop", "", ""),
    ),
    (happened.Reloaded(1, 2, (PROBLEM,)), "reloaded", "configuration taken", ("", "", "")),
    (
        happened.ReloadRefused((PROBLEM,)),
        "reload_refused",
        "reload refused: the configuration in force goes on",
        ("", "", ""),
    ),
    (happened.DriftFound(VIP, "is gone"), "drift", "somebody else changed the table", ("shop", "", "")),
    (
        happened.OpRefused(STEP, Refusal(1, "no")),
        "refused",
        "the kernel refused an operation",
        ("shop", "", "10.0.0.1:80"),
    ),
    (happened.GuardTripped((STEP,) * 50, "why"), "withheld", "steps withheld: why", ("", "", "")),
    (
        happened.DirectorSuspected("why", ("eth0 has no carrier",)),
        "director_suspected",
        "this director suspects itself, and takes no server out",
        ("", "", ""),
    ),
    (
        happened.DirectorTrusted("a canary answered", 7.0),
        "director_trusted",
        "this director no longer suspects itself",
        ("", "", ""),
    ),
    (
        happened.StoodStill(7.0),
        "stood_still",
        "this director stood still, and looked after nothing",
        ("", "", ""),
    ),
    (
        happened.SchedulerMissing("rr", "wlc", ("shop",)),
        "scheduler_missing",
        "the kernel has no scheduler rr: wlc is used",
        ("", "", ""),
    ),
    (
        happened.SchedulerAppeared("rr", "rr", ("shop",)),
        "scheduler_appeared",
        "the kernel has the scheduler rr now: it is used",
        ("", "", ""),
    ),
    (
        happened.KernelSilent("no ip_vs"),
        "kernel_silent",
        "round failed; the table stays as it is, the next round tries again",
        ("", "", ""),
    ),
    (happened.KernelAnswers(5.0), "kernel_answers", "the kernel can be asked again", ("", "", "")),
    (happened.RoundDone((STEP,), ()), "applied", "applied", ("shop", "", "10.0.0.1:80")),
    (
        happened.DeliveryFailed("oncall", "503", 3),
        "delivery_failed",
        "alerts cannot be delivered to oncall",
        ("", "", ""),
    ),
    (
        happened.DeliveryRecovered("oncall", 9.0, 0),
        "delivery_recovered",
        "alerts are delivered to oncall again",
        ("", "", ""),
    ),
    (
        happened.RoleChanged(Transition("web4", Role.ACTIVE, Role.STANDBY, "the active one is silent", 150)),
        "role_active",
        "web4 is active",
        ("", "", ""),
    ),
    (
        happened.RoleChanged(Transition("web4", Role.STANDBY, None, "started", 150)),
        "role_standby",
        "web4 is standby",
        ("", "", ""),
    ),
    (
        happened.RoleChanged(Transition("web4", Role.FAULT, Role.ACTIVE, "eth0 has no carrier", 150)),
        "role_fault",
        "web4 is fault",
        ("", "", ""),
    ),
    (
        happened.RoleChanged(Transition("web4", None, Role.ACTIVE, "stopped", 150)),
        "role_stopped",
        "web4 takes part no more",
        ("", "", ""),
    ),
    (
        happened.PriorityChanged("web4", 150, 100, ("service shop is down: -50",)),
        "priority_changed",
        "this director offers another priority",
        ("", "", ""),
    ),
    (
        happened.PairTroubled(Trouble("web4", "cannot send adverts: No buffer space available", 3)),
        "pair_trouble",
        "something is wrong with the pair",
        ("", "", ""),
    ),
    (happened.HookDone("on_active", "web4", 0.25), "hook_done", "on_active of web4 has run", ("", "", "")),
    (
        happened.HookFailed("on_active", "web4", "ended with exit status 1", "no such route"),
        "hook_failed",
        "on_active of web4 failed",
        ("", "", ""),
    ),
    (
        happened.SyncFailed(SyncRole.MASTER, "there is no interface eth1"),
        "sync_failed",
        "connections are not copied between the directors as they should be",
        ("", "", ""),
    ),
    (happened.SyncRestored(SyncRole.MASTER, 12.0), "sync_restored", "connections are copied again", ("", "", "")),
    (happened.PeerLost("connection refused"), "peer_lost", "the other director cannot be asked", ("", "", "")),
    (happened.PeerBack(12.0), "peer_back", "the other director answers again", ("", "", "")),
    (
        happened.OpinionsDiffer(("shop/10.0.0.1:80 is up here and down at the peer",)),
        "opinions_differ",
        "the two directors see servers differently",
        ("", "", ""),
    ),
    (happened.OpinionsAgree(12.0), "opinions_agree", "the two directors see the same again", ("", "", "")),
    (happened.BothActive("web4"), "both_active", "both directors are active for web4", ("", "", "")),
    (happened.OneActive("web4", 12.0), "one_active", "one director is active for web4 again", ("", "", "")),
]


@pytest.mark.parametrize(("event", "name", "message", "subject"), TOLD, ids=[name for _, name, _, _ in TOLD])
def test_an_event_is_told_in_words(event: Event, name: str, message: str, subject: tuple[str, str, str]):
    (record,) = records(event, {VIP: "shop"})
    assert (record.event, record.message) == (name, message)
    assert (record.service, record.pool, record.server) == subject


def test_every_event_has_words():
    assert {type(event) for event, *_ in TOLD} == set(get_args(Event))


def test_a_round_is_told_step_by_step_and_a_quiet_one_not_at_all():
    told = list(records(happened.RoundDone((STEP, STEP), ()), {}))
    assert [record.fields["op"] for record in told] == ["delete-server tcp 192.0.2.20:80 10.0.0.1:80"] * 2
    assert list(records(happened.RoundDone((), ()), {})) == []


def test_a_service_that_is_no_more_in_conf_d_is_told_by_its_key():
    (record,) = records(happened.DriftFound(VIP, "is gone"), {})
    assert record.service == "tcp 192.0.2.20:80"


def test_of_very_many_steps_a_few_are_named():
    (record,) = records(happened.GuardTripped((STEP,) * 5000, "why"), {})
    steps = record.fields["steps"]
    assert isinstance(steps, list)
    assert (record.fields["count"], len(steps)) == (5000, SHOWN)


def test_a_reload_is_refused_for_its_mistakes_and_not_for_its_warnings():
    warnings = [Problem("a.yaml", line, 2, "alerts", "is doubtful", Severity.WARNING) for line in range(SHOWN)]
    [record] = records(happened.ReloadRefused((*warnings, PROBLEM)), {})
    assert (record.fields["count"], record.fields["problems"]) == (1, [str(PROBLEM)])


def test_durations_are_told_to_the_millisecond():
    [record] = records(happened.KernelAnswers(130.12766387200003), {})
    assert record.fields["duration"] == 130.128


def test_what_makes_somebody_look_now():
    levels = {name: next(iter(records(event, {}))).level for event, name, _, _ in TOLD}
    assert {name for name, level in levels.items() if level is Level.ERROR} == {
        "service_down",
        "not_asked",
        "pool_exhausted",
        "reload_refused",
        "refused",
        "director_suspected",
        "kernel_silent",
        "delivery_failed",
        "role_fault",
        "both_active",
    }


def test_a_positive_weight_never_becomes_0():
    assert [NewWeight(1, percent=True).of(weight) for weight in (0, 1, 10, 1000)] == [0, 1, 1, 10]
    assert [NewWeight(0, percent=True).of(10), NewWeight(7).of(0), NewWeight(150, percent=True).of(10)] == [0, 7, 15]


def test_the_end_of_an_order_is_told_as_a_time():
    (record,) = records(happened.OverrideSet(DRAIN), {})
    assert record.fields["until"] == "1970-01-01T00:00:02Z"
    (record,) = records(happened.OverrideSet(WEIGHT), {})
    assert record.fields["until"] is None


def test_of_very_many_differences_a_few_are_named():
    (record,) = records(happened.OpinionsDiffer(("one more",) * 5000), {})
    assert (record.fields["count"], record.fields["what"]) == (5000, ["one more"] * 10)
