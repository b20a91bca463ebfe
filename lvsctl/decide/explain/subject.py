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

    A service is a name, `192.0.2.20:80`, `tcp 192.0.2.20:80` or `mark 20`; a server is an address, with its port where
    it takes that to tell it from another. Raises NoSuchSubject, naming the nearest.
    """
    first, slash, second = words.partition("/")
    service = _service(spec, first)
    return service, _server(service, second) if slash else None


def _service(spec: Spec, words: str) -> Service:
    if words in spec.services:
        return spec.services[words]
    found = [one for one in spec.services.values() if _names(words, one.key)]
    if not found:
        near = _nearest(words, list(spec.services)) or "`lvsctl status` lists them"
        raise NoSuchSubject(f"there is no service `{words[:60]}`: {near}")
    if len(found) > 1:
        raise NoSuchSubject(f"`{words}` is more than one service: {_listed([one.name for one in found])}; name one")
    return found[0]


def _names(words: str, key: ServiceKey) -> bool:
    return words == str(key) or (isinstance(key, AddressKey) and words == endpoint(key.address, key.port))


def _server(service: Service, words: str) -> Server:
    servers = [server for pool in service.pools for server in pool.servers]
    found = [one for one in servers if str(one.key) == words] or [one for one in servers if _is(one, words)]
    if not found:
        near = _nearest(words, [str(one.key) for one in servers]) or f"`lvsctl explain {service.name}` lists them"
        raise NoSuchSubject(f"there is no server `{words[:60]}` in {service.name}: {near}")
    if len(found) > 1:
        many = _listed([str(one.key) for one in found])
        raise NoSuchSubject(f"`{words}` is more than one server of {service.name}: {many}; name one")
    return found[0]


def _is(server: Server, words: str) -> bool:
    try:
        return server.key.address == ip_address(words)
    except ValueError:
        return False


def _nearest(words: str, known: Sequence[str]) -> str:
    near = get_close_matches(words, known, n=1)
    return f"did you mean `{near[0]}`?" if near else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
