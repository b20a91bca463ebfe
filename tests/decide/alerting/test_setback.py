"""A clock that was years ahead and is put right keeps nobody from hearing."""

from __future__ import annotations

from lvsctl.decide.alerting.engine import step
from lvsctl.decide.alerting.state import State
from lvsctl.model import Alerting, Flapping, Record, Told
from tests.decide.alerting.desk import OPS, START, alerting, route, server_down, server_up, told

YEARS = 1e8
FLAPS = alerting(route("ops"), flapping=Flapping(changes=4, within=600, stable=300, longest=3600))


def heard_later(state: State, terms: Alerting, *records: Record) -> list[list[str]]:
    """What is told within half an hour after the clock was put right."""
    done = step(state, terms, [Told(0, START, one) for one in records], START)
    messages = list(done.notifications)
    while done.next_at is not None and done.next_at <= START + 1800:
        done = step(done.state, terms, (), done.next_at)
        messages += done.notifications
    return [told(one) for one in messages]


def ahead(terms: Alerting, *records: Record) -> State:
    """What was told in a future that never came."""
    done = step(State(), terms, [Told(0, START + YEARS, one) for one in records], START + YEARS)
    return step(done.state, terms, (), START + YEARS + 30).state


def test_the_end_of_what_was_told_in_the_future_is_told() -> None:
    assert heard_later(ahead(OPS, server_down(1)), OPS, server_up(1)) == [["-ServerDown 10.0.0.1:80"]]


def test_news_in_a_group_that_was_told_in_the_future() -> None:
    found = heard_later(ahead(OPS, server_down(1)), OPS, server_down(2))
    assert found == [["+ServerDown 10.0.0.1:80", "+ServerDown 10.0.0.2:80"]]


def test_what_flapped_in_the_future_is_stable_some_day() -> None:
    state = ahead(FLAPS, server_down(1), server_up(1), server_down(1), server_up(1))
    assert [one.flap_until for one in state.entries.values() if one.flap_until is not None]
    assert heard_later(state, FLAPS) == [["-Flapping ServerDown 10.0.0.1:80"]]


def test_a_second_more_or_less_is_no_setback() -> None:
    state = ahead(OPS, server_down(1))
    assert step(state, OPS, (), START + YEARS + 29).state == state
