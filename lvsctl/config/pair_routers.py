"""Compile `pair.instances` and `pair.groups`: virtual routers, and which of them move together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsctl.config.alert_fields import INLINE, Given
from lvsctl.config.document import Place, shown
from lvsctl.config.pair import Pair
from lvsctl.config.pair_instances import Instance as Form
from lvsctl.config.wording import did_you_mean
from lvsctl.model import Address, ChecksumForm, Family, Instance, Problem, Secret, Severity


def routers(form: Pair, places: Mapping[str, Place], problems: list[Problem], *, whole: bool) -> tuple[Instance, ...]:
    """In the order of the file. places: of the keys of `pair`; whole: whether all of it was understood."""
    if form.instances is None:
        return ()
    groups = _groups(form, places, problems) if whole else {}
    found = {
        name: _instance(name, one, groups.get(name, ""), places["instances"].at(name), problems)
        for name, one in form.instances.items()
    }
    _ids(found, places["instances"], problems)
    _addresses(found, places["instances"], problems)
    return tuple(found.values())


def family_of(address: Address) -> Family:
    """IPv4 or IPv6."""
    return Family.INET if address.version == 4 else Family.INET6


def secrets(given: tuple[Given, ...], place: Place, problems: list[Problem]) -> tuple[Secret, ...]:
    """place: of the list, or of the one that stands for it."""
    places = [place.at(index) if isinstance(place.value, list) else place for index in range(len(given))]
    return tuple(_secret(one, at, problems) for one, at in zip(given, places, strict=True))


def _secret(given: Given, place: Place, problems: list[Problem]) -> Secret:
    if given.inline:
        problems.append(place.problem(INLINE, severity=Severity.WARNING))
    return given.secret


def _instance(name: str, one: Form, group: str, place: Place, problems: list[Problem]) -> Instance:
    return Instance(
        name,
        one.interface,
        one.vrid,
        family_of(one.addresses[0]),
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
        password=_secret(one.password, place.at("password"), problems) if one.password else None,
        keys=secrets(one.keys or (), place.at("keys"), problems),
        track=one.track or (),
        virtual_mac=one.virtual_mac,
    )


def _groups(form: Pair, places: Mapping[str, Place], problems: list[Problem]) -> dict[str, str]:
    """The group of each instance that has one."""
    known = sorted(form.instances or {})
    groups: dict[str, str] = {}
    for group, members in (form.groups or {}).items():
        for index, name in enumerate(members):
            place = places["groups"].at(group, index)
            if name not in known:
                meant = did_you_mean(name, known)
                hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(known)}"
                problems.append(place.problem(f"there is no instance `{shown(name)}`: {hint}"))
            elif name in groups:
                message = f"`{name}` is in the group `{groups[name]}` already: it can move with one only"
                problems.append(place.problem(message))
            groups.setdefault(name, group)
    return groups


def _ids(instances: Mapping[str, Instance], at: Place, problems: list[Problem]) -> None:
    """Virtual routers are told apart by interface, family and id."""
    owners: dict[tuple[str, Family, int], str] = {}
    for name, one in instances.items():
        other = owners.setdefault((one.interface, one.family, one.vrid), name)
        if other != name:
            message = f"`{other}` has the vrid {one.vrid} on {one.interface} already: give one of them another"
            problems.append(at.at(name, "vrid").problem(message))


def _addresses(instances: Mapping[str, Instance], at: Place, problems: list[Problem]) -> None:
    """An address is on one of them; a link-local one on one of each link."""
    owners: dict[tuple[Address, str], str] = {}
    for name, one in instances.items():
        for index, address in enumerate(one.addresses):
            local = one.family is Family.INET6 and address.is_link_local
            owner = owners.setdefault((address.ip, one.interface if local else ""), name)
            if owner != name:
                message = f"`{address.ip}` is an address of `{owner}` already: leave it out in one of the two"
                problems.append(at.at(name, "addresses", index).problem(message))
    for name, one in instances.items():
        for place, router in _named(one, at.at(name)):
            local = one.family is Family.INET6 and router.is_link_local
            owner = owners.get((router, one.interface if local else ""), name)
            if owner != name:  # the instance's own are judged with it
                problems.append(place.problem(f"`{router}` moves with `{owner}`: write an address that stays"))


def _named(one: Instance, place: Place) -> Iterator[tuple[Place, Address]]:
    """Routers that have to stay where they are."""
    if one.source is not None:
        yield place.at("source"), one.source
    yield from ((place.at("peers", index), peer) for index, peer in enumerate(one.peers))
