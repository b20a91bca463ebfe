"""What speaks against handing over to the other director now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsctl.model import Provider, Role, ServiceState
from lvsctl.model.pair_view import PairView
from lvsctl.model.peer_view import PeerView

SHOWN = 3
"""Services, and servers, that are named; where a director is cut off there may be thousands."""

_DARK = frozenset({str(ServiceState.DOWN), str(ServiceState.REFUSED)})


def objections(view: PairView, states: Mapping[str, ServiceState]) -> tuple[str, ...]:
    """Each in words, for an operator who may overrule them; () where nothing speaks against it.

    states: of the services here, by name. Whoever follows keepalived's word hands nothing over, so nothing is held
    against it here. With `manual` somebody else makes sure that the other one takes over: what that one sees counts, if
    it can be asked at all. Without a peer to ask it is enough that another was heard at all, as a standby is silent.
    """
    if view.provider is Provider.KEEPALIVED:
        return ()
    if view.peer is not None:
        return tuple(_of_the_peer(view, view.peer, states))
    if view.provider is Provider.MANUAL:
        return ()
    alone = [one.name for one in view.instances if one.role is Role.ACTIVE and not one.counts.get("heard")]
    if not alone:
        return ()
    deaf = f"{', '.join(alone)} {'has' if len(alone) == 1 else 'have'} heard no other"
    return (f"nobody is known to take over: {deaf}, and conf.d has no `pair.peer` to ask",)


def _of_the_peer(view: PairView, peer: PeerView, states: Mapping[str, ServiceState]) -> Iterator[str]:
    if peer.lost or peer.heard is None:
        yield f"nobody is known to take over: the peer is not heard{f' ({peer.lost})' if peer.lost else ''}"
        return
    if peer.blind:
        yield f"the peer does not trust its own eyes: {peer.blind}"
    yield from _unfit(view, peer)
    up = [name for name, state in states.items() if state is ServiceState.OK]
    dark = [name for name in up if peer.services.get(name) in _DARK]
    yield from _some([f"service {name} is up here and {peer.services[name]} at the peer" for name in dark])
    strange = [name for name in up if name not in peer.services]
    yield from _some([f"service {name} is up here, and the peer has none of this name" for name in strange])
    yield from _some([str(one) for one in peer.differing if one.here and one.service not in dark])


def _unfit(view: PairView, peer: PeerView) -> Iterator[str]:
    """The instances that the peer could not take."""
    theirs = {one.name: one.role for one in peer.instances}
    for name in (one.name for one in view.instances if one.role is Role.ACTIVE):
        if theirs.get(name) is None:
            yield f"the peer takes no part in {name}"
        elif theirs[name] is Role.FAULT:
            yield f"the peer is in fault for {name}"


def _some(lines: list[str]) -> Iterator[str]:
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"{len(lines) - SHOWN} more like that"
