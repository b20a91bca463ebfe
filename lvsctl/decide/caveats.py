"""What an operator should know of an order, besides that it has been given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import in_words, members, ordered, orders
from lvsctl.model import PRIORITY_SCHEDULERS, Action, Override, Pool, Server, Service, Spec


def caveats(spec: Spec, ladder: Ladder, order: Override, overrides: Iterable[Override]) -> list[str]:
    """One line each. overrides: all that are in force, `order` included."""
    holds = orders(spec, overrides)
    found: list[str] = []
    for service, server in members(spec, order.subject):
        other = holds.get((service.key, server.key))
        if other is not None and other != order:
            found.append(f"{service.name}/{server.key} goes on as it is: it is {in_words(other)} ({other.subject})")
        elif order.action is Action.WEIGHT:
            found += _of_weight(service, server, order, ladder.scheduler(service))
        elif order.action is Action.DRAIN and service.attrs.persistence:
            found.append(
                f"{service.name} is persistent: clients that it remembers still go to {server.key}, unless the sysctl "
                "net.ipv4.vs.expire_quiescent_template is 1"
            )
    return list(dict.fromkeys(found))


def _of_weight(service: Service, server: Server, order: Override, scheduler: str | None) -> Iterator[str]:
    """Where the weight is the priority, another weight is another tier."""
    attrs = ordered(server.attrs, order)
    if scheduler not in PRIORITY_SCHEDULERS or attrs is None or attrs.weight == server.attrs.weight:
        return
    who = f"with {scheduler} the weight is the priority: {service.name}/{server.key}"
    if not attrs.weight:
        return
    peers = [pool.name for pool in service.pools if _has(pool, attrs.weight, but=server)]
    if peers:
        yield f"{who} now takes turns with the servers of weight {attrs.weight} (pool {', '.join(peers)})"
    elif attrs.weight > server.attrs.weight:
        yield f"{who} now takes connections before every server of a lower weight than {attrs.weight}"
    else:
        yield f"{who} now takes connections only when every server of a higher weight than {attrs.weight} is full"


def _has(pool: Pool, weight: int, *, but: Server) -> bool:
    return any(server.attrs.weight == weight and server.key != but.key for server in pool.servers)
