"""The families of the director pair; none where conf.d has no pair."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from lvsctl.daemon.metrics.family import Family, Sample, counter, gauge, labels
from lvsctl.model import Role
from lvsctl.model.pair_view import InstanceView, PairView, SyncView
from lvsctl.model.peer_view import PeerView

_COUNTED = (
    ("adverts_sent", "sent", "Adverts sent, farewells included."),
    ("adverts_received", "heard", "Adverts of other routers that were taken."),
    ("adverts_unsent", "unsent", "Adverts that the kernel did not take."),
    ("adverts_lost", "lost", "Adverts of expected routers for which the queue of the interface had no room."),
    ("farewells_sent", "zero_sent", "Adverts of priority 0 sent."),
    ("farewells_received", "zero_heard", "Adverts of priority 0 received."),
    ("became_active", "became_active", "Times that the instance became active."),
    ("gave_up", "gave_up", "Times that it was active and became something else."),
)


def of_pair(view: PairView | None) -> Iterator[Family]:
    """The roles, the adverts, the connection sync daemons, the hooks and the other director."""
    if view is None:
        return
    yield from _roles(view)
    yield from _adverts(view.instances)
    if view.sync is not None:
        yield from _of_sync(view.sync)
    ran = [(labels(hook=hook.hook, iname=hook.instance), int(not hook.why)) for hook in view.hooks]
    yield gauge("lvsctl_pair_hook_ok", "Whether the newest run of a hook ended well, or still goes on.", ran)
    if view.peer is not None:
        yield from _of_peer(view.peer)


def _of(instance: InstanceView, **more: str) -> str:
    """By iname, as of keepalived's exporters: an `instance` would be taken for the target that is scraped."""
    return labels(iname=instance.name, **more)


def _roles(view: PairView) -> Iterator[Family]:
    roles = [(_of(one, role=role), int(one.role is role)) for one, role in product(view.instances, Role)]
    yield gauge("lvsctl_pair_role", "1 for the role that the instance has; none is 1 while it takes no part.", roles)
    yield gauge("lvsctl_pair_priority", "What it offers.", [(_of(one), one.priority) for one in view.instances])
    yield gauge("lvsctl_pair_base_priority", "What conf.d says.", [(_of(one), one.base) for one in view.instances])
    since: list[Sample] = [(_of(one), one.since) for one in view.instances if one.since is not None]
    yield gauge("lvsctl_pair_role_since_timestamp_seconds", "When it took its role.", since)
    takes_part = int(not view.trouble)
    yield gauge("lvsctl_pair_takes_part", "Whether this director takes part in the pair.", [("", takes_part)])


def _adverts(instances: tuple[InstanceView, ...]) -> Iterator[Family]:
    speaking = [one for one in instances if one.counts]
    for name, key, text in _COUNTED:
        yield counter(f"lvsctl_vrrp_{name}_total", text, [(_of(one), one.counts.get(key, 0)) for one in speaking])
    refused = [(_of(one, reason=why), number) for one in speaking for why, number in one.refused.items()]
    yield counter("lvsctl_vrrp_adverts_refused_total", "What came and is no advert for the instance.", refused)
    odd = [(_of(one, reason=why), number) for one in speaking for why, number in one.odd.items()]
    yield counter("lvsctl_vrrp_adverts_odd_total", "Adverts taken though conf.d has it otherwise here.", odd)
    heard = [(_of(one), int(one.neighbour is not None)) for one in speaking]
    yield gauge("lvsctl_vrrp_neighbour", "Whether another active router was heard a moment ago.", heard)


def _of_sync(sync: SyncView) -> Iterator[Family]:
    runs: list[Sample] = [(labels(role=one.role, interface=one.interface), 1) for one in sync.running]
    yield gauge("lvsctl_pair_sync_running", "Connection sync daemons that run.", runs)
    yield gauge("lvsctl_pair_sync_ok", "Whether they run as they ought to.", [("", int(not sync.trouble))])


def _of_peer(peer: PeerView) -> Iterator[Family]:
    yield gauge("lvsctl_peer_up", "Whether the other director's word counts.", [("", int(not peer.lost))])
    heard: list[Sample] = [("", peer.heard)] if peer.heard is not None else []
    yield gauge("lvsctl_peer_heard_seconds", "Seconds since its last answer.", heard)
    differing = [("", len(peer.differing))]
    yield gauge("lvsctl_peer_disagreements", "Servers seen otherwise for longer than checks explain.", differing)
    up: list[Sample] = [(labels(director="here"), peer.here), (labels(director="peer"), peer.there)]
    yield gauge("lvsctl_peer_servers_up", "Servers seen up, of those that both speak of.", up)
    yield gauge("lvsctl_peer_penalty", "What is taken from our priority for seeing less.", [("", peer.lowering)])
    skew = [("", peer.skew)]
    yield gauge("lvsctl_peer_clock_skew_seconds", "By how much our time of day is ahead of its.", skew)
    talk: list[Sample] = [(labels(result=what), number) for what, number in peer.counts.items()]
    yield counter("lvsctl_peer_messages_total", "What was asked, answered and refused between the two.", talk)
