"""What is not told: inhibited, silenced, held in quiet hours; and that nothing which was told is left open."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lvsctl.decide.alerting.happening import SilenceEnded
from lvsctl.decide.alerting.matching import everything, matcher, matches
from lvsctl.decide.alerting.quiet import quiet_until
from lvsctl.model import Alert, Quiet, Record, labels
from tests.decide.alerting.desk import (
    Desk,
    alerting,
    of_director,
    route,
    server_down,
    server_up,
    service_down,
    service_ok,
    silence,
    standing,
)

EVERY_DAY = frozenset(range(7))


# --- inhibition ---------------------------------------------------------------------------------------------------


def test_a_host_that_is_down_in_twenty_services_is_one_alert() -> None:
    down = [server_down(port, f"s{port}", host=9) for port in range(1, 21)]
    names = " ".join(f"s{port}" for port in range(1, 21))
    desk = Desk().at(0, standing(services=names, h9=20)).at(1, *down[:10]).at(9, *down[10:])
    assert desk.until(60).story == ["39 first ops: +HostDown 10.0.0.9"]
    (alert,) = desk.sent[0].alerts
    assert alert.summary == "every server on 10.0.0.9 is down: 20 in 20 services"
    assert dict(alert.annotations)["services"].split(", ") == sorted(f"s{port}" for port in range(1, 21))
    up = [server_up(port, f"s{port}", host=9) for port in range(1, 21)]
    assert desk.at(400, *up).until(9000).story[1:] == ["430 resolved ops: -HostDown 10.0.0.9"]


def test_what_stays_down_when_its_host_comes_back_is_told_then() -> None:
    desk = Desk().at(0, standing(h9=2), server_down(1, host=9), server_down(2, host=9))
    desk.at(100, server_up(1, host=9)).until(500)
    assert desk.story == [
        "30 first ops: +HostDown 10.0.0.9",
        "130 first ops: +ServerDown 10.0.0.9:2",
        "330 resolved ops: -HostDown 10.0.0.9",
    ]


def test_the_only_server_of_a_host_speaks_for_itself() -> None:
    desk = Desk().at(0, standing(h1=1), server_down(1)).until(60)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.1:80"]


def test_a_host_with_a_server_that_is_up_is_not_down() -> None:
    desk = Desk().at(0, standing(h9=3), server_down(1, host=9), server_down(2, host=9)).until(60)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.9:1 +ServerDown 10.0.0.9:2"]


def test_a_service_that_is_down_silences_its_servers_and_no_others() -> None:
    desk = Desk().at(0, server_down(1), server_down(2), service_down(), server_down(3, "mail")).until(60)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.3:80", "30 first ops: +ServiceDown shop"]


def test_a_server_still_down_when_its_service_is_back_is_told() -> None:
    desk = Desk().at(0, server_down(1), server_down(2), service_down())
    desk.at(100, server_up(1), service_ok()).until(500)
    assert desk.story == [
        "30 first ops: +ServiceDown shop",
        "130 first ops: +ServerDown 10.0.0.2:80",
        "330 resolved ops: -ServiceDown shop",
    ]


def test_a_director_that_suspects_itself_silences_what_it_suspects_until_it_trusts_itself() -> None:
    desk = Desk().at(0, of_director("director_suspected"), server_down(1), service_down())
    assert desk.until(300).story == ["30 first ops: +DirectorSuspected"]
    desk.at(300, of_director("director_trusted")).until(350)
    assert desk.story[1:] == ["330 first ops: +ServiceDown shop", "330 resolved ops: -DirectorSuspected"]


def test_what_was_told_before_it_was_inhibited_is_resolved_all_the_same_and_not_repeated() -> None:
    desk = Desk().at(0, server_down(1)).at(60, service_down()).until(30_000)
    assert [line for line in desk.story if "ServerDown" in line] == ["30 first ops: +ServerDown 10.0.0.1:80"]
    desk.at(30_000, server_up(1), service_ok()).until(40_000)
    assert [line for line in desk.story if "-" in line] == [
        "30030 resolved ops: -ServerDown 10.0.0.1:80",
        "30030 resolved ops: -ServiceDown shop",
    ]


# --- silences -----------------------------------------------------------------------------------------------------


def test_a_silence_keeps_quiet_until_its_time_is_over() -> None:
    desk = Desk().at(0, silence("service=shop", until=600), server_down(1), server_down(2, "mail")).until(700)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.2:80", "630 first ops: +ServerDown 10.0.0.1:80"]
    assert desk.state.silences == ()


def test_a_silence_that_is_ended_by_hand() -> None:
    desk = Desk().at(0, silence("service=shop"), server_down(1)).at(100, SilenceEnded("s1")).until(700)
    assert desk.story == ["130 first ops: +ServerDown 10.0.0.1:80"]


def test_what_ends_while_it_is_silenced_and_was_never_told_is_never_told() -> None:
    desk = Desk().at(0, silence("ServerDown"), server_down(1)).at(100, server_up(1)).until(9000)
    assert desk.story == []


def test_a_silence_survives_a_restart_and_does_not_keep_an_end_from_being_told() -> None:
    desk = Desk(restarts=True).at(0, server_down(1)).at(60, silence("service=shop", until=90_000)).until(30_000)
    desk.at(30_000, server_up(1)).until(40_000)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.1:80", "30030 resolved ops: -ServerDown 10.0.0.1:80"]


def test_who_silences_a_host_silences_the_servers_on_it() -> None:
    desk = Desk().at(0, standing(h9=2), silence("HostDown"), server_down(1, host=9), server_down(2, host=9)).until(99)
    assert desk.story == []


ALERT = Alert(labels({"alertname": "ServerDown", "service": "shop", "server": "10.0.0.1:80"}), (), 0.0)
MATCHERS = [
    ("service=shop", True),
    ("service=sho", False),
    ('service="shop"', True),
    ("service!=shop", False),
    ("service!=mail", True),
    ("service=~sh.*|mail", True),
    ("service=~ho", False),  # the whole value
    (r"server=~10\.0\.0\..*", True),
    ("server!~10.*", False),
    ("ServerDown", True),
    ("HostDown", False),
    ("pool=", True),  # a label that is not there is empty
    ("pool!=", False),
]


@pytest.mark.parametrize(("text", "applies"), MATCHERS)
def test_a_matcher(text: str, applies: bool) -> None:
    assert matches([matcher(text)], ALERT) is applies


REFUSED = [
    ("", r"`` is no matcher: write it like service=shop, server=~10\.0\..* or ServerDown"),
    ("10.0.0.1", r"`10.0.0.1` is no matcher: write it like service=shop, server=~10\.0\..* or ServerDown"),
    ("service==shop", r"`service==shop` is no matcher: write it like service=shop, server=~10\.0\..* or ServerDown"),
    ("service!==shop", r"`service!==shop` is no matcher: write it like service=shop, server=~10\.0\..* or ServerDown"),
    ("service=~(", "`(` is no regular expression: missing ), unterminated subpattern at position 0"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_matcher_that_is_none(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        matcher(text)
    assert str(caught.value) == why


@pytest.mark.parametrize(("texts", "all_of_it"), [(["service=~.*"], True), (["pool!=x"], True), (["service=a"], False)])
def test_a_silence_for_everything_is_known_as_such(texts: list[str], all_of_it: bool) -> None:
    assert everything([matcher(text) for text in texts]) is all_of_it


# --- quiet hours --------------------------------------------------------------------------------------------------

LUNCH = Quiet("lunch", EVERY_DAY, 10 * 60, 11 * 60, UTC)  # from 3600 to 7200 seconds after the start


def test_what_goes_on_in_quiet_hours_is_told_after_them_and_what_is_over_by_then_is_not() -> None:
    desk = Desk(alerting(route("ops", quiet=(LUNCH,))))
    desk.at(0, server_down(1)).at(4000, server_down(2), server_down(3), server_up(1)).at(5000, server_up(3))
    assert desk.until(9000).story == [
        "30 first ops: +ServerDown 10.0.0.1:80",
        "7200 new ops: +ServerDown 10.0.0.2:80 -ServerDown 10.0.0.1:80",
    ]


def test_what_is_over_at_once_is_told_after_quiet_hours_too() -> None:
    drift = Record("drift", of_director("x").level, "somebody else changed the table", "shop")
    desk = Desk(alerting(route("ops", quiet=(LUNCH,)))).at(4000, drift).until(9000)
    assert desk.story == ["7200 first ops: +TableDrift shop", "7500 resolved ops: -TableDrift shop"]


def test_a_route_without_quiet_hours_is_not_held() -> None:
    desk = Desk(alerting(route("mail", proceed=True, quiet=(LUNCH,)), route("pager"))).at(4000, server_down(1))
    assert desk.until(9000).story == [
        "4030 first pager: +ServerDown 10.0.0.1:80",
        "7200 first mail: +ServerDown 10.0.0.1:80",
    ]


BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet("night", frozenset({0, 1, 2, 3}), 22 * 60, 7 * 60, BERLIN)  # Mondays to Thursdays
WEEKEND = Quiet("weekend", frozenset({4, 5}), 22 * 60, 22 * 60, BERLIN)  # from Friday to Sunday, 22:00
QUIET = [
    ("in the evening", "2026-03-02T23:00+01:00", "2026-03-03T07:00+01:00"),
    ("in the small hours it is the evening's day that counts", "2026-03-06T06:59+01:00", "2026-03-06T07:00+01:00"),
    ("as it begins", "2026-03-02T22:00+01:00", "2026-03-03T07:00+01:00"),
    ("as it ends", "2026-03-03T07:00+01:00", None),
    ("in the day", "2026-03-03T12:00+01:00", None),
    ("hours that follow each other are one", "2026-03-06T23:00+01:00", "2026-03-08T22:00+01:00"),
    ("the night in which the clock is put forward", "2026-03-28T23:00+01:00", "2026-03-29T22:00+02:00"),
    ("the night in which it is put back", "2026-10-24T23:00+02:00", "2026-10-25T22:00+01:00"),
]


@pytest.mark.parametrize(("why", "now", "until"), QUIET, ids=[row[0] for row in QUIET])
def test_quiet_until(why: str, now: str, until: str | None) -> None:
    found = quiet_until((NIGHT, WEEKEND), datetime.fromisoformat(now).timestamp())
    assert found == (datetime.fromisoformat(until).timestamp() if until is not None else None), why


def test_hours_that_are_always_quiet_are_looked_at_again_some_day() -> None:
    always = Quiet("always", EVERY_DAY, 0, 0, UTC)
    assert 31 * 86400 <= (quiet_until((always,), 0.0) or 0) <= 33 * 86400
