"""Which service or server an operator's words mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from ipaddress import ip_address

from lvsctl.errors import LvsctlError
from lvsctl.model import AddressKey, Server, Service, ServiceKey, Spec, endpoint

SHOWN = 6  # names that one line lists


class NoSuchSubject(LvsctlError):
    """Nothing, or more than one thing, is called so."""


def find(spec: Spec, words: str) -> tuple[Service, Server | None]:
    """SERVICE, SERVICE/SERVER, or SERVER where only one service has it.

    A service is a name, `192.0.2.20:80`, `tcp 192.0.2.20:80` or `mark 20`; a server is a name, or an address, with its
    port where it takes that to tell it from another. Raises NoSuchSubject, naming the nearest.
    """
    first, slash, second = words.partition("/")
    if slash:
        service = service_named(spec, first)
        return service, _server(service, second)
    if services_named(spec, words):
        return service_named(spec, words), None
    return _anywhere(spec, words)


def services_named(spec: Spec, words: str) -> list[Service]:
    """All that these words may mean."""
    if words in spec.services:
        return [spec.services[words]]
    return [one for one in spec.services.values() if _names(words, one.key)]


def service_named(spec: Spec, words: str) -> Service:
    """The service that these words mean; raises NoSuchSubject."""
    found = services_named(spec, words)
    if not found:
        near = nearest(words, list(spec.services)) or "`lvsctl status` lists them"
        raise NoSuchSubject(f"there is no service `{words[:60]}`: {near}")
    if len(found) > 1:
        raise NoSuchSubject(f"`{words}` is more than one service: {listed([one.name for one in found])}; name one")
    return found[0]


def nothing_called(spec: Spec, words: str) -> NoSuchSubject:
    """What to say where neither a service nor a server is meant."""
    servers = [server for service in spec.services.values() for pool in service.pools for server in pool.servers]
    near = nearest(words, [*spec.services, *spellings(servers)]) or "`lvsctl status` lists them"
    return NoSuchSubject(f"there is no service or server `{words[:60]}`: {near}")


def spellings(servers: Iterable[Server]) -> Iterator[str]:
    """Whatever these servers are called."""
    for server in servers:
        yield from (server.name, str(server.key), str(server.key.address))


def _names(words: str, key: ServiceKey) -> bool:
    return words == str(key) or (isinstance(key, AddressKey) and words == endpoint(key.address, key.port))


def _server(service: Service, words: str) -> Server:
    servers = [server for pool in service.pools for server in pool.servers]
    exact = [one for one in servers if words and words in (str(one.key), one.name)]
    found = exact or [one for one in servers if _is(one, words)]
    if len(found) == 1:
        return found[0]
    if found:
        many = listed([str(one.key) for one in found])
        raise NoSuchSubject(f"`{words}` is more than one server of {service.name}: {many}; name one")
    pool = next((pool for pool in service.pools if pool.name == words), None)
    if pool is not None:
        way_out = f"name the service, or one of its servers, such as {service.name}/{pool.servers[0].key}"
        raise NoSuchSubject(f"`{words}` is a pool of {service.name}: {way_out}")
    near = nearest(words, list(spellings(servers))) or f"`lvsctl explain {service.name}` lists them"
    raise NoSuchSubject(f"there is no server `{words[:60]}` in {service.name}: {near}")


def _anywhere(spec: Spec, words: str) -> tuple[Service, Server]:
    servers = [(one, server) for one in spec.services.values() for pool in one.pools for server in pool.servers]
    exact = [(service, one) for service, one in servers if words and words in (str(one.key), one.name)]
    found = exact or [(service, one) for service, one in servers if _is(one, words)]
    if not found:
        raise nothing_called(spec, words)
    if len(found) > 1:
        many = listed([f"{service.name}/{one.key}" for service, one in found])
        raise NoSuchSubject(f"`{words}` is there more than once: {many}; name one")
    return found[0]


def _is(server: Server, words: str) -> bool:
    try:
        return server.key.address == ip_address(words)
    except ValueError:
        return False


def nearest(words: str, known: Sequence[str]) -> str:
    """`did you mean …?`, "" where nothing is near."""
    near = get_close_matches(words, [name for name in known if name], n=1)
    return f"did you mean `{near[0]}`?" if near else ""


def listed(names: Sequence[str]) -> str:
    """The names, each as one may be typed; of many only some."""
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*(f"`{name}`" for name in names[:SHOWN]), *more])
