"""Compile `pair:` of all files: names resolved, defaults filled, what two directors could not live with refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from lvsctl.config import pair as form
from lvsctl.config.document import Place, shown
from lvsctl.config.pair_routers import family_of, routers, secrets
from lvsctl.config.schema import Service
from lvsctl.model import (
    OWNER,
    Announcing,
    Followed,
    Hooks,
    Listener,
    PairSpec,
    Peer,
    Penalties,
    Problem,
    Provider,
    Severity,
    Standby,
    Steadiness,
    Syncing,
    Vip,
)
from lvsctl.model import Service as ServiceSpec

T = TypeVar("T")

_ONLY_FOR = {
    "instances": Provider.VRRP,
    "groups": Provider.VRRP,
    "announce": Provider.VRRP,
    "penalties": Provider.VRRP,
    "keepalived": Provider.KEEPALIVED,
    "name": Provider.MANUAL,
}
_NEEDED = {
    Provider.VRRP: ("instances", "has no `instances`: add one, or write where else the role comes from (`provider`)"),
    Provider.KEEPALIVED: ("keepalived", "does not say which role to follow: add `keepalived: {instance: VI_1}`"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """`pair:` as it stands in the files. places: of its keys; whole: whether all of it was understood."""

    place: Place
    form: form.Pair
    places: Mapping[str, Place]
    whole: bool


def compile_pair(
    written: Written | None,
    services: Mapping[str, tuple[Place, Service]],
    problems: list[Problem],
    *,
    compiled: Collection[ServiceSpec],
    taken: Collection[Listener],
) -> PairSpec | None:
    """None where there is none. What is wrong with it goes to `problems`.

    compiled: what the services have become. taken: where lvsctl listens for other reasons.
    """
    if written is None:
        for place, service in services.values():
            if service.penalty is not None:
                message = "does nothing without `pair`: add that, or remove this"
                problems.append(place.at("penalty").problem(message, key=True))
        return None
    _synchronisable(written, compiled, problems)
    return _Compiler(written, problems).compile(services, taken)


def _synchronisable(written: Written, services: Collection[ServiceSpec], problems: list[Problem]) -> None:
    """The kernel refuses a sync daemon beside a server of the other family, and such a server beside a sync daemon."""
    mixed = [
        service.name
        for service in services
        if any(
            family_of(server.key.address) is not service.key.family for pool in service.pools for server in pool.servers
        )
    ]
    if mixed and "sync" in written.places:
        message = (
            f"the kernel copies no connections while `{shown(mixed[0])}` has servers of the other family: give those "
            "servers a service of their own, or remove this"
        )
        problems.append(written.places["sync"].problem(message, key=True))


class _Compiler:
    def __init__(self, written: Written, problems: list[Problem]) -> None:
        self._form = written.form
        self._place = written.place
        self._places = written.places
        self._whole = written.whole
        self._problems = problems
        self._provider = written.form.provider or Provider.VRRP

    def compile(self, services: Mapping[str, tuple[Place, Service]], taken: Collection[Listener]) -> PairSpec:
        self._belongs()
        given = self._form.penalties or form.PairPenalties()
        penalties = {name: self._penalties(place, service, given) for name, (place, service) in services.items()}
        if any(one != Penalties() for one in penalties.values()):
            self._unmoved()
        usual = PairSpec()
        return PairSpec(
            self._provider,
            self._form.standby or Standby.PROGRAM,
            routers(self._form, self._places, self._problems, whole=self._whole),
            self._follows(),
            self._form.name or usual.name,
            self._announcing(),
            self._syncing(),
            self._hooks(),
            penalties,
            Steadiness(given.patience, given.hold),
            self._peer(taken),
        )

    def _belongs(self) -> None:
        """What the provider needs, and what is for another one."""
        if not self._whole:
            return
        for key, provider in _ONLY_FOR.items():
            if key in self._places and provider is not self._provider:
                message = f"is for `provider: {provider}`: write that, or remove this"
                self._say(self._places[key], message, key=True)
        key, message = _NEEDED.get(self._provider, ("", ""))
        if key and key not in self._places:
            self._say(self._places.get("provider", self._place), message)

    def _unmoved(self) -> None:
        for name, one in (self._form.instances or {}).items():
            if one.priority == OWNER:
                message = "255 owns the addresses, and penalties take nothing from it: write 254 or less"
                place = self._places["instances"].at(name, "priority")
                self._say(place, message, severity=Severity.WARNING)

    # --- what goes with the role ------------------------------------------------------------------------------------

    def _follows(self) -> Followed | None:
        one = self._form.keepalived
        if one is None:
            return None
        vips = tuple(Vip(address, one.interface) for address in one.addresses or () if one.interface)
        return Followed(one.instance or one.group or "", one.group is not None, one.fifo or "", vips)

    def _announcing(self) -> Announcing:
        one = self._form.announce or form.Announce()
        return Announcing(one.burst, one.again, one.refresh, one.refresh_burst)

    def _syncing(self) -> Syncing | None:
        one = self._form.sync
        if one is None:
            return None
        usual = Syncing(one.interface, one.id, one.max_length or 0, ttl=one.ttl)
        return replace(usual, group=one.group or usual.group, port=one.port or usual.port)

    def _hooks(self) -> Hooks:
        one = self._form.hooks or form.Hooks()
        return Hooks(
            one.on_active or (), one.on_standby or (), one.on_fault or (), one.on_stop or (), timeout=one.timeout
        )

    def _penalties(self, place: Place, service: Service, given: form.PairPenalties) -> Penalties:
        own = service.penalty or form.ServicePenalties()
        if service.penalty is not None and self._provider is not Provider.VRRP and self._whole:
            message = f"does nothing with `provider: {self._provider}`, which has no priority to take from: remove it"
            self._say(place.at("penalty"), message, key=True)
        return Penalties(
            _first(own.degraded, given.degraded), _first(own.spilling, given.spilling), _first(own.down, given.down)
        )

    def _peer(self, taken: Collection[Listener]) -> Peer | None:
        one = self._form.peer
        if one is None:
            return None
        place = self._places["peer"]
        if one.penalty is not None and self._provider is not Provider.VRRP and self._whole:
            message = f"does nothing with `provider: {self._provider}`, which has no priority to take from: remove it"
            self._say(place.at("penalty"), message)
        moving = {vip.ip: name for name, router in (self._form.instances or {}).items() for vip in router.addresses}
        for key, where in (("address", one.address), ("listen", one.listen)):
            if where.address in moving:
                message = f"`{where.address}` moves with {moving[where.address]}: write an address that stays"
                self._say(place.at(key), message)
        if any(one.listen.overlaps(other) for other in taken):
            self._say(place.at("listen"), f"`metrics` has the port {one.listen.port} already: write another")
        keys = secrets(one.key, place.at("key"), self._problems)
        peer = Peer(one.address.address, one.address.port, one.listen.address, one.listen.port, keys, one.interval)
        return peer if one.penalty is None else replace(peer, penalty=one.penalty)

    def _say(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> None:
        self._problems.append(place.problem(message, key=key, severity=severity))


def _first(own: int | None, usual: int | None) -> int:
    return own if own is not None else usual or 0
