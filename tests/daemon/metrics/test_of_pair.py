"""What Prometheus is told of the pair, under our names and under those of keepalived's exporters."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_interface

from lvsctl.daemon.metrics.compat import compat
from lvsctl.daemon.metrics.compat_vrrp import COUNTED
from lvsctl.daemon.metrics.family import write
from lvsctl.daemon.metrics.of_pair import of_pair
from lvsctl.model import Compat, PairSpec, Provider, Role, Standby, SyncDaemon, SyncRole
from lvsctl.model.pair_view import HookView, InstanceView, PairView, SyncView
from lvsctl.model.peer_view import Disagreement, PeerView
from lvsctl.pair.packet import Oddity, Refused
from lvsctl.pair.tally import Counts
from tests.daemon.metrics.test_compat import scene
from tests.daemon.metrics.told import Series, read, series
from tests.pair.making import V3, me

WEB = InstanceView(
    "web",
    Role.ACTIVE,
    since=5.0,
    priority=50,
    base=100,
    interface="eth0",
    addresses=(ip_interface("192.0.2.100/24"),),
    counts={"sent": 10, "heard": 2, "zero_sent": 1, "became_active": 3},
    refused={"hops": 7, "authentication failure": 4},
    odd={"interval": 6},
)
MUTE = InstanceView("mute", None)
DIFFERS = Disagreement("shop", "192.0.2.21:80", here=True)
PEER = PeerView("192.0.2.3:10588", heard=0.5, here=3, there=4, common=5, differing=(DIFFERS,), counts={"asked": 9})
SYNC = SyncView("eth1", 1, running=(SyncDaemon(SyncRole.MASTER, "eth1", 1),), trouble="there are two")
HOOKS = (HookView("on_active", "web", 5.0, 0.1), HookView("on_standby", "web", 4.0, 0.1, "exit status 1"))
PAIR = PairView(Provider.VRRP, Standby.PROGRAM, Role.ACTIVE, (WEB, MUTE), sync=SYNC, hooks=HOOKS, peer=PEER)


def told(view: PairView | None) -> dict[Series, float]:
    return read("".join(write(of_pair(view), openmetrics=False)))


def exported(*wanted: Compat) -> dict[Series, float]:
    whole = scene(*wanted)
    spec = replace(whole.spec, pair=PairSpec(instances=(me(V3, name="web"), me(V3, name="mute", vrid=52))))
    return read("".join(write(compat(replace(whole, spec=spec, pair=PAIR)), openmetrics=False)))


def test_who_stands_alone_tells_nothing() -> None:
    assert told(None) == {}


def test_each_role_is_a_series_and_one_of_them_is_1() -> None:
    found = told(PAIR)
    roles = {role: found[series("lvsctl_pair_role", iname="web", role=role)] for role in Role}
    assert roles == {Role.ACTIVE: 1, Role.STANDBY: 0, Role.FAULT: 0}
    assert {found[series("lvsctl_pair_role", iname="mute", role=role)] for role in Role} == {0}
    assert found[series("lvsctl_pair_priority", iname="web")] == 50
    assert found[series("lvsctl_pair_base_priority", iname="web")] == 100
    assert found[series("lvsctl_pair_role_since_timestamp_seconds", iname="web")] == 5
    assert series("lvsctl_pair_role_since_timestamp_seconds", iname="mute") not in found
    assert found[series("lvsctl_pair_takes_part")] == 1
    assert told(replace(PAIR, trouble="it waits"))[series("lvsctl_pair_takes_part")] == 0


def test_adverts_are_counted_for_who_speaks() -> None:
    found = told(PAIR)
    assert found[series("lvsctl_vrrp_adverts_sent_total", iname="web")] == 10
    assert found[series("lvsctl_vrrp_adverts_received_total", iname="web")] == 2
    assert found[series("lvsctl_vrrp_adverts_lost_total", iname="web")] == 0
    assert found[series("lvsctl_vrrp_adverts_refused_total", iname="web", reason="hops")] == 7
    assert found[series("lvsctl_vrrp_adverts_odd_total", iname="web", reason="interval")] == 6
    assert found[series("lvsctl_vrrp_neighbour", iname="web")] == 0
    assert series("lvsctl_vrrp_adverts_sent_total", iname="mute") not in found


def test_copying_hooks_and_the_other_director() -> None:
    found = told(PAIR)
    assert found[series("lvsctl_pair_sync_running", role="master", interface="eth1")] == 1
    assert found[series("lvsctl_pair_sync_ok")] == 0
    assert found[series("lvsctl_pair_hook_ok", hook="on_active", iname="web")] == 1
    assert found[series("lvsctl_pair_hook_ok", hook="on_standby", iname="web")] == 0
    assert found[series("lvsctl_peer_up")] == 1
    assert found[series("lvsctl_peer_heard_seconds")] == 0.5
    assert found[series("lvsctl_peer_disagreements")] == 1
    assert found[series("lvsctl_peer_servers_up", director="peer")] == 4
    assert found[series("lvsctl_peer_messages_total", result="asked")] == 9
    never = told(replace(PAIR, peer=PeerView("192.0.2.3:10588", lost="never heard")))
    assert never[series("lvsctl_peer_up")] == 0
    assert series("lvsctl_peer_heard_seconds") not in never


def test_mehdys_exporter() -> None:
    found = exported(Compat.KEEPALIVED_EXPORTER)
    of = {"iname": "web", "intf": "eth0", "vrid": str(me(V3).vrid)}
    for address in me(V3).addresses:
        assert found[series("keepalived_vrrp_state", ip_address=str(address), **of)] == 2
    assert found[series("keepalived_advertisements_sent_total", **of)] == 10
    assert found[series("keepalived_ip_ttl_errors_total", **of)] == 7
    assert found[series("keepalived_authentication_failure_total", **of)] == 4
    assert found[series("keepalived_advertisements_interval_errors_total", **of)] == 6
    assert found[series("keepalived_become_master_total", **of | {"iname": "mute", "vrid": "52"})] == 0


def test_gen2brains_exporter() -> None:
    found = exported(Compat.GEN2BRAIN)
    of = {"name": "web", "intf": "eth0", "vrid": str(me(V3).vrid), "state": "2"}
    assert found[series("keepalived_vrrp_advert_sent", **of)] == 10
    assert found[series("keepalived_vrrp_pri_zero_sent", **of)] == 1
    assert found[series("keepalived_vrrp_auth_failure", **of)] == 4


def test_the_names_under_which_it_is_counted_are_those_of_the_speaker() -> None:
    names = {"counts": {one.name for one in fields(Counts)}, "refused": set(Refused), "odd": set(Oddity)}
    assert [row for row in COUNTED if row[3] not in names[row[2]]] == []
