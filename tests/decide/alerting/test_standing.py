"""What was missed is put right: restarts, reloads, and ends that no event tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lvsctl.decide.alerting.state import State
from lvsctl.decide.alerting.written import state_from_json, state_json
from lvsctl.model import Level, Record
from tests.decide.alerting.desk import Desk, of_director, server_down, server_up, service_down, silence, standing


def test_what_ended_while_the_daemon_was_down_is_told_after_the_restart() -> None:
    desk = Desk().at(0, server_down(1), server_down(2)).until(60)
    desk.at(1000, server_down(2), standing(server_down(2))).until(2000)
    assert desk.story == [
        "30 first ops: +ServerDown 10.0.0.1:80 +ServerDown 10.0.0.2:80",
        "1030 resolved ops: +ServerDown 10.0.0.2:80 -ServerDown 10.0.0.1:80",
    ]


def test_what_nobody_knows_yet_stays_as_it_is() -> None:
    desk = Desk().at(0, server_down(1), server_down(2)).until(60)
    desk.at(400, replace(standing(), unsure=(server_down(1),))).until(9000)
    assert desk.story[1:] == ["430 resolved ops: +ServerDown 10.0.0.1:80 -ServerDown 10.0.0.2:80"]


def test_what_began_without_an_event_is_told() -> None:
    assert Desk().at(0, standing(service_down())).until(60).story == ["30 first ops: +ServiceDown shop"]


def test_what_has_left_the_configuration_ends() -> None:
    desk = Desk().at(0, server_down(1, "shop"), server_down(2, "mail")).until(60)
    desk.at(400, standing(server_down(1), judged="", services="shop")).until(500)
    assert desk.story[2:] == ["430 resolved ops: -ServerDown 10.0.0.2:80"]
    assert dict(desk.sent[-1].alerts[0].annotations)["ended"] == "no longer in conf.d"


def test_what_nobody_can_judge_yet_goes_on_until_somebody_can() -> None:
    desk = Desk().at(0, of_director("director_suspected")).until(60)
    desk.at(400, standing()).until(1000)
    assert desk.story == ["30 first ops: +DirectorSuspected"]
    desk.at(1000, standing(judged="director_suspected")).until(2000)
    assert desk.story[1:] == ["1030 resolved ops: -DirectorSuspected"]


def test_what_may_go_on_after_a_restart_does_not_end_while_nobody_knows() -> None:
    full = Record("capacity_high", Level.WARNING, "the pool is nearly full", "shop", "a", "", {})
    desk = Desk().at(0, full).until(60)
    for moment in range(430, 700, 30):
        desk.at(moment, replace(standing(), unsure=(full,)))
    desk.at(700, full).until(2000)
    assert desk.story == ["30 first ops: +CapacityHigh shop"]


def test_what_goes_on_is_not_told_again_after_a_restart() -> None:
    desk = Desk().at(0, server_down(1)).until(60)
    desk.at(90, server_down(1), standing(server_down(1))).until(9000)
    assert len(desk.sent) == 1


def test_what_was_made_and_not_handed_over_is_still_there() -> None:
    from lvsctl.decide.alerting.engine import step
    from tests.decide.alerting.desk import OPS, START

    desk = Desk().at(0, server_down(1))
    made = step(desk.state, OPS, (), START + 30)
    again = state_from_json(json.loads(json.dumps(state_json(made.state))))
    assert again.outbox == made.notifications != ()
    assert step(again, OPS, (), START + 31).notifications == ()


def test_the_state_is_read_as_it_was_written() -> None:
    desk = Desk().at(0, standing(h9=2), silence("service=~x.*"), server_down(1), service_down("mail")).until(31)
    desk.at(40, server_up(1))
    assert state_from_json(json.loads(json.dumps(state_json(desk.state)))) == desk.state


GOOD = state_json(State())
DAMAGED: list[Any] = [
    {},
    {**GOOD, "version": 2},
    {**GOOD, "entries": []},
    {**GOOD, "groups": [{}]},
    {**GOOD, "silences": [{"id": "x"}]},
    {**GOOD, "outbox": [None]},
]


@pytest.mark.parametrize("value", DAMAGED)
def test_a_damaged_state_is_refused(value: Any) -> None:
    with pytest.raises((KeyError, ValueError, TypeError, AttributeError)):
        state_from_json(value)


def test_a_group_that_lacks_its_alerts_is_refused() -> None:
    written = state_json(Desk().at(0, server_down(1)).state)
    with pytest.raises(ValueError, match="a group without its alerts"):
        state_from_json({**written, "entries": {}})


def test_a_look_that_finds_nothing_new_costs_no_look_at_any_group(monkeypatch: pytest.MonkeyPatch) -> None:
    from lvsctl.decide.alerting import engine
    from tests.decide.alerting.desk import OPS, START

    desk = Desk().at(0, *(server_down(number) for number in range(1, 50))).until(60)
    looked = []
    monkeypatch.setattr(engine, "visit", lambda group, *_: (looked.append(group.key), (group, None))[1])
    monkeypatch.setattr(engine, "mutes", None)
    done = engine.step(desk.state, OPS, [standing(*(server_down(number) for number in range(1, 50)))], START + 90)
    assert not looked
    assert done.state.entries is desk.state.entries
