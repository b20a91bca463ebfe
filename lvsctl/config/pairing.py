"""Compile `pair:` of all files: names resolved, defaults filled, what two directors could not live with refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from lvsctl.config import pair as form
from lvsctl.config import pair_instances
from lvsctl.config.alert_fields import INLINE, Given
from lvsctl.config.document import Place, shown
from lvsctl.config.schema import Service
from lvsctl.config.wording import did_you_mean
from lvsctl.model import (
    Announcing,
    ChecksumForm,
    Family,
    Followed,
    Hooks,
    Instance,
    PairSpec,
    Peer,
    Penalties,
    Problem,
    Provider,
    Secret,
    Severity,
    Standby,
    Steadiness,
    Syncing,
    Vip,
)

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
    written: Written | None, services: Mapping[str, tuple[Place, Service]], problems: list[Problem]
) -> PairSpec | None:
    """None where there is none, or not enough of it was understood. What is wrong with it goes to `problems`."""
    if written is None:
        for place, service in services.values():
            if service.penalty is not None:
                message = "does nothing without `pair`: add that, or remove this"
                problems.append(place.at("penalty").problem(message, key=True))
        return None
    return _Compiler(written, problems).compile(services)


class _Compiler:
    def __init__(self, written: Written, problems: list[Problem]) -> None:
        self._form = written.form
        self._place = written.place
        self._places = written.places
        self._whole = written.whole
        self._problems = problems
        self._provider = written.form.provider or Provider.VRRP

    def compile(self, services: Mapping[str, tuple[Place, Service]]) -> PairSpec:
        self._belongs()
        given = self._form.penalties or form.PairPenalties()
        usual = PairSpec()
        return PairSpec(
            self._provider,
            self._form.standby or Standby.PROGRAM,
            self._instances(),
            self._follows(),
            self._form.name or usual.name,
            self._announcing(),
            self._syncing(),
            self._hooks(),
            {name: self._penalties(place, service, given) for name, (place, service) in services.items()},
            Steadiness(given.patience, given.hold),
            self._peer(),
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

    # --- instances ------------------------------------------------------------------------------------------------

    def _instances(self) -> tuple[Instance, ...]:
        groups = self._groups()
        found = {}
        for name, one in (self._form.instances or {}).items():
            found[name] = self._instance(name, one, groups.get(name, ""))
        self._apart(found)
        return tuple(found.values())

    def _instance(self, name: str, one: pair_instances.Instance, group: str) -> Instance:
        place = self._places["instances"].at(name)
        return Instance(
            name,
            one.interface,
            one.vrid,
            Family.INET if one.addresses[0].version == 4 else Family.INET6,
            one.addresses,
            one.source,
            one.version,
            one.priority,
            one.interval,
            one.preempt,
            one.preempt_delay or 0.0,
            one.peers or (),
            least_hops=one.least_hops or 255,
            group=group,
            checksum=one.checksum or ChecksumForm.KEEPALIVED,
            password=self._secret(one.password, place.at("password")) if one.password else None,
            keys=self._secrets(one.keys or (), place.at("keys")),
            track=one.track or (),
            virtual_mac=one.virtual_mac,
        )

    def _groups(self) -> dict[str, str]:
        """The group of each instance that has one."""
        known = self._form.instances or {}
        groups: dict[str, str] = {}
        for group, members in (self._form.groups or {}).items():
            for index, name in enumerate(members):
                place = self._places["groups"].at(group, index)
                if name not in known and self._whole:
                    meant = did_you_mean(name, sorted(known))
                    hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(sorted(known)) or 'none'}"
                    self._say(place, f"there is no instance `{shown(name)}`: {hint}")
                elif name in groups:
                    self._say(place, f"`{name}` is in the group `{groups[name]}` already: it can move with one only")
                groups.setdefault(name, group)
        return groups

    def _apart(self, instances: Mapping[str, Instance]) -> None:
        """Virtual routers are told apart by interface, family and id; an address is on one of them."""
        routers: dict[tuple[str, Family, int], str] = {}
        owners: dict[object, str] = {}
        for name, one in instances.items():
            place = self._places["instances"].at(name)
            other = routers.setdefault((one.interface, one.family, one.vrid), name)
            if other != name:
                message = f"`{other}` has the vrid {one.vrid} on {one.interface} already: give one of them another"
                self._say(place.at("vrid"), message)
            for index, address in enumerate(one.addresses):
                shared = address.is_link_local and address.version == 6  # on other links, it is another one
                owner = owners.setdefault((address.ip, one.interface if shared else ""), name)
                if owner != name:
                    self._say(place.at("addresses", index), f"`{address.ip}` is an address of `{owner}` already")

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

    def _peer(self) -> Peer | None:
        one = self._form.peer
        if one is None:
            return None
        place = self._places["peer"]
        if one.penalty is not None and self._provider is not Provider.VRRP and self._whole:
            message = f"does nothing with `provider: {self._provider}`, which has no priority to take from: remove it"
            self._say(place.at("penalty"), message)
        address, listen, keys = one.address, one.listen, self._secrets(one.key, place.at("key"))
        assert address.port and listen.port  # noqa: S101 - it has a default
        peer = Peer(address.address, address.port, listen.address, listen.port, keys, one.interval)
        return peer if one.penalty is None else replace(peer, penalty=one.penalty)

    # --- tools ------------------------------------------------------------------------------------------------------

    def _secrets(self, given: tuple[Given, ...], place: Place) -> tuple[Secret, ...]:
        places = [place.at(index) if isinstance(place.value, list) else place for index in range(len(given))]
        return tuple(self._secret(one, at) for one, at in zip(given, places, strict=True))

    def _secret(self, given: Given, place: Place) -> Secret:
        if given.inline:
            self._say(place, INLINE, severity=Severity.WARNING)
        return given.secret

    def _say(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> None:
        self._problems.append(place.problem(message, key=key, severity=severity))


def _first(own: int | None, usual: int | None) -> int:
    return own if own is not None else usual or 0
