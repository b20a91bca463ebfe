"""Which services an order would leave without a server that takes connections."""

from __future__ import annotations

import pytest

from lvsctl.decide.dark import Scene, left_dark
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
    assert left_dark(Scene(TWO, healths(health), have), before, [*before, more]) == dark, sentence


def test_a_server_that_a_guard_keeps_takes_connections() -> None:
    have = {VIP: entry({1: 5, 2: 5}), OTHER_VIP: entry({3: 5})}
    both = frozenset({(VIP, real(1)), (VIP, real(2))})
    scene = Scene(TWO, healths("DDU"), have, kept=both)
    assert left_dark(scene, [], [order(host(1), DRAIN)]) == []
    assert left_dark(scene, [], [order(host(1)), order(host(2))]) == ["web"]
    assert left_dark(Scene(TWO, healths("DDU"), have), [], [order(host(1))]) == ["web"]


def test_a_service_that_is_refused_stays_as_it_is() -> None:
    lacking = Scene(TWO, healths("UDU"), BOTH, ladder=Ladder(frozenset({"wrr", "rr"})))
    assert left_dark(lacking, [], [order(host(1), Action.DISABLE)]) == []
