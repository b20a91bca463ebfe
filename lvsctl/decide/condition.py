"""How services stand, as far as the choice of a director goes: by what their checks say, not by what was ordered.

An operator who drains a service means this service and not the director: what he takes out moves no address. While a
director suspects itself its table stays as it is, but its priority goes by what it sees: where it alone is blind the
other one takes over, and where everything is down for both of them, both offer as much less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lvsctl.decide.health import Standing, standing
from lvsctl.decide.overrides import NO_ORDERS, Orders, gets_nothing
from lvsctl.decide.priority import FREE
from lvsctl.model import (
    CheckId,
    Condition,
    Health,
    Penalties,
    Pool,
    Server,
    Service,
    ServiceState,
    Spec,
)

_ALIVE = frozenset({Standing.UP, Standing.PRESUMED})


@dataclass(frozen=True, slots=True)
class Scene:
    """What is judged. states: as the newest round left the services, by name; spilling: names of those that spill.

    refused: names of those of which the kernel refused something in that round. resting: this director keeps no table
    while it is not active, so the states say nothing of how it would serve.
    """

    spec: Spec
    health: Mapping[CheckId, Health]
    states: Mapping[str, ServiceState]
    orders: Orders = field(default_factory=lambda: NO_ORDERS)
    spilling: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    resting: bool = False


def conditions(scene: Scene, penalties: Mapping[str, Penalties]) -> dict[str, Condition]:
    """By name. A service that waits for its first answers has no condition: nothing is known of it."""
    found = {
        name: _condition(scene, service, penalties.get(name, FREE)) for name, service in scene.spec.services.items()
    }
    return {name: condition for name, condition in found.items() if condition is not None}


def _condition(scene: Scene, service: Service, penalties: Penalties) -> Condition | None:
    """Of several that hold at once the dearest, and of those that cost the same the worst."""
    state = scene.states.get(service.name, ServiceState.WAITING)
    refused = state is ServiceState.REFUSED or (state is not ServiceState.OK and service.name in scene.refused)
    if state is ServiceState.WAITING and not (refused or scene.resting):
        return None
    holding = {Condition.OK, *_by_checks(scene, service)}
    if refused:
        holding.add(Condition.DOWN)
    if service.name in scene.spilling:
        holding.add(Condition.SPILLING)
    order = list(Condition)
    return max(holding, key=lambda one: (penalties.of(one), order.index(one)))


def _by_checks(scene: Scene, service: Service) -> Iterable[Condition]:
    """What the servers say that nobody has ordered away."""
    pools = [_counted(scene, service, pool) for pool in service.pools]
    stands = [[standing(server.checks, scene.health) for server in servers] for servers in pools]
    if stands and Standing.DOWN in stands[0]:
        yield Condition.DEGRADED
    everybody = [one for pool in stands for one in pool]
    if Standing.DOWN in everybody and not _ALIVE.intersection(everybody):
        yield Condition.DOWN


def _counted(scene: Scene, service: Service, pool: Pool) -> list[Server]:
    """Who would take connections but for the checks."""
    orders = scene.orders
    return [server for server in pool.servers if not gets_nothing(server, orders.get((service.key, server.key)))]
