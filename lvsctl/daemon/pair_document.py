"""The pair document: both directors as this one sees them (shape: `lvsctl/v1`, kind Pair)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lvsctl.decide.failover import objections
from lvsctl.decide.pair_concerns import concerns
from lvsctl.model import ServiceState
from lvsctl.model.moment import rfc3339
from lvsctl.model.pair_view import HookView, InstanceView, PairView, SyncView
from lvsctl.model.peer_view import PeerView

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon

Json = dict[str, Any]


def pair_seen(daemon: Daemon) -> PairView | None:
    """The pair with what the other director says; None: conf.d has none."""
    view = daemon.pairing.view()
    return None if view is None else replace(view, peer=daemon.peer.view())


def pair_document(view: PairView, states: Mapping[str, ServiceState]) -> Json:
    """The whole document. states: of the services here, by name."""
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Pair",
        "provider": str(view.provider),
        "standby": str(view.standby),
        "role": _or_none(view.role),
        "resting": view.resting,
        "trouble": view.trouble,
        "attention": list(concerns(view)),
        "objections": list(objections(view, states)),
        "instances": [_instance(instance, view.peer) for instance in view.instances],
        "sync": _sync(view.sync) if view.sync is not None else None,
        "peer": _peer(view.peer) if view.peer is not None else None,
        "hooks": [_hook(hook) for hook in view.hooks],
    }


def pair_in_short(view: PairView) -> Json:
    """What the status document has of it."""
    return {
        "role": _or_none(view.role),
        "provider": str(view.provider),
        "resting": view.resting,
        "instances": [{"name": one.name, "role": _or_none(one.role)} for one in view.instances],
        "attention": list(concerns(view)),
    }


def _instance(instance: InstanceView, peer: PeerView | None) -> Json:
    said = peer.instances if peer is not None and not peer.lost else ()
    theirs = next((one for one in said if one.name == instance.name), None)
    heard = instance.neighbour
    return {
        "name": instance.name,
        "role": _or_none(instance.role),
        "since": rfc3339(instance.since) if instance.since is not None else None,
        "why": instance.why,
        "priority": instance.priority,
        "base": instance.base,
        "reasons": list(instance.reasons),
        "interface": instance.interface,
        "addresses": [str(address) for address in instance.addresses],
        "neighbour": {"address": str(heard.address), "priority": heard.priority} if heard is not None else None,
        "faults": list(instance.faults),
        "peer": {"role": _or_none(theirs.role), "priority": theirs.priority} if theirs is not None else None,
        "counts": dict(instance.counts),
        "refused": dict(instance.refused),
        "odd": dict(instance.odd),
    }


def _sync(sync: SyncView) -> Json:
    running = [{"role": str(one.role), "interface": one.interface, "id": one.sync_id} for one in sync.running]
    return {
        "interface": sync.interface,
        "id": sync.sync_id,
        "wanted": [str(role) for role in sync.wanted],
        "running": running,
        "trouble": sync.trouble,
    }


def _peer(peer: PeerView) -> Json:
    return {
        "address": peer.address,
        "heard": round(peer.heard, 3) if peer.heard is not None else None,
        "lost": peer.lost,
        "deaf": peer.deaf,
        "version": peer.version,
        "blind": peer.blind,
        "common": peer.common,
        "here": peer.here,
        "there": peer.there,
        "services": dict(peer.services),
        "disagreements": [str(one) for one in peer.disagreements],
        "lowering": {"penalty": peer.lowering, "why": peer.why},
        "skew": round(peer.skew, 3),
        "counts": dict(peer.counts),
    }


def _hook(hook: HookView) -> Json:
    return {
        "hook": hook.hook,
        "instance": hook.instance,
        "at": rfc3339(hook.at),
        "duration": round(hook.duration, 3) if hook.duration is not None else None,
        "why": hook.why,
    }


def _or_none(word: object) -> str | None:
    return None if word is None else str(word)
