"""What speaks against handing over: a table with a sentence a row."""

from __future__ import annotations

from typing import Any

import pytest

from lvsctl.decide.failover import objections
from lvsctl.model import Provider, Role, ServiceState, Standby
from lvsctl.model.pair_view import InstanceView, PairView
from lvsctl.model.peer_view import Disagreement, InstanceStanding, PeerView

UP = {"shop": ServiceState.OK, "mail": ServiceState.OK, "old": ServiceState.DOWN}
NOBODY = "nobody is known to take over: "


def active(name: str = "web4", role: Role | None = Role.ACTIVE) -> InstanceView:
    return InstanceView(name, role)


heard = InstanceView("web4", Role.ACTIVE, counts={"sent": 9, "heard": 1})


def pair(peer: PeerView | None, *instances: InstanceView, provider: Provider = Provider.VRRP) -> PairView:
    return PairView(provider, Standby.PROGRAM, Role.ACTIVE, instances or (active(),), peer=peer)


def peer(role: Role | None = Role.STANDBY, **more: Any) -> PeerView:
    services = {"shop": "ok", "mail": "ok"}
    said = {"heard": 0.5, "instances": (InstanceStanding("web4", role, 100),), "services": services, **more}
    return PeerView("192.0.2.3:10588", **said)


def differs(last: int, *, here: bool, service: str = "shop") -> Disagreement:
    return Disagreement(service, f"192.0.2.{last}:80", here)


@pytest.mark.parametrize(
    ("view", "against"),
    [
        pytest.param(pair(peer()), (), id="a peer that stands by and sees the same may have it"),
        pytest.param(pair(peer(Role.ACTIVE)), (), id="one that is active already all the more"),
        pytest.param(
            pair(None),
            (f"{NOBODY}web4 has heard no other, and conf.d has no `pair.peer` to ask",),
            id="without a peer to ask nothing is known of who never spoke",
        ),
        pytest.param(
            pair(None, heard, active("web6"), active("web7", Role.STANDBY)),
            (f"{NOBODY}web6 has heard no other, and conf.d has no `pair.peer` to ask",),
            id="nor of who never spoke for one of several instances",
        ),
        pytest.param(
            pair(None, active("web6"), active("web7")),
            (f"{NOBODY}web6, web7 have heard no other, and conf.d has no `pair.peer` to ask",),
            id="nor for several",
        ),
        pytest.param(pair(None, heard), (), id="who spoke once is there, for all that is known: a standby is silent"),
        pytest.param(
            pair(peer(heard=None)), (f"{NOBODY}the peer is not heard",), id="a peer that was never heard is nobody"
        ),
        pytest.param(
            pair(peer(lost="connection refused", blind="x", services={"shop": "down"})),
            (f"{NOBODY}the peer is not heard (connection refused)",),
            id="of one that is lost nothing else counts",
        ),
        pytest.param(
            pair(peer(blind="12 of 12 fail")),
            ("the peer does not trust its own eyes: 12 of 12 fail",),
            id="one that is blind gets nothing",
        ),
        pytest.param(
            pair(peer(Role.FAULT)), ("the peer is in fault for web4",), id="one in fault could not take the addresses"
        ),
        pytest.param(pair(peer(None)), ("the peer takes no part in web4",), id="nor one that takes no part"),
        pytest.param(
            pair(peer(), active(), active("web6")),
            ("the peer takes no part in web6",),
            id="nor one that does not have the instance",
        ),
        pytest.param(
            pair(peer(), active(), active("web6", Role.STANDBY)), (), id="what is not active here is not handed over"
        ),
        pytest.param(
            pair(peer(services={"shop": "down", "mail": "refused", "old": "down", "new": "down"})),
            ("service shop is up here and down at the peer", "service mail is up here and refused at the peer"),
            id="services that are up here alone are not given away",
        ),
        pytest.param(
            pair(peer(services={"shop": "ok", "new": "ok"})),
            ("service mail is up here, and the peer has none of this name",),
            id="nor what the peer does not serve, as it has not read the same conf.d",
        ),
        pytest.param(
            pair(peer(services={"shop": "spilling", "mail": "waiting"})), (), id="one that spills serves all the same"
        ),
        pytest.param(
            pair(peer(differing=(differs(21, here=True), differs(22, here=False)))),
            ("shop/192.0.2.21:80 is up here and down at the peer",),
            id="nor servers, unless it is the peer who sees more",
        ),
        pytest.param(
            pair(peer(disagreements=(differs(21, here=True),))), (), id="what may be the pace of the checks is none"
        ),
        pytest.param(
            pair(peer(services={"shop": "down", "mail": "ok"}, differing=(differs(21, here=True),))),
            ("service shop is up here and down at the peer",),
            id="the servers of a service that is named are not named as well",
        ),
        pytest.param(
            pair(peer(differing=tuple(differs(last, here=True) for last in range(1, 6)))),
            (*(f"shop/192.0.2.{last}:80 is up here and down at the peer" for last in (1, 2, 3)), "2 more like that"),
            id="of many some are named",
        ),
        pytest.param(pair(None, provider=Provider.KEEPALIVED), (), id="keepalived is told elsewhere"),
        pytest.param(pair(None, provider=Provider.MANUAL), (), id="who says the role has seen to the other one"),
        pytest.param(
            pair(peer(blind="x"), provider=Provider.MANUAL),
            ("the peer does not trust its own eyes: x",),
            id="but what a peer says counts for him, too",
        ),
    ],
)
def test_objections(view: PairView, against: tuple[str, ...]) -> None:
    assert objections(view, UP) == against
