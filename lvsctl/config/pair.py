"""The grammar of `pair:`: where the role comes from, and what is done with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict, model_validator

from lvsctl.config.faults import fault, raise_faults
from lvsctl.config.fields import Directory, Form, Maybe, Name, Pause, Port, Some, Timing
from lvsctl.config.pair_fields import GroupAddress, InterfaceName, Keys, PeerEndpoint, Penalty, RouterAddress
from lvsctl.config.pair_instances import Instance
from lvsctl.model import MAX_SYNC_ID, Provider, Standby


class Announce(Form):
    """Gratuitous ARP, and unsolicited neighbour advertisements."""

    burst: Annotated[int, Strict(), Field(ge=1, le=100)] = Field(5, description="Of each address. Default 5.")
    again: Pause = Field(5.0, description="From the first burst to the second; 0s: only one. Default 5s.")
    refresh: Pause = Field(0.0, description="Between further bursts; 0s (default): none.")
    refresh_burst: Annotated[int, Strict(), Field(ge=1, le=100)] = Field(
        1, description="Of each address, in those. Default 1."
    )


class Sync(Form):
    """The kernel's daemon that copies connections: master on the active director, backup on the other."""

    interface: InterfaceName = Field(description="Between the directors.")
    id: Annotated[int, Strict(), Field(ge=0, le=MAX_SYNC_ID)] = Field(
        0, description="Default 0: take what any id sends. The same on both."
    )
    group: Maybe[GroupAddress] = Field(None, description="Multicast group. Default 224.0.0.81.")
    port: Maybe[Annotated[Port, Field(ge=1)]] = Field(None, description="UDP. Default 8848.")
    ttl: Annotated[int, Strict(), Field(ge=1, le=255)] = Field(1, description="Default 1.")
    max_length: Maybe[Annotated[int, Strict(), Field(ge=1, le=65507)]] = Field(
        None, description="Bytes of a message. Default: as many as the interface lets through."
    )


class Hooks(Form):
    """Programs of your own, by their whole path and with their arguments."""

    on_active: Maybe[Some[tuple[str, ...]]] = Field(None, description="When an instance became active.")
    on_standby: Maybe[Some[tuple[str, ...]]] = Field(None, description="When it stands by.")
    on_fault: Maybe[Some[tuple[str, ...]]] = Field(None, description="When it cannot serve.")
    on_stop: Maybe[Some[tuple[str, ...]]] = Field(None, description="When lvsctl stops, or the instance is removed.")
    timeout: Timing = Field(30.0, description="Of each; then it is killed. Default 30s.")

    @model_validator(mode="after")
    def _fit(self) -> Hooks:
        found = [
            fault((name, 0), "must be a whole path: begin it with /")
            for name in HOOKS
            if not (getattr(self, name) or ("/",))[0].startswith("/")
        ]
        if found:
            raise_faults(found)
        return self


HOOKS = ("on_active", "on_standby", "on_fault", "on_stop")


class ServicePenalties(Form):
    """What a service takes from the priority of this director."""

    degraded: Maybe[Penalty] = Field(None, description="While a server of its first pool is down.")
    spilling: Maybe[Penalty] = Field(None, description="While new connections go to a lower pool.")
    down: Maybe[Penalty] = Field(None, description="While nobody serves.")


class PairPenalties(ServicePenalties):
    """What each service takes, unless its `penalty` says otherwise. Default 0."""

    patience: Pause = Field(0.0, description="How long a service must stand worse before that counts. Default 0s.")
    hold: Pause = Field(30.0, description="And how long better. Default 30s.")


class Keepalived(Form):
    """A keepalived on this host that runs VRRP."""

    instance: Maybe[Some[str]] = Field(None, description="Its vrrp_instance, or")
    group: Maybe[Some[str]] = Field(None, description="its vrrp_sync_group.")
    fifo: Maybe[Directory] = Field(
        None,
        description="Its vrrp_notify_fifo, which it is to make for lvsctl's user, as in `vrrp_notify_fifo "
        "/run/lvsctl/keepalived lvsctl`. Default: its notify script tells.",
    )
    interface: Maybe[InterfaceName] = Field(None, description="Where it has its addresses.")
    addresses: Maybe[Some[tuple[RouterAddress, ...]]] = Field(
        None, description="Where they are when lvsctl starts says what the role is, until keepalived tells of another."
    )

    @model_validator(mode="after")
    def _fit(self) -> Keepalived:
        found = []
        if (self.instance is None) == (self.group is None):
            found.append(fault((), "needs `instance` or `group`, not both: write the name in keepalived.conf"))
        if (self.interface is None) != (self.addresses is None):
            found.append(fault((), "needs both `interface` and `addresses`, or neither"))
        if found:
            raise_faults(found)
        return self


class Peer(Form):
    """The other director: the two compare what they see, and share what operators order."""

    address: PeerEndpoint = Field(description="Where it is asked. Default port 10588.")
    listen: PeerEndpoint = Field(description="Where it asks this one. Default port 10588.")
    key: Keys = Field(description="What both sign with; two while one replaces the other.")
    interval: Timing = Field(1.0, description="Between questions. Default 1s.")
    penalty: Maybe[Penalty] = Field(None, description="Taken from the priority of who sees less. Default 20.")

    @model_validator(mode="after")
    def _fit(self) -> Peer:
        found = []
        if self.address.address.version != self.listen.address.version:
            found.append(fault(("listen",), "must be of the family of `address`: both IPv4, or both IPv6"))
        if self.address == self.listen:
            found.append(fault(("address",), "is this director itself: write where the other one listens"))
        if found:
            raise_faults(found)
        return self


class Pair(Form):
    provider: Maybe[Provider] = Field(
        None, description="Whence the role: vrrp (default), keepalived on this host, manual (`lvsctl role`)."
    )
    standby: Maybe[Standby] = Field(
        None, description="A director that is not active has its table too (program, default), or none (idle)."
    )
    name: Maybe[Name] = Field(None, description="Of the one instance of `provider: manual`. Default pair.")
    instances: Maybe[Some[dict[Name, Instance]]] = Field(None, description="Virtual routers by name.")
    groups: Maybe[Some[dict[Name, Some[tuple[str, ...]]]]] = Field(None, description="Instances that move together.")
    announce: Maybe[Announce] = Field(None, description="How the network is told where the addresses are.")
    sync: Maybe[Sync] = Field(None, description="Connections are copied to the other director.")
    hooks: Maybe[Hooks] = Field(None, description="Programs that run when the role changes.")
    penalties: Maybe[PairPenalties] = Field(None, description="What services take from the priority.")
    keepalived: Maybe[Keepalived] = Field(None, description="For `provider: keepalived`.")
    peer: Maybe[Peer] = Field(None, description="The other director.")
