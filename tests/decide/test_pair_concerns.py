"""What an operator should look after in a pair."""

from __future__ import annotations

from typing import Any

import pytest

from lvsctl.decide.pair_concerns import concerns
from lvsctl.model import Provider, Role, Standby, SyncRole
from lvsctl.model.pair_view import HookView, InstanceView, PairView, SyncView
from lvsctl.model.peer_view import Disagreement, InstanceStanding, PeerView

WELL = InstanceView("web4", Role.STANDBY)


def pair(*instances: InstanceView, **more: Any) -> PairView:
    return PairView(Provider.VRRP, Standby.PROGRAM, Role.STANDBY, instances or (WELL,), **more)


def peer(role: Role | None = Role.STANDBY, **more: Any) -> PeerView:
    return PeerView("192.0.2.3:10588", heard=0.5, instances=(InstanceStanding("web4", role, 100),), **more)


@pytest.mark.parametrize(
    ("view", "lines"),
    [
        pytest.param(pair(peer=peer(Role.ACTIVE)), (), id="all is well"),
        pytest.param(pair(), (), id="all is well, as far as can be told without a peer"),
        pytest.param(
            pair(trouble="it waits for the first complete round"),
            ("this director takes no part in the pair: it waits for the first complete round",),
            id="who takes no part protects nobody",
        ),
        pytest.param(
            pair(InstanceView("web4", Role.FAULT, faults=("carrier", "eth1"))),
            ("web4 is in fault here: carrier, eth1",),
            id="a fault, with what it is",
        ),
        pytest.param(
            pair(InstanceView("web4", Role.FAULT, why="keepalived is in state FAULT")),
            ("web4 is in fault here: keepalived is in state FAULT",),
            id="a fault that somebody else has found",
        ),
        pytest.param(
            pair(InstanceView("web4", Role.FAULT)), ("web4 is in fault here: nobody says why",), id="a bare fault"
        ),
        pytest.param(pair(peer=peer(Role.FAULT)), ("web4 is in fault at the peer",), id="nobody else could take over"),
        pytest.param(
            pair(InstanceView("web4", Role.ACTIVE), peer=peer(Role.ACTIVE)),
            ("both directors are active for web4",),
            id="both have the addresses",
        ),
        pytest.param(
            pair(InstanceView("web4", Role.ACTIVE), peer=peer(Role.ACTIVE, lost="no answer", blind="x")),
            ("the peer cannot be asked: no answer",),
            id="what a peer said that is lost may have changed",
        ),
        pytest.param(
            pair(peer=peer(deaf="192.0.2.2:10588 cannot be used: no such address")),
            ("the peer cannot ask this director: 192.0.2.2:10588 cannot be used: no such address",),
            id="the peer does not hear this one",
        ),
        pytest.param(
            pair(peer=peer(blind="12 of 12 fail", differing=(Disagreement("shop", "192.0.2.21:80", True),))),
            (
                "the peer does not trust its own eyes: 12 of 12 fail",
                "the two directors see 1 server differently",
            ),
            id="eyes that differ, or are not trusted",
        ),
        pytest.param(
            pair(peer=peer(differing=tuple(Disagreement("shop", f"192.0.2.{n}:80", True) for n in (1, 2)))),
            ("the two directors see 2 servers differently",),
            id="how many are seen differently",
        ),
        pytest.param(
            pair(sync=SyncView("eth1", 1, (SyncRole.BACKUP,), (), "eth1 is gone")),
            ("connections are not copied between the directors as they should be: eth1 is gone",),
            id="a takeover would cut connections",
        ),
        pytest.param(
            pair(hooks=(HookView("on_active", "web4", 1.0, 0.1), HookView("on_stop", "web4", 1.0, 30.0, "killed"))),
            ("on_stop of web4 failed: killed",),
            id="of the hooks only those that failed",
        ),
    ],
)
def test_concerns(view: PairView, lines: tuple[str, ...]) -> None:
    assert concerns(view) == lines
