"""How services stand, as far as the choice of a director goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsctl.decide.condition import Scene, conditions
from lvsctl.decide.overrides import orders
from lvsctl.model import (
    Action,
    Condition,
    NewWeight,
    Override,
    Penalties,
    PoolSubject,
    ServerSubject,
    ServiceState,
)
from tests.decide.making import healths, server, service, spec

OK, DEGRADED, SPILLING, GONE = Condition.OK, Condition.DEGRADED, Condition.SPILLING, Condition.DOWN
WEB = service([server(1), server(2)], [server(3)])
DEAR = {"web": Penalties(degraded=5, spilling=10, down=50)}


def ordered(action: Action, *numbers: int, weight: int | None = None) -> list[Override]:
    new = None if weight is None else NewWeight(weight)
    subjects = [ServerSubject("web", ip_address("10.0.0.0") + number, 80) for number in numbers]
    return [Override(subject, action, "alice", "", 0.0, weight=new) for subject in subjects]


@pytest.mark.parametrize(
    ("beliefs", "overrides", "found", "sentence"),
    [
        ("UUU", [], OK, "all is well"),
        ("UPU", [], OK, "what is presumed up counts as up: nobody has failed"),
        ("UNU", [], OK, "one that was never heard of is no failure"),
        ("DUU", [], DEGRADED, "a server of the first pool is down"),
        ("UUD", [], OK, "one of a lower pool costs nobody anything"),
        ("DDU", [], DEGRADED, "the spare serves"),
        ("DDD", [], GONE, "nobody serves"),
        ("DDN", [], GONE, "whoever was never heard of does not serve"),
        ("NNN", [], OK, "of nobody anything is known: that is no failure"),
        ("UUU", ordered(Action.DRAIN, 1, 2, 3), OK, "an operator may drain a whole service"),
        ("UUU", ordered(Action.DISABLE, 1), OK, "or take one out"),
        ("DUU", ordered(Action.DRAIN, 1), OK, "one that is drained may fail: somebody works on it"),
        ("DUU", ordered(Action.WEIGHT, 1, weight=0), OK, "weight 0 takes it out as well"),
        ("DUU", ordered(Action.WEIGHT, 1, weight=3), DEGRADED, "with another weight it still counts"),
        ("DUU", ordered(Action.DRAIN, 2, 3), GONE, "the only one that is left fails: the peer may see it up"),
    ],
)
def test_by_checks_and_orders(beliefs: str, overrides: list[Override], found: Condition, sentence: str) -> None:
    here = spec(WEB)
    scene = Scene(here, healths(beliefs), {"web": ServiceState.OK}, orders(here, overrides))
    assert conditions(scene, DEAR) == {"web": found}, sentence


def test_a_drained_pool_moves_no_address() -> None:
    here = spec(WEB)
    drained = Override(PoolSubject("web", "a"), Action.DRAIN, "alice", "", 0.0)
    scene = Scene(here, healths("DUU"), {"web": ServiceState.DOWN}, orders(here, [drained]))
    assert conditions(scene, DEAR) == {"web": OK}


@pytest.mark.parametrize(
    ("state", "scene", "found", "sentence"),
    [
        (ServiceState.WAITING, {}, {}, "nothing is known of a service that waits for its first answers"),
        (ServiceState.WAITING, {"refused": {"web"}}, {"web": GONE}, "unless the kernel refuses it"),
        (ServiceState.DOWN, {"refused": {"web"}}, {"web": GONE}, "or its servers"),
        (ServiceState.OK, {"refused": {"web"}}, {"web": OK}, "a refused change of a service that serves is none"),
        (ServiceState.REFUSED, {}, {"web": GONE}, "without a scheduler nobody serves here"),
        (ServiceState.OK, {"spilling": {"web"}}, {"web": SPILLING}, "it spills"),
        (ServiceState.IDLE, {"resting": True}, {"web": OK}, "a standby without a table is judged by what it sees"),
        (ServiceState.WAITING, {"resting": True}, {"web": OK}, "from the first round on"),
    ],
)
def test_by_what_rounds_found(
    state: ServiceState, scene: Mapping[str, object], found: dict[str, Condition], sentence: str
) -> None:
    changes = {name: frozenset(value) if isinstance(value, set) else value for name, value in scene.items()}
    seen = replace(Scene(spec(WEB), healths("UUU"), {"web": state}), **changes)  # type: ignore[arg-type]
    assert conditions(seen, DEAR) == found, sentence


@pytest.mark.parametrize(
    ("penalties", "found", "sentence"),
    [
        (Penalties(degraded=30, spilling=10), DEGRADED, "the dearest counts"),
        (Penalties(degraded=10, spilling=30), SPILLING, "whichever that is"),
        (Penalties(), SPILLING, "of what costs the same, the worst is shown"),
    ],
)
def test_of_several_that_hold_at_once(penalties: Penalties, found: Condition, sentence: str) -> None:
    scene = Scene(spec(WEB), healths("DUU"), {"web": ServiceState.OK}, spilling=frozenset({"web"}))
    assert conditions(scene, {"web": penalties}) == {"web": found}, sentence
