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
    theirs = peer.instances.get(instance.name) if peer is not None and not peer.why else None
    if instance.role is Role.FAULT:
        yield f"{instance.name} is in fault here: {', '.join(instance.faults) or instance.why or 'nobody says why'}"
    if theirs is not None and theirs.role is Role.FAULT:
        yield f"{instance.name} is in fault at the peer"
    if theirs is not None and instance.role is theirs.role is Role.ACTIVE:
        yield f"both directors are active for {instance.name}"


def _of_the_peer(peer: PeerView) -> Iterator[str]:
    if peer.why:
        yield f"the peer cannot be asked: {peer.why}"
        return
    if peer.blind:
        yield f"the peer does not trust its own eyes: {peer.blind}"
    if peer.disagreements:
        count = len(peer.disagreements)
        yield f"the two directors see {count} server{'s' * (count > 1)} differently"
