"""What the two exporters for keepalived tell of VRRP, of our own instances.

mehdy/keepalived-exporter labels by iname, intf, vrid; gen2brain/keepalived_exporter by name, intf, vrid, state.
Both have keepalived's numbers for the states. What it counts and we do not (delayed announcements, scripts) is missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.daemon.metrics.family import Family, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.model import Instance, Role
from lvsctl.model.pair_view import InstanceView

_STATES = {None: 0, Role.STANDBY: 1, Role.ACTIVE: 2, Role.FAULT: 3}

COUNTED = (
    ("advertisements_received_total", "advert_rcvd", "counts", "heard"),
    ("advertisements_sent_total", "advert_sent", "counts", "sent"),
    ("become_master_total", "become_master", "counts", "became_active"),
    ("release_master_total", "release_master", "counts", "gave_up"),
    ("priority_zero_received_total", "pri_zero_rcvd", "counts", "zero_heard"),
    ("priority_zero_sent_total", "pri_zero_sent", "counts", "zero_sent"),
    ("packet_length_errors_total", "packet_len_err", "refused", "length"),
    ("ip_ttl_errors_total", "ip_ttl_err", "refused", "hops"),
    ("invalid_type_received_total", "invalid_type_rcvd", "refused", "type"),
    ("authentication_invalid_total", "invalid_authtype", "refused", "authentication type"),
    ("authentication_mismatch_total", "authtype_mismatch", "refused", "authentication mismatch"),
    ("authentication_failure_total", "auth_failure", "refused", "authentication failure"),
    ("advertisements_interval_errors_total", "advert_interval_err", "odd", "interval"),
    ("address_list_errors_total", "addr_list_err", "odd", "addresses"),
)
"""The names of both, and where and under which name it is counted here."""


def mehdy(scene: Scene) -> Iterator[Family]:
    """Its VRRP series."""
    instances = list(_instances(scene))
    states = [
        (labels(iname=me.name, intf=me.interface, vrid=str(me.vrid), ip_address=str(address)), _STATES[view.role])
        for me, view in instances
        for address in me.addresses
    ]
    yield gauge("keepalived_vrrp_state", "0 not started, 1 backup, 2 master, 3 fault.", states)
    for name, _, group, key in COUNTED:
        samples = [
            (labels(iname=me.name, intf=me.interface, vrid=str(me.vrid)), _number(view, group, key))
            for me, view in instances
        ]
        yield counter(f"keepalived_{name}", f"keepalived's counter of this name; here: {group}, {key}.", samples)


def gen2brain(scene: Scene) -> Iterator[Family]:
    """Its VRRP series."""
    instances = list(_instances(scene))
    for _, name, group, key in COUNTED:
        samples = [
            (
                labels(name=me.name, intf=me.interface, vrid=str(me.vrid), state=str(_STATES[view.role])),
                _number(view, group, key),
            )
            for me, view in instances
        ]
        yield counter(f"keepalived_vrrp_{name}", f"keepalived's counter of this name; here: {group}, {key}.", samples)


def _instances(scene: Scene) -> Iterator[tuple[Instance, InstanceView]]:
    if scene.pair is not None and scene.spec.pair is not None:
        known = {instance.name: instance for instance in scene.spec.pair.instances}
        yield from ((known[view.name], view) for view in scene.pair.instances if view.name in known)


def _number(view: InstanceView, group: str, key: str) -> int:
    counted = {"counts": view.counts, "refused": view.refused, "odd": view.odd}[group]
    return counted.get(key, 0)
