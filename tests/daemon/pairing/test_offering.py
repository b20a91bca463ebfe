"""The priority that this director offers, as its services stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from lvsctl.daemon.pairing.offering import UNPROVEN, Offer
from lvsctl.events import Event, PriorityChanged, RoleChanged
from lvsctl.model import Condition, PairSpec, Penalties, Role, ServiceState, Spec, Steadiness
from tests.daemon.pairing.scene import FAST, Scene, playing, until, vrrp
from tests.decide.making import healths, server, service, spec
from tests.pair.linked import Link
from tests.pair.making import THEIRS

OK, DOWN = Condition.OK, Condition.DOWN
DEAR = {"web": Penalties(down=60)}


def pair(**changes: object) -> PairSpec:
    return vrrp(replace(FAST, priority=150), penalties=DEAR, steadiness=Steadiness(0, 30), **changes)


@pytest.mark.parametrize(
    ("story", "told", "sentence"),
    [
        ([(0, OK)], [], "what is as conf.d says is no news"),
        ([(0, DOWN)], ["150 -> 90 service web is down: -60"], "who starts among dead servers offers less at once"),
        ([(0, OK), (1, DOWN)], ["150 -> 90 service web is down: -60"], "without patience the first look counts"),
        ([(0, DOWN), (1, OK), (30, OK)], ["150 -> 90 service web is down: -60"], "better counts once it has lasted"),
        ([(0, DOWN), (1, OK), (31, OK)], ["150 -> 90 service web is down: -60", "90 -> 150 "], "as long as `hold`"),
    ],
)
def test_health_takes_from_the_priority(story: list[tuple[float, Condition]], told: list[str], sentence: str) -> None:
    events: list[Event] = []
    offer = Offer(events.append)
    for now, condition in story:
        offer.judge(pair(), {"web": condition}, now)
    assert words(events) == told, sentence


def words(events: list[Event]) -> list[str]:
    changes = [event for event in events if isinstance(event, PriorityChanged)]
    return [f"{one.before} -> {one.after} {', '.join(one.reasons)}" for one in changes]


def test_time_alone_calls_for_a_look() -> None:
    offer = Offer(lambda _: None)
    offer.judge(pair(), {"web": DOWN}, 0)
    offer.judge(pair(), {"web": OK}, 10)
    assert offer.due == 40


def test_the_peer_takes_from_it_too_and_never_more_than_there_is() -> None:
    taken: list[tuple[int, str]] = [(20, "the peer sees more")]
    events: list[Event] = []
    offer = Offer(events.append, lambda: taken[0])
    offer.judge(pair(), {"web": DOWN}, 0)
    taken[0] = (200, "the peer sees more")
    offer.weigh(pair())
    assert words(events) == [
        "150 -> 70 service web is down: -60, the peer sees more: -20",
        "70 -> 1 service web is down: -60, the peer sees more: -200",
    ]


def test_the_owner_keeps_his_priority() -> None:
    offer = Offer(lambda _: None)
    owner = vrrp(replace(FAST, priority=255), penalties=DEAR)
    offer.weigh(owner)
    offer.judge(owner, {"web": DOWN}, 0)
    assert offer.offered == {"web": 255}


def seen(letters: str) -> Mapping[str, object]:
    here: Spec = spec(service([server(1), server(2)]))
    return {"spec": here, "health": healths(letters), "states": {"web": ServiceState.OK}}


async def test_whose_service_is_down_hands_over(tmp_path: Path, link: Link) -> None:
    strong, weak = Scene(tmp_path, pair()), Scene(tmp_path, vrrp(replace(FAST, source=THEIRS)))
    async with playing(strong, proven=False) as one, playing(weak) as two:
        strong.prove(**seen("UU"))
        await until(lambda: one.role() is Role.ACTIVE and two.role() is Role.STANDBY)
        strong.prove(**seen("DD"))
        await until(lambda: one.role() is Role.STANDBY and two.role() is Role.ACTIVE)
        view = one.view()
        assert view is not None
        [instance] = view.instances
        assert (instance.priority, instance.base, instance.reasons) == (90, 150, ("service web is down: -60",))
        await until(lambda: not strong.holds)


async def test_an_unproven_table_offers_the_least(tmp_path: Path, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.daemon.pairing.joining.PROVING", 0.01)
    late, weak = Scene(tmp_path, pair()), Scene(tmp_path, vrrp(replace(FAST, source=THEIRS, priority=2)))
    async with playing(weak) as two, playing(late, proven=False) as one:
        await until(lambda: one.role() is Role.STANDBY and two.role() is Role.ACTIVE)
        view = one.view()
        assert view and (view.instances[0].priority, view.instances[0].reasons) == (1, (UNPROVEN,))
        late.prove(**seen("UU"))
        await until(lambda: one.role() is Role.ACTIVE and two.role() is Role.STANDBY)
    assert words(late.events) == [f"150 -> 1 {UNPROVEN}", "1 -> 150 "]


async def test_who_begins_among_dead_servers_offers_less_from_the_first_advert_on(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, pair())
    async with playing(scene, proven=False):
        scene.prove(**seen("DD"))
        await until(lambda: bool(scene.roles))
    first = next(event for event in scene.events if isinstance(event, RoleChanged))
    assert (first.transition.role, first.transition.priority) == (Role.STANDBY, 90)


async def test_a_pair_that_a_reload_brings_begins_with_what_rounds_found(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, None)
    scene.ground.put(replace(scene.ground.interfaces["eth0"], addresses=(ip_interface(f"{FAST.source}/24"),)))
    async with playing(scene, proven=False) as pairing:
        scene.prove(**seen("DD"))
        await pairing.take(pair())
        await until(lambda: bool(scene.roles))
    first = next(event for event in scene.events if isinstance(event, RoleChanged))
    assert (first.transition.role, first.transition.priority) == (Role.STANDBY, 90)
