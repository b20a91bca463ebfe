"""Which service or server an operator's words mean."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from ipaddress import ip_address

from lvsctl.errors import LvsctlError
from lvsctl.model import AddressKey, Server, Service, ServiceKey, Spec, endpoint


class NoSuchSubject(LvsctlError):
    """Nothing, or more than one thing, is called so."""


def find(spec: Spec, words: str) -> tuple[Service, Server | None]:
    """SERVICE or SERVICE/SERVER.

    A service is a name, `192.0.2.20:80`, `tcp 192.0.2.20:80` or `mark 20`; a server is a name, or an address, with its
    port where it takes that to tell it from another. Raises NoSuchSubject, naming the nearest.
    """
    first, slash, second = words.partition("/")
    service = service_named(spec, first)
    return service, _server(service, second) if slash else None


def service_named(spec: Spec, words: str) -> Service:
    """The service that these words mean; raises NoSuchSubject."""
    if words in spec.services:
        return spec.services[words]
    found = [one for one in spec.services.values() if _names(words, one.key)]
    if not found:
        near = nearest(words, list(spec.services)) or "`lvsctl status` lists them"
        raise NoSuchSubject(f"there is no service `{words[:60]}`: {near}")
    if len(found) > 1:
        raise NoSuchSubject(f"`{words}` is more than one service: {listed([one.name for one in found])}; name one")
    return found[0]


def _names(words: str, key: ServiceKey) -> bool:
    return words == str(key) or (isinstance(key, AddressKey) and words == endpoint(key.address, key.port))


def _server(service: Service, words: str) -> Server:
    servers = [server for pool in service.pools for server in pool.servers]
    exact = [one for one in servers if words and words in (str(one.key), one.name)]
    found = exact or [one for one in servers if _is(one, words)]
    if not found:
        near = (
            nearest(words, [name for one in servers for name in (str(one.key), one.name)])
            or f"`lvsctl explain {service.name}` lists them"
        )
        raise NoSuchSubject(f"there is no server `{words[:60]}` in {service.name}: {near}")
    if len(found) > 1:
        many = listed([str(one.key) for one in found])
        raise NoSuchSubject(f"`{words}` is more than one server of {service.name}: {many}; name one")
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
    """The names, each as one may be typed."""
    return ", ".join(f"`{name}`" for name in names)
