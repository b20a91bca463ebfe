"""What an operator means to drain, disable or weight: words -> subject."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from lvsctl.decide.explain.subject import NoSuchSubject, listed, nearest, service_named, spellings
from lvsctl.model import (
    MAX_WEIGHT,
    Address,
    NewWeight,
    OverrideSubject,
    PoolSubject,
    RealKey,
    Server,
    ServerSubject,
    Service,
    Spec,
)

MOST_PERCENT = 1000


def meant(spec: Spec, words: str) -> OverrideSubject:
    """SERVER, SERVICE/SERVER or SERVICE/POOL.

    A server is an address (with every port that it has), an address and a port, or its name in conf.d; without a
    service, it is that server wherever it is. A service is named as `lvsctl explain` takes it. Raises NoSuchSubject,
    naming the nearest.
    """
    first, slash, second = words.partition("/")
    return _in_service(service_named(spec, first), second) if slash else _anywhere(spec, words)


def _in_service(service: Service, words: str) -> OverrideSubject:
    if any(pool.name == words for pool in service.pools):
        return PoolSubject(service.name, words)
    servers = [server for pool in service.pools for server in pool.servers]
    for server in servers:
        if server.name and server.name == words:
            return ServerSubject(service.name, server.key.address, server.key.port)
    at = place(words)
    if at is not None and any(_is(server.key, at) for server in servers):
        return ServerSubject(service.name, *at)
    known = [*(pool.name for pool in service.pools), *spellings(servers)]
    near = nearest(words, known) or f"`lvsctl explain {service.name}` lists them"
    raise NoSuchSubject(f"there is no server or pool `{words[:60]}` in {service.name}: {near}")


def _anywhere(spec: Spec, words: str) -> OverrideSubject:
    found = server_anywhere(spec, words)
    if found is not None:
        return found
    if words in spec.services:
        service = spec.services[words]
        example = f"{service.name}/{service.pools[0].name}"
        raise NoSuchSubject(f"`{words}` is a service: name one of its servers, or a pool of it, such as {example}")
    near = nearest(words, list(spellings(server for _, server in _everyone(spec)))) or "`lvsctl status` lists them"
    raise NoSuchSubject(f"there is no server `{words[:60]}`: {near}")


def server_anywhere(spec: Spec, words: str) -> ServerSubject | None:
    """The server of that name or at that place; raises NoSuchSubject if more than one has the name."""
    everyone = list(_everyone(spec))
    named = {server.key: f"{service.name}/{server.key}" for service, server in everyone if server.name == words != ""}
    if len(named) > 1:
        raise NoSuchSubject(f"`{words}` is the name of more than one server: {listed(list(named.values()))}; name one")
    for key in named:
        return ServerSubject(None, key.address, key.port)
    at = place(words)
    known = at is not None and any(_is(server.key, at) for _, server in everyone)
    return ServerSubject(None, *at) if at is not None and known else None


def _everyone(spec: Spec) -> Iterator[tuple[Service, Server]]:
    for service in spec.services.values():
        for pool in service.pools:
            for server in pool.servers:
                yield service, server


def _is(key: RealKey, at: tuple[Address, int | None]) -> bool:
    address, port = at
    return key.address == address and port in (None, key.port)


def place(words: str) -> tuple[Address, int | None] | None:
    """`10.0.0.1`, `10.0.0.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; None for anything else."""
    host, port = words, ""
    if words.startswith("["):
        host, _, rest = words[1:].partition("]")
        port = rest[1:]
        if rest and not (rest[0] == ":" and port):
            return None
    elif words.count(":") == 1:
        host, _, port = words.partition(":")
        if not port:
            return None
    if port and not (port.isascii() and port.isdigit()):
        return None
    try:
        return ip_address(host), int(port) if port else None
    except ValueError:
        return None


def weight_meant(words: str) -> NewWeight:
    """`10`, or `50%` of what is configured; raises ValueError with the reason."""
    digits = words.removesuffix("%")
    percent = digits != words
    most = MOST_PERCENT if percent else MAX_WEIGHT
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_WEIGHT)) and int(digits) <= most):
        raise ValueError(
            f"`{words[:60]}` is not a weight: write a number up to {MAX_WEIGHT}, or a share of the configured one, "
            f"up to {MOST_PERCENT}%"
        )
    return NewWeight(int(digits), percent)
