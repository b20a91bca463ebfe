"""Which services an order would leave without a server that takes connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvsctl.decide.dark import Dark, Scene, left_dark
from lvsctl.decide.ladder import Ladder
from lvsctl.model import Action, Override, PoolSubject
from tests.decide.making import OTHER_VIP, VIP, entry, healths, real, server, service, spec
from tests.decide.test_overrides import DISABLE, DRAIN, WEIGHT, host, order

TWO = spec(service([server(1), server(2)], name="web"), service([server(1)], [server(3)], name="api", key=OTHER_VIP))
BOTH = {VIP: entry({1: 5, 2: 5}), OTHER_VIP: entry({1: 5})}
ALL_OF_WEB = order(PoolSubject("web", "a"))
ALL_OF_API = order(PoolSubject("api", "a"))


@pytest.mark.parametrize(
    ("sentence", "health", "before", "more", "dark"),
    [
        ("another one goes on", "UUU", [], order(host(1)), []),
        ("the other one is down", "UDU", [], order(host(1)), ["web"]),
        ("the other one is drained already", "UUU", [order(host(2))], order(host(1)), ["web"]),
        ("a whole pool", "UUU", [], ALL_OF_WEB, ["web"]),
        ("the pool below takes over", "UUU", [], ALL_OF_API, []),
        ("the pool below is down", "UUD", [], ALL_OF_API, ["api"]),
        ("over several services", "UDD", [], order(host(1)), ["web", "api"]),
        ("out of the table is as good", "UDU", [], order(host(1), DISABLE), ["web"]),
        ("weight 0 is as good", "UDU", [], order(host(1), WEIGHT, weight="0"), ["web"]),
        ("another weight is none of it", "UDU", [], order(host(1), WEIGHT, weight="1%"), []),
        ("there was nobody left to lose", "DDU", [order(host(1))], order(host(2)), []),
    ],
)
def test_who_is_left_dark(sentence: str, health: str, before: list[Override], more: Override, dark: list[str]) -> None:
    have = BOTH if health[0] == "U" else {VIP: entry({}), OTHER_VIP: entry({3: 5})}
    found = left_dark(Scene(TWO, healths(health), have), before, [*before, more])
    assert [(one.service, one.after) for one in found] == [(name, None) for name in dark], sentence


def until(end: float, override: Override) -> Override:
    return replace(override, until=end)


HALF = order(host(1, service="web"), WEIGHT, weight="50%")


@pytest.mark.parametrize(
    ("sentence", "before", "more", "dark"),
    [
        ("1 lives by an order that ends", [until(60, HALF)], ALL_OF_WEB, until(60, HALF)),
        ("1 lives by an order that does not end", [HALF], ALL_OF_WEB, None),
        ("the drain ends first", [until(60, HALF)], until(50, ALL_OF_WEB), None),
        ("both end in the same moment", [until(60, HALF)], until(60, ALL_OF_WEB), None),
        ("the drain ends later", [until(60, HALF)], until(61, ALL_OF_WEB), until(60, HALF)),
        ("what lasted is given an end", [HALF, ALL_OF_WEB], until(60, HALF), until(60, HALF)),
        ("what would have ended later ends earlier", [until(90, HALF), ALL_OF_WEB], until(60, HALF), until(60, HALF)),
        ("it would be dark from then on anyway", [until(60, HALF), ALL_OF_WEB], order(host(3), DRAIN), None),
        ("another goes on when the first has ended", [until(60, HALF)], order(host(2)), None),
        ("the end of a drain darkens nobody", [until(60, order(host(2)))], order(host(3)), None),
        (
            "the first of several ends at which it is dark",
            [until(30, order(host(2, service="web"), WEIGHT, weight="1")), until(60, HALF)],
            ALL_OF_WEB,
            until(60, HALF),
        ),
    ],
)
def test_who_will_be_left_dark_when_an_order_ends(
    sentence: str, before: list[Override], more: Override, dark: Override | None
) -> None:
    after = [*(one for one in before if one.subject != more.subject), more]
    found = left_dark(Scene(TWO, healths("UUU"), BOTH), before, after)
    assert found == ([] if dark is None else [Dark("web", dark)]), sentence


def test_dark_in_words() -> None:
    assert str(Dark("web", None)) == "web"
    assert str(Dark("web", until(3600, HALF))) == "web once what is ordered of web/10.0.0.1 ends (1970-01-01T01:00:00Z)"


def test_a_server_that_a_guard_keeps_takes_connections() -> None:
    have = {VIP: entry({1: 5, 2: 5}), OTHER_VIP: entry({3: 5})}
    both = frozenset({(VIP, real(1)), (VIP, real(2))})
    scene = Scene(TWO, healths("DDU"), have, kept=both)
    assert left_dark(scene, [], [order(host(1), DRAIN)]) == []
    assert left_dark(scene, [], [order(host(1)), order(host(2))]) == [Dark("web", None)]
    assert left_dark(Scene(TWO, healths("DDU"), have), [], [order(host(1))]) == [Dark("web", None)]


def test_a_service_that_is_refused_stays_as_it_is() -> None:
    lacking = Scene(TWO, healths("UDU"), BOTH, ladder=Ladder(frozenset({"wrr", "rr"})))
    assert left_dark(lacking, [], [order(host(1), Action.DISABLE)]) == []
