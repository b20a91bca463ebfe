"""What an operator wants to look back on: words -> what a record has to be about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lvsctl.decide.explain.subject import NoSuchSubject, nothing_called, service_named, services_named
from lvsctl.decide.override_subject import meant, place, server_anywhere
from lvsctl.decide.overrides import members
from lvsctl.model import PoolSubject, ServerSubject, Spec


@dataclass(frozen=True, slots=True)
class About:
    """service, pool, server: as records name them, "" for any; server may be an address without its port.

    servers: of the service now. pools: SERVICE/POOL of those that the server is in now. An order about a server
    wherever it is names no service, and one about a pool names no server: they are about these all the same.
    """

    service: str = ""
    pool: str = ""
    server: str = ""
    servers: frozenset[str] = frozenset()
    pools: frozenset[str] = frozenset()

    def tells(self, *, service: str, pool: str, server: str, order: str) -> bool:
        """Whether a record about these is one of those. order: the subject of the order that it is of, else ""."""
        if order:
            return self._is_ordered(order)
        if self.service not in ("", service):
            return False
        if self.server:
            return _means(server, self.server)
        return not self.pool or (self.pool == pool and not server)

    def _is_ordered(self, order: str) -> bool:
        service, _, member = order.rpartition("/")
        if self.server:
            here = not self.service or service in ("", self.service)
            return order in self.pools or (here and (_means(member, self.server) or _means(self.server, member)))
        if self.pool:
            return (service, member) == (self.service, self.pool)
        return service == self.service or (not service and any(_means(one, member) for one in self.servers))


def _means(server: str, words: str) -> bool:
    return server == words or server.rpartition(":")[0].strip("[]") == words


def about(spec: Spec, words: str, is_known: Callable[[About], bool]) -> About:
    """SERVICE, SERVER, SERVICE/SERVER or SERVICE/POOL, as `lvsctl drain` takes them.

    is_known: whether there is anything about it; so what has left conf.d is found as long as something is known of it.
    Raises NoSuchSubject, naming the nearest.
    """
    try:
        return _there(spec, words)
    except NoSuchSubject:
        for one in _gone(words):
            if is_known(one):
                return one
        raise


def _there(spec: Spec, words: str) -> About:
    if "/" in words:
        subject = meant(spec, words)
    elif services_named(spec, words):
        service = service_named(spec, words)
        servers = frozenset(str(server.key) for pool in service.pools for server in pool.servers)
        return About(service.name, servers=servers)
    else:
        found = server_anywhere(spec, words)
        if found is None:
            raise nothing_called(spec, words)
        subject = found
    match subject:
        case PoolSubject(name, pool):
            return About(name, pool)
        case ServerSubject(name, _, _):
            server = str(replace(subject, service=None))
            return About(name or "", server=server, pools=_pools(spec, subject))


def _pools(spec: Spec, subject: ServerSubject) -> frozenset[str]:
    found = members(spec, subject)
    return frozenset(
        f"{service.name}/{pool.name}" for service, server in found for pool in service.pools if server in pool.servers
    )


def _gone(words: str) -> tuple[About, ...]:
    """What the words may have meant."""
    service, slash, member = words.partition("/")
    found = place(member if slash else words)
    server = str(ServerSubject(None, *found)) if found is not None else ""
    if not slash:
        return (About(words), About(server=server)) if server else (About(words),)
    return (About(service, server=server),) if server else (About(service, pool=member),)
