"""Why a service stands as it does."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.explain import links, load
from lvsctl.decide.explain.evidence import Evidence, Explanation, Link
from lvsctl.decide.table import service_changes
from lvsctl.model import Pool, Service


def explain_service(evidence: Evidence, service: Service) -> Explanation:
    """The chain ends with a link for every server."""
    found, why = links.standing(evidence, service)
    answer = f"{service.name} ({service.key}) is {found}" + (f": {why}" if why else "")
    return Explanation(service.name, answer, (*_links(evidence, service), *_servers(evidence, service)))


def _links(evidence: Evidence, service: Service) -> Iterator[Link]:
    yield Link("configuration", _configuration(service))
    yield links.scheduler(evidence, service)
    yield links.pools(evidence, service)
    yield from load.of_service(evidence, service)
    for pool in service.pools:
        yield Link(f"pool {pool.name}", _pool(evidence, service, pool))
    limited = any(server.attrs.upper for pool in service.pools for server in pool.servers)
    yield from links.soft_thresholds(service, limited=limited)
    yield from links.withheld(evidence, service, None)
    yield from links.role(evidence)
    yield from links.refused(evidence, service, None)
    yield Link("kernel", _kernel(evidence, service))


def _configuration(service: Service) -> str:
    words = [f"scheduler {service.attrs.scheduler}", f"scheduler_fallback {service.fallback or 'none'}"]
    if service.fallback is not None:
        words.append(f"scheduler_upgrade {service.upgrade}")
    if service.attrs.persistence:
        words.append(f"persistent {service.attrs.persistence}s")
    return ", ".join([*words, f"on_down {service.on_down}", f"on_exit {service.on_exit}"])


def _pool(evidence: Evidence, service: Service, pool: Pool) -> str:
    attrs = [evidence.found(service.key, server.key) for server in pool.servers]
    alive = sum(found is not None and found.weight > 0 for found in attrs)
    floor = f"; checks alone leave at least {pool.floor} (floor)" if pool.floor else ""
    return f"{alive} of {len(pool.servers)} servers take new connections{floor}"


def _kernel(evidence: Evidence, service: Service) -> str:
    found, wanted = evidence.have.get(service.key), evidence.wanted(service.key)
    if found is None:
        return "the service is not in the table"
    changes = ", ".join(service_changes(found.attrs, wanted.attrs)) if wanted is not None else ""
    return f"has it with scheduler {found.attrs.scheduler}" + (f"; a round changes it: {changes}" if changes else "")


def _servers(evidence: Evidence, service: Service) -> Iterator[Link]:
    """That its checks pass is no reason for a server to be out of the table: that its service is not made is one."""
    found, _ = links.standing(evidence, service)
    unmade = f"the service is {found}" if found in links.UNMADE else ""
    for pool in service.pools:
        for server in pool.servers:
            out = unmade if evidence.found(service.key, server.key) is None else ""
            reasons = "; ".join(filter(None, (out, evidence.why(service.key, server.key))))
            where = links.place(evidence, service, server.key)
            yield Link(str(server.key), f"{where}: {reasons}" if reasons else where)
