"""The grammar of `pair.instances:`, one virtual router each, and what of one cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, Strict, model_validator
from pydantic_core import InitErrorDetails

from lvsctl.config.alert_fields import SecretText
from lvsctl.config.faults import fault, raise_faults
from lvsctl.config.fields import Boolean, Form, Maybe, Pause, Some, Timing
from lvsctl.config.pair_fields import InterfaceName, Keys, Moving, RouterAddress
from lvsctl.model import OWNER, ChecksumForm, VrrpVersion

MOST_ADDRESSES = 255
"""They are counted in one byte."""

LONGEST_PASSWORD = 8
"""Bytes; RFC 2338, 5.3.10."""

_LONGEST = {VrrpVersion.V3: 40.95, VrrpVersion.V2: 255.0}


class Instance(Form):
    interface: InterfaceName = Field(description="Where adverts are sent, and where the addresses go.")
    vrid: Annotated[int, Strict(), Field(ge=1, le=255)] = Field(description="Virtual router id; the same on both.")
    addresses: Some[tuple[Moving, ...]] = Field(
        description="What moves with the role: 192.0.2.20/24, or 192.0.2.20. Either is put on as /32, IPv6 as /128, so "
        "that no route comes with it and none goes; hooks are told of it as it is written. Of one family; IPv6 begins "
        "with a link-local one."
    )
    priority: Annotated[int, Strict(), Field(ge=1, le=OWNER)] = Field(
        100, description="The highest is active. Default 100; 255: the addresses are this director's own."
    )
    interval: Timing = Field(1.0, description="Between adverts: 10ms to 40.95s; version 2: whole seconds. Default 1s.")
    version: Annotated[VrrpVersion, Strict(strict=False)] = Field(
        VrrpVersion.V3, description="Of VRRP. Default 3; 2 for IPv4 neighbours that need it."
    )
    source: Maybe[RouterAddress] = Field(
        None, description="Where adverts come from. Default: the interface's first address of the family."
    )
    peers: Maybe[Some[tuple[RouterAddress, ...]]] = Field(
        None, description="Unicast to these, and from these alone. Default: multicast."
    )
    least_hops: Maybe[Annotated[int, Strict(), Field(ge=1, le=255)]] = Field(
        None,
        description="TTL or hop limit with which a peer's advert is still taken. Default 255: not through a router. "
        "A keepalived sends IPv6 unicast with 64 unless it has `unicast_ttl 255`: set that there, or 64 here.",
    )
    preempt: Boolean = Field(True, description="Take over from an active one of lower priority.")
    preempt_delay: Maybe[Pause] = Field(None, description="So long after it was first heard. Default 0s.")
    checksum: Maybe[ChecksumForm] = Field(
        None, description="Sent in version 3 over IPv4; both are accepted. keepalived (default), or rfc9568."
    )
    password: Maybe[SecretText] = Field(None, description="Of version 2, at most 8 bytes. Sent in the clear.")
    keys: Maybe[Keys] = Field(
        None, description="Seal unicast adverts; two while one replaces the other. Not understood by keepalived."
    )
    virtual_mac: Boolean = Field(False, description="Use the virtual router's MAC address, by a macvlan interface.")
    track: Maybe[Some[tuple[InterfaceName, ...]]] = Field(
        None, description="Further interfaces without which this director cannot serve."
    )

    @model_validator(mode="after")
    def _fit(self) -> Instance:
        found = [
            *_addresses(self),
            *_version(self),
            *_preemption(self),
            *_routers(self),
            *_twice("addresses", [address.ip for address in self.addresses]),
            *_twice("peers", self.peers or ()),
            *_tracked(self),
        ]
        if found:
            raise_faults(found)
        return self


def _addresses(one: Instance) -> Iterator[InitErrorDetails]:
    first = one.addresses[0]
    if len(one.addresses) > MOST_ADDRESSES:
        message = f"has {len(one.addresses)} addresses, and an advert holds {MOST_ADDRESSES}: make two instances of it"
        yield fault(("addresses",), message)
    for index, address in enumerate(one.addresses):
        if address.version != first.version:
            message = f"`{address.ip}` is IPv{address.version} and the first is IPv{first.version}: an instance has "
            yield fault(("addresses", index), message + "one family; make two, and a group of them")
    if first.version == 6 and not first.is_link_local:
        message = f"`{first.ip}` is not link-local, and the first IPv6 address must be: put one like fe80::{one.vrid}"
        yield fault(("addresses", 0), message + "/64 before it, the same on both directors")


def _version(one: Instance) -> Iterator[InitErrorDetails]:
    v2, v6 = one.version is VrrpVersion.V2, one.addresses[0].version == 6
    if v2 and v6:
        yield fault(("version",), "version 2 is for IPv4 only: write `version: 3`")
    elif v2 and one.interval != int(one.interval):
        yield fault(("interval",), "version 2 counts in whole seconds: write 1s or more, or `version: 3`")
    elif one.interval > _LONGEST[one.version]:
        yield fault(("interval",), f"is too long for version {one.version}: at most {_LONGEST[one.version]:g}s")
    elif not v2 and abs(one.interval * 100 - round(one.interval * 100)) > 1e-4:
        yield fault(("interval",), "version 3 counts in hundredths of a second: write a multiple of 10ms")
    if one.checksum is not None and (v2 or v6):
        yield fault(("checksum",), "there is a choice in version 3 over IPv4 only: remove it")
    if one.password is not None and not v2:
        yield fault(("password",), "version 3 has no password: remove it, or use `keys` with `peers`")
    elif one.password is not None and len(one.password.secret.reveal().encode()) > LONGEST_PASSWORD:
        yield fault(("password",), f"is too long: an advert has room for {LONGEST_PASSWORD} bytes")


def _preemption(one: Instance) -> Iterator[InitErrorDetails]:
    owner = one.priority == OWNER
    if owner and not one.preempt:
        yield fault(("preempt",), "priority 255 owns the addresses and always takes over: write 254 or less")
    elif one.preempt_delay and not one.preempt:
        yield fault(("preempt_delay",), "does nothing with `preempt: false`: remove one of the two")
    elif one.preempt_delay and owner:
        yield fault(("preempt_delay",), "priority 255 owns the addresses and never waits: write 254 or less")


def _routers(one: Instance) -> Iterator[InitErrorDetails]:
    version = one.addresses[0].version
    moving = {address.ip for address in one.addresses}
    if one.source is not None and one.source.version != version:
        yield fault(("source",), f"`{one.source}` is IPv{one.source.version}, and the addresses are IPv{version}")
    elif one.source in moving and one.priority < OWNER:
        yield fault(("source",), f"`{one.source}` moves with the role: write an address that stays on the interface")
    for index, peer in enumerate(one.peers or ()):
        where = ("peers", index)
        if peer.version != version:
            yield fault(where, f"`{peer}` is IPv{peer.version}, and the addresses are IPv{version}")
        elif peer == one.source:
            yield fault(where, f"`{peer}` is the `source`, this director itself: write the other one's address")
        elif peer in moving:
            yield fault(where, f"`{peer}` moves with the role: write the address that the other director keeps")
    if not one.peers and one.keys:
        yield fault(("keys",), "seal unicast adverts only: add `peers`, or remove them")
    if not one.peers and one.least_hops is not None:
        yield fault(("least_hops",), "does nothing without `peers`: multicast is always taken with 255 only")


def _tracked(one: Instance) -> Iterator[InitErrorDetails]:
    yield from _twice("track", one.track or ())
    for index, name in enumerate(one.track or ()):
        if name == one.interface:
            yield fault(("track", index), f"`{name}` is the instance's own interface, which is tracked anyway")


def _twice(key: str, items: Sequence[Any]) -> Iterator[InitErrorDetails]:
    for index, item in enumerate(items):
        if item in items[:index]:
            yield fault((key, index), f"`{item}` is written twice: remove one of them")
