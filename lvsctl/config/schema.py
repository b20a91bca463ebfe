"""The grammar of conf.d: which keys may stand where, and what each may hold.

One model a mapping. What needs more than one mapping to be judged (names, order of weights, ports of other levels) is
judged in compile. To add a key: a field here, its use in compile, a good and a bad file in tests/config/testdata.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Strict, model_validator

from lvsctl.config.alerts import Alerts
from lvsctl.config.check import Checks, Grammar, OneCheck, Timings
from lvsctl.config.faults import fault, raise_faults
from lvsctl.config.fields import (
    Boolean,
    CheckName,
    Directory,
    Endpoint,
    Form,
    Listener,
    Mark,
    Maybe,
    Name,
    Netmask,
    OrText,
    Pause,
    Percent,
    Persistence,
    Port,
    Scheduler,
    ServerName,
    Share,
    Some,
    Threshold,
    Timing,
    Weight,
)
from lvsctl.config.pair import Pair, ServicePenalties
from lvsctl.model import Compat, Family, OnDown, OnExit, Protocol, SchedulerUpgrade, TunnelChecksum, TunnelType


class Thresholds(Form):
    """Connections at which a server is full, and below which it takes new ones again."""

    upper: Maybe[Threshold] = Field(None, description="Full at this many connections; 0: never.")
    lower: Maybe[Threshold] = Field(None, description="Takes new ones again below this; 0: three quarters of upper.")

    @model_validator(mode="after")
    def _fit(self) -> Thresholds:
        upper, lower = self.upper or 0, self.lower or 0
        if lower and not upper:
            raise_faults([fault(("lower",), "`lower` does nothing without `upper`: add `upper`, or remove `lower`")])
        if lower > upper:
            raise_faults([fault(("lower",), f"`lower` ({lower}) is above `upper` ({upper}): lower it")])
        return self


class Tunnel(Form):
    type: TunnelType = Field(TunnelType.IPIP, description="Encapsulation.")
    port: Maybe[Port] = Field(None, description="UDP port of the real server, for gue.")
    checksum: TunnelChecksum = Field(TunnelChecksum.NONE, description="Of the outer header, for gue and gre.")

    @model_validator(mode="after")
    def _fit(self) -> Tunnel:
        found = []
        if self.type is TunnelType.GUE and not self.port:
            found.append(fault((), "a gue tunnel needs its UDP port: add `port`"))
        if self.type is not TunnelType.GUE and self.port:
            found.append(fault(("port",), "only a gue tunnel has a port: remove it, or write `type: gue`"))
        if self.type is TunnelType.IPIP and self.checksum is not TunnelChecksum.NONE:
            found.append(
                fault(("checksum",), "an ipip tunnel has no checksum: remove it, or write `type: gue` or `type: gre`")
            )
        if self.type is TunnelType.GRE and self.checksum is TunnelChecksum.REMOTE:
            found.append(fault(("checksum",), "`remote` is for gue only: write `checksum: checksum`"))
        if found:
            raise_faults(found)
        return self


class Inherited(Form):
    """What a server takes from the nearest level that says it: server, pool, service, defaults."""

    check: Maybe[Checks] = Field(None, description="A check, its name, a list (all must pass), or none.")
    thresholds: Maybe[Thresholds] = Field(None, description="Connection thresholds of each server.")
    forward: Maybe[Literal["masquerade", "route", "tunnel"]] = Field(
        None, description="How packets reach a server. Default route."
    )
    tunnel: Maybe[Tunnel] = Field(None, description="Encapsulation, with `forward: tunnel`.")


class Capacity(Form):
    """When a pool is said to be nearly full."""

    share: Percent = Field(description="Of the upper thresholds of its servers: 80%.")
    for_: Timing = Field(alias="for", description="How long it must hold so many connections: 5m.")


class Policy(Form):
    """What a service takes from the defaults."""

    scheduler: Maybe[Scheduler] = Field(None, description="Scheduler of the kernel. Default wlc.")
    scheduler_fallback: Maybe[Scheduler] = Field(
        None, description="Used where the kernel lacks the scheduler; none: refuse. Default fo for hprio, else none."
    )
    scheduler_upgrade: Maybe[SchedulerUpgrade] = Field(
        None, description="When a scheduler that appears takes its fallback's place: at a reload (default), or auto."
    )
    persistent: Maybe[Persistence] = Field(None, description="A client stays with its server this long; 0s: not.")
    persistence_netmask: Maybe[Netmask] = Field(None, description="Clients of one such prefix stay together.")
    on_down: Maybe[OnDown] = Field(None, description="What becomes of a server that is down. Default remove.")
    on_exit: Maybe[OnExit] = Field(None, description="What becomes of the service when lvsctl stops. Default keep.")
    slow_start: Maybe[Pause] = Field(
        None,
        description="A server that has come up gets its weight little by little in this time; 0s: at once (default).",
    )
    drain_timeout: Maybe[Pause] = Field(
        None,
        description="A server that is drained, quiesced or stands by leaves the table once it has no connections, or "
        "after this time with those that it has; 0s: it stays (default; one that stands by leaves when it has none).",
    )
    capacity_warning: Maybe[Capacity] = Field(None, description="When a pool is said to be nearly full. Default never.")
    spill_quiet: Maybe[Pause] = Field(
        None,
        description="A spill, or a shortage of room, is told to be over after so long; one that comes again sooner "
        "goes on. Default 10s.",
    )
    floor: Maybe[Share] = Field(None, description="Servers of the last pool (2, or 50%) that checks may not take out.")


class Server(Inherited):
    name: Maybe[ServerName] = Field(None, description="For people and commands; unique within its service.")
    address: Endpoint = Field(description="Address, or address and port.")
    port: Maybe[Port] = Field(None, description="Default: the service's port.")
    weight: Maybe[Weight] = Field(None, description="Default: the pool's weight.")


def _server(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"address": value}
    raise ValueError("must be an address, such as 10.0.0.1 or 10.0.0.1:80, or a mapping with `address`")


Servers: TypeAlias = Some[tuple[Annotated[Server, BeforeValidator(_server), OrText()], ...]]


class Pool(Inherited):
    weight: Maybe[Weight] = Field(None, description="Of each server. Default: 1 for the lowest pool, more above.")
    floor: Maybe[Share] = Field(None, description="Servers (2, or 50%) that checks may not take out. Default 0.")
    servers: Servers = Field(description="Addresses, or mappings.")


FlagName: TypeAlias = Literal["sched-1", "sched-2", "sched-3", "sh-fallback", "sh-port", "mh-fallback", "mh-port"]


class Service(Inherited, Policy):
    address: Maybe[Endpoint] = Field(None, description='Virtual address and port: 192.0.2.1:80, "[2001:db8::1]:80".')
    mark: Maybe[Mark] = Field(None, description="Firewall mark, instead of an address.")
    family: Maybe[Family] = Field(None, description="Of a firewall-mark service. Default: that of its servers.")
    protocol: Maybe[Protocol] = Field(None, description="Default tcp.")
    flags: Maybe[tuple[FlagName, ...]] = Field(None, description="Scheduler flags.")
    one_packet: Maybe[Boolean] = Field(None, description="Schedule every datagram by itself (udp).")
    persistence_engine: Maybe[Literal["sip"]] = Field(None, description="Persistence by more than the address.")
    penalty: Maybe[ServicePenalties] = Field(
        None, description="What it takes from the priority of this director. Default: `pair.penalties`."
    )
    pools: Maybe[Some[dict[Name, Pool]]] = Field(None, description="Highest priority first.")
    servers: Maybe[Servers] = Field(None, description="Instead of pools.")


class Defaults(Inherited, Policy, Timings):
    pass


class Suspect(Form):
    """When this director suspects itself, and takes no server out for a while."""

    services: Maybe[Annotated[int, Strict(), Field(ge=2, le=1000)]] = Field(
        None, description="Unrelated services that must fail together. Default 3."
    )
    share: Maybe[Percent] = Field(None, description="More than this share of all servers must fail. Default 50%.")
    hold: Maybe[Timing] = Field(None, description="Takes no server out for this long. Default 60s.")


class Guard(Form):
    """How much checks alone may take away at once."""

    suspect: Maybe[Suspect] = Field(None, description="When this director suspects itself and not the servers.")
    canary: Maybe[Checks] = Field(
        None, description="Checks, each with an `address`, of what is no server: if one passes, this director is well."
    )
    max_removed: Maybe[Share] = Field(
        None, description="Servers (2, or 50%) that checks may take out within one period. Default 50%, of 4 or more."
    )


class Global(Form):
    period: Maybe[Timing] = Field(None, description="Time between two rounds. Default 5s.")
    maintenance: Maybe[Directory] = Field(
        None, description="A directory: servers that its files are named after are drained."
    )


def _listeners(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Metrics(Form):
    listen: Maybe[Annotated[Some[tuple[Listener, ...]], BeforeValidator(_listeners), OrText()]] = Field(
        None, description="Where Prometheus finds /metrics: 127.0.0.1:10587, or a list. Default: on the socket only."
    )
    compat: Maybe[tuple[Compat, ...]] = Field(
        None, description="Also the names of these programs, for dashboards that know them. Default none."
    )

    @model_validator(mode="after")
    def _fit(self) -> Metrics:
        found = []
        for index, one in enumerate(listen := self.listen or ()):
            twice = next((other for other in listen[:index] if other.overlaps(one)), None)
            if twice is not None:
                message = f"`{one}` and `{twice}` want the same port: remove one of them"
                found.append(fault(("listen", index), message))
        if found:
            raise_faults(found)
        return self


class Conf(Form):
    """One file of conf.d."""

    services: Maybe[dict[Name, Service]] = Field(None, description="Virtual services by name.")
    checks: Maybe[dict[CheckName, OneCheck]] = Field(None, description="Checks, to be used by name.")
    defaults: Maybe[Defaults] = Field(None, description="For everything that does not say otherwise.")
    alerts: Maybe[Alerts] = Field(None, description="Who is told of what.")
    guard: Maybe[Guard] = Field(None, description="How much checks alone may take away at once.")
    global_: Maybe[Global] = Field(None, alias="global", description="For the program.")
    metrics: Maybe[Metrics] = Field(None, description="For Prometheus.")
    pair: Maybe[Pair] = Field(None, description="The pair that this director is one of.")


def parse(data: Any, kinds: Grammar) -> Conf:
    """Raises ValidationError with every mistake; `wording` puts it into words."""
    return Conf.model_validate(data, context=kinds)
