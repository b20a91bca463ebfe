"""How long two directors may disagree and mean nothing by it, and what is told when they do for longer."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from lvsctl.decide.differing import Actives, Differing, actives, differ, explained_by, takeover
from lvsctl.decide.health import worst_detection
from lvsctl.decide.opinion import View, counted
from lvsctl.decide.verdicts import letters, roll_of, verdicts
from lvsctl.events import BothActive, Event, OneActive, OpinionsAgree, OpinionsDiffer
from lvsctl.model import Disagreement, Family, Instance, PairSpec, Provider
from tests.decide.making import check_of, healths, real, server, service, spec

ONE, TWO = (Disagreement("shop", f"192.0.2.{n}:80", here) for n, here in ((1, True), (2, False)))
SAID = {
    ONE: "shop/192.0.2.1:80 is up here and down at the peer",
    TWO: "shop/192.0.2.2:80 is down here and up at the peer",
}
PATIENCE = 5.0


def story(*looks: tuple[float, list[Disagreement]]) -> list[tuple[float, Event]]:
    """What is told, and when, by looks at these moments."""
    state, told = Differing(), []
    for now, found in looks:
        state, news = differ(state, found, now, explained=lambda _: PATIENCE)
        told += [(now, event) for event in news]
    return told


@pytest.mark.parametrize(
    ("looks", "wanted", "what"),
    [
        ([(0, [ONE]), (5, [ONE])], [], "what the checks' pace explains is not told"),
        ([(0, [ONE]), (6, [ONE]), (7, [ONE])], [(6, [ONE])], "what lasts longer is, once"),
        ([(0, [ONE]), (4, []), (5, [ONE]), (9, [ONE])], [], "what went meanwhile begins anew"),
        ([(0, [ONE]), (6, [ONE]), (8, [])], [(6, [ONE]), (8, 8.0)], "its end is told, with how long it was so"),
        ([(0, [ONE]), (6, [ONE, TWO]), (12, [ONE, TWO])], [(6, [ONE]), (12, [ONE, TWO])], "again when others join"),
        ([(0, [ONE, TWO]), (6, [ONE, TWO]), (7, [ONE])], [(6, [ONE, TWO])], "one less is no news"),
        ([(0, [ONE]), (6, [ONE]), (7, [TWO])], [(6, [ONE]), (7, 7.0)], "a new one is not told before its time"),
    ],
)
def test_what_is_told_of_differences(
    looks: list[tuple[float, list[Disagreement]]], wanted: list[tuple[float, list[Disagreement] | float]], what: str
) -> None:
    expected = [
        (now, OpinionsAgree(said) if isinstance(said, float) else OpinionsDiffer(tuple(SAID[one] for one in said)))
        for now, said in wanted
    ]
    assert story(*looks) == expected, what


def test_the_same_differences_are_gone_through_only_when_one_is_due() -> None:
    asked: list[Disagreement] = []

    def explained(one: Disagreement) -> float:
        asked.append(one)
        return PATIENCE

    found = (ONE, TWO)
    state, _ = differ(Differing(), found, 0.0, explained=explained)
    for now in (1.0, 5.0):
        assert differ(state, found, now, explained=explained) == (state, ())
    assert asked == [ONE, TWO]
    state, news = differ(state, found, 5.1, explained=explained)
    assert len(news) == 1
    asked.clear()
    assert differ(state, found, 1000.0, explained=explained) == (state, ())
    assert asked == []


def test_the_slowest_of_a_servers_checks_explains_a_difference() -> None:
    made = spec(service([server(1, checks=("http", "tcp"))]))
    one = made.services["web"].pools[0].servers[0]
    slow, quick = (made.checks[check] for check in one.checks)
    fall = worst_detection(slow, made.questions[slow.question])
    assert explained_by(made, one, 1.0) == pytest.approx(2.0 + max(fall, 2 * (5.0 * 1.1 + 1.0)))
    late = replace(made.questions[quick.question], interval=60.0)
    slower = replace(made, questions={**made.questions, quick.question: late})
    assert explained_by(slower, one, 1.0) == pytest.approx(2.0 + worst_detection(quick, late))
    assert check_of(1) in made.checks


def test_only_what_lasts_counts_when_the_two_are_weighed() -> None:
    view = View(here=5, there=7, common=9, disagreements=(ONE, TWO))
    assert not counted(view, frozenset()).sees_less
    assert counted(view, {TWO}).sees_less
    assert not counted(view, {ONE}).sees_less
    found = counted(view, {ONE, TWO})
    assert (found.here, found.there, found.sees_less, found.disagreements) == (5, 5, False, (ONE, TWO))


def test_two_actives_are_told_of_when_it_lasts_too_long() -> None:
    state, told = Actives(), []
    for now, both in ((0.0, "xy"), (4.0, "xy"), (6.0, "x"), (7.0, "x"), (8.0, "")):
        state, news = actives(state, both, now, explained=lambda _: PATIENCE)
        told += [(now, event) for event in news]
    assert told == [(6.0, BothActive("x")), (8.0, OneActive("x", 8.0))]


def test_how_long_a_takeover_may_last() -> None:
    vips = (IPv4Interface("192.0.2.20/32"),)
    quick = Instance("web", "eth0", 51, Family.INET, vips, interval=0.1)
    pair = PairSpec(instances=(quick,))
    assert takeover(pair, "web", 1.0) == pytest.approx(2.4)
    assert takeover(PairSpec(Provider.MANUAL), "pair", 1.0) == 12.0


def test_verdicts_are_a_letter_for_each_server_that_has_checks() -> None:
    made = spec(service([server(1), server(2)], [server(3), server(4), server(5, checks=())]))
    roll = roll_of(made)
    assert roll.names == {"web": [str(real(n)) for n in range(1, 5)]}
    said = letters(roll, healths("UDPN"))
    assert said == "ud--"
    assert verdicts(roll.pairs, said) == {("web", str(real(1))): True, ("web", str(real(2))): False}


@pytest.mark.parametrize("said", ["u", "uuu", "ux", "U-"])
def test_letters_that_make_no_sense(said: str) -> None:
    with pytest.raises(ValueError, match="not one letter for each server"):
        verdicts([("web", "a"), ("web", "b")], said)
