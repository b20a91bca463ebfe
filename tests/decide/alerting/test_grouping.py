"""What is told, when, and in how many messages."""

from __future__ import annotations

import pytest

from lvsctl.model import Flapping, Grouping, Reason, Status
from tests.decide.alerting.desk import (
    START,
    Desk,
    alerting,
    alertmanager,
    receiver,
    route,
    server_down,
    server_up,
    service_down,
)


def test_one_server_goes_down_and_comes_back() -> None:
    desk = Desk().at(0, server_down()).at(600, server_up()).until(100_000)
    assert desk.story == [
        "30 first ops: +ServerDown 10.0.0.1:80",
        "630 resolved ops: -ServerDown 10.0.0.1:80",
    ]
    first, last = desk.sent
    (alert,) = last.alerts
    assert (first.status, last.status, first.group_key == last.group_key) == (Status.FIRING, Status.RESOLVED, True)
    assert (alert.starts_at - START, alert.ends_at) == (0, START + 600)
    assert dict(alert.annotations) == {
        "summary": "shop/10.0.0.1:80: server is down",
        "check": "tcp",
        "code": "L4CON",
        "detail": "connection refused",
        "ended": "server is up (code L4OK)",
    }
    assert dict(alert.labels) == {
        "alertname": "ServerDown",
        "severity": "warning",
        "service": "shop",
        "pool": "web",
        "server": "10.0.0.1:80",
        "host": "10.0.0.1",
    }
    assert desk.next_at is None and not desk.state.entries and not desk.state.groups  # nothing is left behind


STORIES = [
    (
        "what is over within the wait is not told at all",
        [(0, server_down()), (20, server_up())],
        [],
    ),
    (
        "what comes within the wait comes in one message",
        [(0, server_down(1)), (10, server_down(2)), (29, server_down(3))],
        ["30 first ops: +ServerDown 10.0.0.1:80 +ServerDown 10.0.0.2:80 +ServerDown 10.0.0.3:80"],
    ),
    (
        "what comes after the message waits for the interval, and the message has all that goes on",
        [(0, server_down(1)), (40, server_down(2))],
        [
            "30 first ops: +ServerDown 10.0.0.1:80",
            "330 new ops: +ServerDown 10.0.0.1:80 +ServerDown 10.0.0.2:80",
        ],
    ),
    (
        "what ends waits for the interval",
        [(0, server_down(1)), (40, server_up(1))],
        ["30 first ops: +ServerDown 10.0.0.1:80", "330 resolved ops: -ServerDown 10.0.0.1:80"],
    ),
    (
        "what ends and begins again within the interval is no news",
        [(0, server_down(1)), (40, server_up(1)), (60, server_down(1))],
        ["30 first ops: +ServerDown 10.0.0.1:80"],
    ),
    (
        "the same again is no news",
        [(0, server_down(1)), (10, server_down(1)), (400, server_down(1))],
        ["30 first ops: +ServerDown 10.0.0.1:80"],
    ),
    (
        "one ends, another begins: one message, the one that ended in it once",
        [(0, server_down(1)), (40, server_up(1)), (50, server_down(2))],
        [
            "30 first ops: +ServerDown 10.0.0.1:80",
            "330 new ops: +ServerDown 10.0.0.2:80 -ServerDown 10.0.0.1:80",
        ],
    ),
    (
        "news long after the last message wait only for what comes with them",
        [(0, server_down(1)), (1000, server_down(2))],
        [
            "30 first ops: +ServerDown 10.0.0.1:80",
            "1030 new ops: +ServerDown 10.0.0.1:80 +ServerDown 10.0.0.2:80",
        ],
    ),
    (
        "services are told apart",
        [(0, server_down(1, "shop")), (5, server_down(2, "mail"))],
        ["30 first ops: +ServerDown 10.0.0.1:80", "35 first ops: +ServerDown 10.0.0.2:80"],
    ),
]


@pytest.mark.parametrize("restarts", [False, True], ids=["in one go", "restarted after each step"])
@pytest.mark.parametrize(("why", "happened", "expected"), STORIES, ids=[row[0] for row in STORIES])
def test_a_story(why: str, happened: list[tuple[float, object]], expected: list[str], restarts: bool) -> None:
    desk = Desk(restarts=restarts)
    for at, record in happened:
        desk.at(at, record)  # type: ignore[arg-type]
    assert desk.until(3600).story == expected, why


