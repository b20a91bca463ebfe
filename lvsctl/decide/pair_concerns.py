"""What of the pair an operator should look after, whatever else he was going to do."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.model import Role
from lvsctl.model.pair_view import InstanceView, PairView
from lvsctl.model.peer_view import PeerView


def concerns(view: PairView) -> tuple[str, ...]:
    """A line each, the worst first."""
    return tuple(_concerns(view))


def _concerns(view: PairView) -> Iterator[str]:
    if view.trouble:
        yield f"this director takes no part in the pair: {view.trouble}"
    for instance in view.instances:
        yield from _of_instance(instance, view.peer)
    if view.peer is not None:
        yield from _of_the_peer(view.peer)
    if view.sync is not None and view.sync.trouble:
        yield f"connections are not copied between the directors as they should be: {view.sync.trouble}"
    yield from (f"{ran.hook} of {ran.instance} failed: {ran.why}" for ran in view.hooks if ran.why)


def _of_instance(instance: InstanceView, peer: PeerView | None) -> Iterator[str]:
    """What a peer said that is lost may have changed since."""
    said = peer.instances if peer is not None and not peer.lost else ()
    theirs = next((one.role for one in said if one.name == instance.name), None)
    if instance.role is Role.FAULT:
        yield f"{instance.name} is in fault here: {', '.join(instance.faults) or instance.why or 'nobody says why'}"
    if theirs is Role.FAULT:
        yield f"{instance.name} is in fault at the peer"
    if instance.role is theirs is Role.ACTIVE:
        yield f"both directors are active for {instance.name}"


def _of_the_peer(peer: PeerView) -> Iterator[str]:
    if peer.deaf:
        yield f"the peer cannot ask this director: {peer.deaf}"
    if peer.lost:
        yield f"the peer cannot be asked: {peer.lost}"
        return
    if peer.blind:
        yield f"the peer does not trust its own eyes: {peer.blind}"
    if peer.differing:
        count = len(peer.differing)
        yield f"the two directors see {count} server{'s' * (count > 1)} differently"
