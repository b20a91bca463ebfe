"""Who hears of what, and what a reload of the routes changes."""

from __future__ import annotations

import pytest

from lvsctl import events as happened
from lvsctl.decide.alerting.catalogue import KINDS, ended_by, identified
from lvsctl.decide.record import records
from lvsctl.model import AlertSeverity, Level, Record, ServiceState
from tests.decide.alerting.desk import (
    Desk,
    alerting,
    of_director,
    route,
    server_down,
    server_up,
    service_down,
    standing,
)
from tests.decide.test_record import OUTCOME, REAL, TOLD

LOUD = frozenset({AlertSeverity.CRITICAL, AlertSeverity.WARNING})
CRITICAL = frozenset({AlertSeverity.CRITICAL})

ROUTES = [
    ("the first that leads wins", [route("a"), route("b")], ["a"]),
    ("unless it says that others are to be tried", [route("a", proceed=True), route("b"), route("c")], ["a", "b"]),
    ("by event", [route("a", events="service_down"), route("b", events="server_down drift")], ["b"]),
    ("by the name of the service", [route("a", services="mail"), route("b", services="shop")], ["b"]),
    ("by a pattern", [route("a", services="m* sh?p")], ["a"]),
    ("by severity", [route("a", severities=CRITICAL), route("b", severities=LOUD)], ["b"]),
    ("several receivers", [route("a", "b")], ["a", "b"]),
    ("a receiver on two ways hears once", [route("a", proceed=True, services="shop"), route("a")], ["a"]),
    ("nobody", [route("a", services="mail")], []),
]


@pytest.mark.parametrize(("why", "routes", "hear"), ROUTES, ids=[row[0] for row in ROUTES])
def test_a_route(why: str, routes: list, hear: list[str]) -> None:  # type: ignore[type-arg]
    desk = Desk(alerting(*routes)).at(0, server_down(1)).until(60)
    assert sorted(message.receiver for message in desk.sent) == hear, why


def test_a_host_is_told_to_those_of_each_service_on_it() -> None:
    routes = (route("shops", services="shop*"), route("mails", services="mail"), route("others"))
    desk = Desk(alerting(*routes)).at(
        0, standing(h9=2), server_down(1, "shop-de", host=9), server_down(2, "mail", host=9)
    )
    assert desk.until(60).story == ["30 first mails: +HostDown 10.0.0.9", "30 first shops: +HostDown 10.0.0.9"]


def test_who_hears_of_servers_hears_of_flapping_ones() -> None:
    routes = alerting(route("a", events="service_down"), route("b", events="server_down"), route("c"))
    desk = Desk(type(routes)(routes.receivers, routes.routes))
    for turn in range(6):
        desk.at(2 * turn, server_down(1)).at(2 * turn + 1, server_up(1))
    assert [message.receiver for message in desk.until(60).sent] == ["b"]


def test_a_receiver_is_not_told_that_itself_cannot_be_reached() -> None:
    failed = of_director("delivery_failed", receiver="mail")
    desk = Desk(alerting(route("mail", "chat"))).at(0, failed).until(60)
    assert [message.receiver for message in desk.sent] == ["chat"]


# --- reload -------------------------------------------------------------------------------------------------------


def test_a_reload_that_changes_nothing_but_times_tells_nothing_again() -> None:
    desk = Desk().at(0, server_down(1)).until(60)
    desk.alerting = alerting(route("ops"), ops=desk.alerting.receivers["ops"])
    assert len(desk.at(61).until(9000).sent) == 1


def test_other_routes_do_not_tell_a_receiver_twice_and_its_end_comes_where_its_beginning_came() -> None:
    desk = Desk().at(0, server_down(1)).until(60)
    desk.alerting = alerting(route("ops", services="shop"), route("ops"))
    desk.at(61).at(400, server_up(1)).until(9000)
    assert desk.story == ["30 first ops: +ServerDown 10.0.0.1:80", "430 resolved ops: -ServerDown 10.0.0.1:80"]
    assert desk.sent[0].group_key == desk.sent[1].group_key
    assert not desk.state.groups


def test_a_new_receiver_is_told_what_goes_on() -> None:
    desk = Desk().at(0, server_down(1)).until(60)
    desk.alerting = alerting(route("ops", "pager"))
    assert desk.at(100).until(200).story[1:] == ["130 first pager: +ServerDown 10.0.0.1:80"]


def test_what_was_not_yet_told_goes_where_the_new_routes_lead() -> None:
    desk = Desk().at(0, server_down(1))
    desk.alerting = alerting(route("pager"))
    assert desk.at(10).until(100).story == ["40 first pager: +ServerDown 10.0.0.1:80"]


def test_a_receiver_that_is_gone_takes_its_groups_along() -> None:
    desk = Desk().at(0, server_down(1)).until(60)
    desk.alerting = alerting(route("pager", services="mail"))
    desk.at(100).at(400, server_up(1)).until(9000)
    assert len(desk.sent) == 1 and not desk.state.groups


# --- the catalogue ------------------------------------------------------------------------------------------------

OTHERS = [
    happened.ServerChanged("shop", "web", REAL, True, "tcp", OUTCOME),
    *(happened.ServiceChanged("shop", state, None, "") for state in ServiceState),
]
RECORDS = {record.event: record for event in [*(row[0] for row in TOLD), *OTHERS] for record in records(event, {})}


@pytest.mark.parametrize("event", sorted(set(KINDS) - {"host_down"}))
def test_every_event_that_begins_an_alert_is_one_that_happens_and_names_its_subject(event: str) -> None:
    kind, record = KINDS[event], RECORDS[event]
    named = dict(identified(kind, record)[1])
    optional = {"service"} if event == "override_set" else set()  # a server may be drained in all services
    assert set(named) >= {"alertname", "severity", *kind.subject} - optional


@pytest.mark.parametrize("event", sorted({event for kind in KINDS.values() for event in kind.ends}))
def test_every_event_that_ends_an_alert_is_one_that_happens(event: str) -> None:
    for kind in ended_by(event):
        begins, ends = (set(dict(identified(kind, RECORDS[one])[1])) for one in (kind.event, event))
        assert begins ^ ends <= ({"service"} if event == "override_ended" else set())


def test_a_service_that_cannot_be_made_is_no_longer_down_but_refused() -> None:
    refused = Record("service_refused", Level.ERROR, "service is refused", "shop", fields={"why": "no scheduler"})
    desk = Desk().at(0, service_down()).at(400, refused).until(500)
    assert desk.story == [
        "30 first ops: +ServiceDown shop",
        "430 first ops: +ServiceRefused shop",
        "430 resolved ops: -ServiceDown shop",
    ]