def test_what_goes_on_is_repeated_and_says_so() -> None:
    desk = Desk().at(0, server_down()).until(30 + 2 * 14400)
    assert [(one.at - START, one.reason) for one in desk.sent] == [
        (30, Reason.FIRST),
        (14430, Reason.REPEAT),
        (28830, Reason.REPEAT),
    ]
    assert len({one.id for one in desk.sent}) == 3


def test_a_group_that_begins_again_has_ids_of_its_own() -> None:
    desk = Desk().at(0, server_down()).at(400, server_up()).at(1000, server_down()).at(1400, server_up()).until(5000)
    assert len({one.id for one in desk.sent}) == 4
    assert len({one.group_key for one in desk.sent}) == 1


def test_a_receiver_that_wants_no_resolved_messages() -> None:
    desk = Desk(alerting(route("ops"), ops=receiver("ops", resolved=False)))
    desk.at(0, server_down(1)).at(40, server_up(1)).at(50, server_down(2)).until(9000)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.1:80", "330 new ops: +ServerDown 10.0.0.2:80"]
    assert Desk(desk.alerting).at(0, server_down()).at(40, server_up()).until(9000).next_at is None


def test_300_transitions_in_a_burst_make_one_message_and_one_more_when_they_end() -> None:
    desk = Desk()
    for number in range(1, 151):
        desk.at(number / 10, server_down(number))
    for number in range(1, 151):
        desk.at(40 + number / 10, server_up(number))
    desk.until(9000)
    assert [(one.reason, len(one.alerts)) for one in desk.sent] == [(Reason.FIRST, 150), (Reason.RESOLVED, 150)]


def test_of_a_group_of_hundreds_every_beginning_and_every_end_is_told() -> None:
    """What has no room in one message its format says in others: an incident must not stay open at the receiver."""
    many = [server_down(number) for number in range(600)]
    desk = Desk().at(0, *many).at(400, *(server_up(number) for number in range(550))).until(9000)
    first, second = desk.sent[:2]
    assert [sum(one.firing for one in message.alerts) for message in (first, second)] == [600, 50]
    assert sum(not one.firing for one in second.alerts) == 550


def test_a_message_says_what_no_message_before_it_told() -> None:
    desk = Desk().at(0, server_down(1)).at(40, server_down(2)).at(400, server_up(1)).until(1000)
    names = [{each.fingerprint: each.label("server")[7] for each in one.alerts} for one in desk.sent]
    assert [[known[one] for one in message.begun] for message, known in zip(desk.sent, names, strict=True)] == [
        ["1"],
        ["2"],
        [],
    ]


BY = [
    ((), 1, "one group for everything"),
    (("alertname",), 2, "the kinds apart"),
    (("alertname", "service"), 3, "and the services"),
    (None, 4, "every alert a group of its own"),
    (("nonsense",), 1, "a label that nobody has is no difference"),
]


@pytest.mark.parametrize(("by", "groups", "why"), BY, ids=[row[2] for row in BY])
def test_group_by(by: tuple[str, ...] | None, groups: int, why: str) -> None:
    desk = Desk(alerting(route("ops", grouping=Grouping(by))))
    desk.at(0, server_down(1), server_down(2), server_down(3, "mail"), service_down("web")).until(60)
    assert len(desk.sent) == groups, why


def test_an_alertmanager_is_told_at_once_and_all_in_one_group() -> None:
    desk = Desk(alerting(route("am"), am=alertmanager("am")))
    desk.at(0, server_down(1)).at(0.5, server_down(2, "mail")).at(100, server_up(1)).until(170)
    assert desk.story == [
        "1 first am: +ServerDown 10.0.0.1:80 +ServerDown 10.0.0.2:80",
        "101 resolved am: +ServerDown 10.0.0.2:80 -ServerDown 10.0.0.1:80",
    ]


def test_what_muted_later_goes_on_being_told_to_an_alertmanager() -> None:
    """Else it would take it for ended, and say so."""
    desk = Desk(alerting(route("am"), am=alertmanager("am")))
    desk.at(0, server_down(1)).at(10, service_down()).until(75)
    assert desk.story[-1] == "11 new am: +ServerDown 10.0.0.1:80 +ServiceDown shop"


def test_labels_of_the_site_are_on_every_alert_and_do_not_change_while_it_goes_on() -> None:
    site = (("director", "lb1"), ("site", "fra"))
    desk = Desk(alerting(route("ops")))
    desk.alerting = type(desk.alerting)(desk.alerting.receivers, desk.alerting.routes, Flapping(), site)
    desk.at(0, server_down()).until(30)
    desk.alerting = alerting(route("ops"))
    desk.at(400, server_up()).until(9000)
    assert [one.alerts[0].label("director") for one in desk.sent] == ["lb1", "lb1"]
