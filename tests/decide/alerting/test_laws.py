"""What holds whatever happens: nothing is told twice or without news, nothing that was told is left open."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.decide.alerting.happening import Happening, SilenceEnded
from lvsctl.decide.alerting.written import state_from_json, state_json
from lvsctl.model import Flapping, Grouping, Notification, Reason, Record
from tests.decide.alerting.desk import (
    START,
    Desk,
    alerting,
    alertmanager,
    of_director,
    receiver,
    route,
    server_down,
    server_up,
    service_down,
    service_ok,
    silence,
    standing,
)

GROUPING = Grouping(("service",), wait=30, interval=120, repeat=3600)
SITE = alerting(
    route("am", proceed=True),
    route("ops", grouping=GROUPING, proceed=True),
    route("quick", grouping=Grouping(None, wait=0, interval=0, repeat=1e9), services="shop"),
    route("once", grouping=GROUPING),
    flapping=Flapping(changes=4, within=120, stable=60, longest=240),
    am=alertmanager("am"),
    once=receiver("once", resolved=False),
)
OTHER = alerting(
    route("ops", services="shop", grouping=GROUPING, proceed=True),
    route("am", proceed=True),
    route("quick", grouping=Grouping((), wait=5, interval=60, repeat=1e9)),
    flapping=None,
    am=alertmanager("am"),
)
EVERYTHING_UP = [
    *(server_up(number, service) for number in (1, 2) for service in ("shop", "mail")),
    *(server_up(port, service, host=9) for port in (1, 2) for service in ("shop", "mail")),
    service_ok("shop"),
    service_ok("mail"),
    of_director("director_trusted"),
]
LAST = 100_000.0

services = st.sampled_from(["shop", "mail"])
happenings: st.SearchStrategy[Record | Happening] = st.one_of(
    st.builds(server_down, st.integers(1, 2), services),
    st.builds(server_up, st.integers(1, 2), services),
    st.builds(server_down, st.integers(1, 2), services, host=st.just(9)),
    st.builds(server_up, st.integers(1, 2), services, host=st.just(9)),
    st.builds(service_down, services),
    st.builds(service_ok, services),
    st.builds(of_director, st.sampled_from(["director_suspected", "director_trusted"])),
    st.builds(of_director, st.just("drift")),
    st.builds(silence, st.sampled_from(["service=shop", "ServerDown"]), until=st.sampled_from([100.0, 5000.0])),
    st.just(SilenceEnded("s1")),
)
moments = st.tuples(st.sampled_from([0.0, 1.0, 7.0, 31.0, 200.0, 4000.0]), happenings)
stories = st.lists(moments, max_size=40)


def play(story: list[tuple[float, Record | Happening]], *, restarts: bool = False, reload_at: int = -1) -> Desk:
    """The story, then a long time in which everything is well."""
    desk = Desk(SITE, restarts=restarts).at(0, standing(judged="", services="shop mail", h9=4))
    at = 0.0
    for number, (pause, happening) in enumerate(story):
        if number == reload_at:
            desk.alerting = OTHER
        at += pause
        desk.at(at, happening)
    return desk.at(at + 1, *EVERYTHING_UP).until(at + LAST)


def messages(desk: Desk) -> dict[str, list[Notification]]:
    found: dict[str, list[Notification]] = defaultdict(list)
    for one in desk.sent:
        found[one.receiver].append(one)
    return found


@settings(max_examples=60)
@given(stories)
def test_every_firing_that_was_told_is_resolved_once_and_nothing_else_is(story) -> None:  # type: ignore[no-untyped-def]
    for receiver_name, sent in messages(play(story)).items():
        open_alerts: Counter[str] = Counter()
        for message in sent:
            for alert in message.alerts:
                if alert.firing:
                    open_alerts[alert.fingerprint] = 1
                else:
                    assert open_alerts[alert.fingerprint] == 1, (receiver_name, alert)
                    open_alerts[alert.fingerprint] = 0
        assert receiver_name == "once" or not +open_alerts


@settings(max_examples=60)
@given(stories)
def test_no_message_is_without_news_but_a_repeat(story) -> None:  # type: ignore[no-untyped-def]
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    heard = [message for message in play(story).sent if message.receiver != "once"]  # it does not hear what is over
    for message in heard:
        known = told[message.receiver, message.group_key]
        firing = {alert.fingerprint for alert in message.alerts if alert.firing}
        over = {alert.fingerprint for alert in message.alerts if not alert.firing}
        news = firing - known or over
        assert bool(news) == (message.reason is not Reason.REPEAT), message
        assert message.reason is not Reason.RESOLVED or (over and not firing - known)
        known |= firing
        known -= over


@settings(max_examples=60)
@given(stories)
def test_messages_about_one_group_keep_their_distance(story) -> None:  # type: ignore[no-untyped-def]
    last: dict[str, Notification] = {}
    for message in play(story).sent:
        before = last.get(message.group_key)
        if message.receiver in ("ops", "once") and before is not None and message.reason is not Reason.FIRST:
            assert message.at - before.at >= GROUPING.interval
        last[message.group_key] = message


@settings(max_examples=60)
@given(stories)
def test_a_restart_after_any_step_changes_nothing(story) -> None:  # type: ignore[no-untyped-def]
    assert play(story, restarts=True).sent == play(story).sent


@settings(max_examples=60)
@given(stories, st.integers(0, 40))
def test_other_routes_at_any_moment_tell_nobody_twice(story, at) -> None:  # type: ignore[no-untyped-def]
    desk = play(story, reload_at=at)
    for receiver_name, sent in messages(desk).items():
        told: set[str] = set()
        for message in sent:
            firing = {alert.fingerprint for alert in message.alerts if alert.firing}
            over = {alert.fingerprint for alert in message.alerts if not alert.firing}
            assert over <= told, receiver_name
            assert message.reason is Reason.REPEAT or firing - told or over or receiver_name == "once"
            told = (told | firing) - over
        assert not told or receiver_name == "once"


@settings(max_examples=60)
@given(stories)
def test_ids_are_never_used_again(story) -> None:  # type: ignore[no-untyped-def]
    ids = Counter(message.id for message in play(story).sent)
    assert not [name for name, count in ids.items() if count > 1]


@settings(max_examples=60)
@given(stories)
def test_in_the_end_nothing_is_left_to_remember(story) -> None:  # type: ignore[no-untyped-def]
    desk = play(story)
    desk.at(desk.now - START + LAST)
    assert not desk.state.entries and not desk.state.groups and desk.next_at is None
    assert state_from_json(json.loads(json.dumps(state_json(desk.state)))) == desk.state


changes_of_servers = st.tuples(st.sampled_from([0.0, 0.1, 1.0]), st.integers(1, 6), st.booleans())


@settings(max_examples=20)
@given(st.lists(changes_of_servers, min_size=300, max_size=300))
def test_300_transitions_make_at_most_the_grouped_number_of_messages(changes) -> None:  # type: ignore[no-untyped-def]
    desk = Desk(alerting(route("ops", grouping=GROUPING), flapping=Flapping()))
    at = 0.0
    for pause, server, down in changes:
        at += pause
        desk.at(at, server_down(server) if down else server_up(server))
    desk.until(at + 60)
    assert len(desk.sent) <= 1 + (at + 60) // GROUPING.interval
