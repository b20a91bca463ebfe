"""What comes and goes is told once, and again when it has come to rest."""

from __future__ import annotations

from lvsctl.model import Flapping, Level, Record
from tests.decide.alerting.desk import START, Desk, alerting, route, server_down, server_up, service_down, service_ok

LIMIT = Flapping(changes=6, within=600, stable=300, longest=3600)


def desk(*, restarts: bool = False) -> Desk:
    return Desk(alerting(route("ops"), flapping=LIMIT), restarts=restarts)


def flap(at: Desk, begin: float, times: int, pause: float = 10.0, server: int = 1) -> float:
    """Down and up `times` times; returns when it came up for the last time."""
    for turn in range(times):
        at.at(begin + 2 * turn * pause, server_down(server))
        at.at(begin + (2 * turn + 1) * pause, server_up(server))
    return begin + (2 * times - 1) * pause


def test_a_server_that_comes_and_goes_is_told_as_that_and_nothing_else() -> None:
    for restarts in (False, True):
        story = desk(restarts=restarts)
        last = flap(story, 0, 30)  # each time up before it would be told as down
        assert last == 590
        assert story.until(9000).story == [
            "80 first ops: +Flapping ServerDown 10.0.0.1:80",  # the sixth change is at 50
            "920 resolved ops: -Flapping ServerDown 10.0.0.1:80",  # 300 seconds after the last change, and the wait
        ]
    (first, last_one) = story.sent
    assert first.alerts[0].summary == "ServerDown of shop/10.0.0.1:80 comes and goes: 6 changes within 10 min"
    assert dict(last_one.alerts[0].annotations)["ended"] == "no change for a while: it is over"
    assert first.alerts[0].label("severity") == "warning"


def test_300_changes_of_one_server_are_two_messages() -> None:
    story = desk()
    flap(story, 0, 150, pause=5)
    assert len(story.until(20_000).sent) == 2


def test_what_is_down_when_it_comes_to_rest_is_told_as_down() -> None:
    story = desk()
    last = flap(story, 0, 3)
    story.at(last + 10, server_down(1)).until(9000)
    assert story.story == [
        "80 first ops: +Flapping ServerDown 10.0.0.1:80",
        "390 first ops: +ServerDown 10.0.0.1:80",
        "390 resolved ops: -Flapping ServerDown 10.0.0.1:80",
    ]


def test_what_was_told_as_down_before_it_flapped_is_resolved_when_it_has_come_to_rest() -> None:
    story = desk()
    story.at(0, server_down(1)).at(40, server_up(1))
    flap(story, 50, 4)
    story.until(9000)
    assert story.story == [
        "30 first ops: +ServerDown 10.0.0.1:80",
        "110 first ops: +Flapping ServerDown 10.0.0.1:80",
        "450 resolved ops: -Flapping ServerDown 10.0.0.1:80",
        "450 resolved ops: -ServerDown 10.0.0.1:80",
    ]


def test_each_time_it_takes_longer_to_be_taken_for_stable_up_to_a_limit_and_an_hour_of_rest_forgets_it() -> None:
    story, holds = desk(), []
    begin = 0.0
    for _ in range(6):
        last = flap(story, begin, 3)
        story.until(last + LIMIT.longest - 1)
        ended = max((one.ends_at or 0) for message in story.sent for one in message.alerts)
        holds.append(ended - START - last)
        begin = last + LIMIT.longest - 1 if len(holds) < 5 else last + 2 * LIMIT.longest
    assert holds == [300, 600, 1200, 2400, holds[4], holds[5]]


def test_the_hold_doubles_up_to_the_longest() -> None:
    assert [LIMIT.hold(times) for times in (1, 2, 3, 4, 5, 1000)] == [300, 600, 1200, 2400, 3600, 3600]


def test_after_an_hour_of_rest_it_starts_anew() -> None:
    story = desk()
    last = flap(story, 0, 3)
    last = flap(story, last + 3700, 3)
    story.until(last + 331)
    assert story.story[-1] == f"{last + 330:g} resolved ops: -Flapping ServerDown 10.0.0.1:80"
    assert not story.at(20_000).state.entries


def test_slow_changes_are_no_flapping() -> None:
    story = desk()
    flap(story, 0, 4, pause=150)
    assert not any("Flapping" in line for line in story.until(9000).story)


def test_a_service_that_flaps_silences_its_servers() -> None:
    story = desk()
    for turn in range(6):
        story.at(turn * 20, service_down(), server_down(1)).at(turn * 20 + 10, service_ok(), server_up(1))
    story.until(9000)
    assert story.story == [
        "80 first ops: +Flapping ServiceDown shop",
        "440 resolved ops: -Flapping ServiceDown shop",
    ]
    assert story.sent[0].alerts[0].label("severity") == "critical"


def test_without_flapping_in_the_configuration_there_is_none_and_what_flapped_ends() -> None:
    story = desk()
    flap(story, 0, 3)
    story.until(100)
    story.alerting = alerting(route("ops"))
    story.at(100).until(9000)
    assert story.story == [
        "80 first ops: +Flapping ServerDown 10.0.0.1:80",
        "380 resolved ops: -Flapping ServerDown 10.0.0.1:80",
    ]


def test_what_operators_order_again_and_again_does_not_flap() -> None:
    story = desk()
    for turn in range(20):
        for event in ("override_set", "override_ended"):
            story.at(10.0 * turn, Record(event, Level.INFO, "…", "shop", fields={"subject": "shop/10.0.0.1"}))
    assert [line for line in story.until(9000).story if "Flapping" in line] == []
