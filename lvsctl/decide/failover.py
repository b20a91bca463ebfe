"""What speaks against handing over to the other director now."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.model import Provider, Role
from lvsctl.model.pair_view import PairView
from lvsctl.model.peer_view import PeerView

SHOWN = 3
"""Servers that are named; where a director is cut off there may be thousands."""


def objections(view: PairView) -> tuple[str, ...]:
    """Each in words, for an operator who may overrule them; () where nothing speaks against it.

    Whoever follows keepalived's word hands nothing over, so nothing is held against it here. With `manual` somebody
    else makes sure that the other one takes over: what that one sees counts, if it can be asked at all.
    """
    if view.provider is Provider.KEEPALIVED:
        return ()
    if view.peer is not None:
        return tuple(_of_the_peer(view, view.peer))
    if view.provider is Provider.MANUAL:
        return ()
    return ("nobody is known to take over: a standby director is silent, and conf.d has no `pair.peer` to ask it",)


def _of_the_peer(view: PairView, peer: PeerView) -> Iterator[str]:
    if peer.why or peer.heard is None:
        yield f"nobody is known to take over: the peer is not heard{f' ({peer.why})' if peer.why else ''}"
        return
    if peer.blind:
        yield f"the peer does not trust its own eyes: {peer.blind}"
    yield from _unfit(view, peer)
    worse = [one for one in peer.disagreements if one.here]
    yield from (str(one) for one in worse[:SHOWN])
    if len(worse) > SHOWN:
        yield f"{len(worse) - SHOWN} more that are up here are down at the peer"


def _unfit(view: PairView, peer: PeerView) -> Iterator[str]:
    """The instances that the peer could not take."""
    for instance in view.instances:
        theirs = peer.instances.get(instance.name)
        if instance.role is not Role.ACTIVE:
            continue
        if theirs is None or theirs.role is None:
            yield f"the peer takes no part in {instance.name}"
        elif theirs.role is Role.FAULT:
            yield f"the peer is in fault for {instance.name}"
