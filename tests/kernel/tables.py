"""Tables that the kernel accepts, generated: every family, flag, threshold, forwarding method and tunnel."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from lvsctl.model import (
    Address,
    AddressKey,
    AddServer,
    AddService,
    Entry,
    Family,
    Forward,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Table,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sh", "mh", "sed", "nq", "fo", "ovf")

ports = st.integers(1, 65535)
v4 = st.integers(1, 254).map(lambda host: IPv4Address(f"10.77.0.{host}"))
v6 = st.integers(1, 0xFFFF).map(lambda host: IPv6Address(f"2001:db8::{host:x}"))
thresholds = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)).map(sorted)
flags = st.builds(lambda *chosen: ServiceFlag(sum(chosen)), *(st.sampled_from((0, int(flag))) for flag in ServiceFlag))


def addresses(family: Family) -> st.SearchStrategy[Address]:
    return v4 if family is Family.INET else v6


@st.composite
def service_keys(draw: st.DrawFn) -> ServiceKey:
    family = draw(st.sampled_from(Family))
    if draw(st.booleans()):
        return MarkKey(family, draw(st.integers(1, 2**31 - 1)))  # ipvsadm shows higher ones as negative
    return AddressKey(draw(addresses(family)), draw(ports), draw(st.sampled_from(Protocol)))


@st.composite
def service_attrs(draw: st.DrawFn, family: Family) -> ServiceAttrs:
    length = 32 if family is Family.INET else 128
    persistence = draw(st.just(0) | st.integers(1, 31 * 86400))  # ipvsadm's own limit
    return ServiceAttrs(
        scheduler=draw(st.sampled_from(SCHEDULERS)),
        flags=draw(flags),
        persistence=persistence,
        persistence_prefix=draw(st.integers(1, length)) if persistence else length,
        persistence_engine=draw(st.sampled_from(("", "sip"))) if persistence else "",
    )


tunnels = st.one_of(
    st.just(Tunnel()),
    st.builds(Tunnel, st.just(TunnelType.GUE), ports, st.sampled_from(TunnelChecksum)),
    st.builds(
        Tunnel, st.just(TunnelType.GRE), st.just(0), st.sampled_from((TunnelChecksum.NONE, TunnelChecksum.CHECKSUM))
    ),
)


@st.composite
def real_attrs(draw: st.DrawFn, forwards: tuple[Forward, ...]) -> RealAttrs:
    forward = draw(st.sampled_from(forwards))
    lower, upper = draw(thresholds)
    tunnel = draw(tunnels) if forward is Forward.TUNNEL else Tunnel()
    return RealAttrs(forward, draw(st.integers(0, 2**31 - 1)), upper, lower, tunnel)


@st.composite
def reals(draw: st.DrawFn, service: ServiceKey) -> tuple[RealKey, RealAttrs]:
    """A server for the service: of its own family, or of any in a tunnel; with a port of its own only behind NAT."""
    family = draw(st.sampled_from(Family))
    same = family is service.family
    forwards = (Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL) if same else (Forward.TUNNEL,)
    attrs = draw(real_attrs(forwards))
    port = 0 if isinstance(service, MarkKey) else service.port
    if port and attrs.forward is Forward.MASQUERADE:
        port = draw(ports)
    return RealKey(draw(addresses(family)), port), attrs


@st.composite
def tables(draw: st.DrawFn, max_services: int = 8, max_servers: int = 6) -> Table:
    table: dict[ServiceKey, Entry] = {}
    for service in draw(st.lists(service_keys(), max_size=max_services, unique=True)):
        servers = dict(draw(st.lists(reals(service), max_size=max_servers, unique_by=lambda row: row[0])))
        table[service] = Entry(draw(service_attrs(service.family)), servers)
    return table


def adding(table: Table) -> list[Op]:
    """The operations that make `table` from nothing."""
    ops: list[Op] = []
    for service, entry in table.items():
        ops.append(AddService(service, entry.attrs))
        ops += [AddServer(service, server, attrs) for server, attrs in entry.servers.items()]
    return ops
