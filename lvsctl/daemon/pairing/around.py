"""What the pair knows of the rest of the daemon, and how it is put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsctl.daemon.pairing.pairing import Pairing
from lvsctl.daemon.pairing.providers import Providers
from lvsctl.daemon.peer.sight import Sight
from lvsctl.daemon.peer.watch import PeerWatch
from lvsctl.decide import syncing
from lvsctl.decide.condition import Scene
from lvsctl.model import InstanceStanding, PairSpec

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon


def pairing_of(daemon: Daemon, spec: PairSpec | None, providers: Providers | None) -> Pairing:
    """providers: None for those on the kernel's ground."""
    return Pairing(
        spec,
        providers or Providers(daemon.state.directory),
        ipvs=daemon.ipvs,
        tell=daemon.tell,
        wake=daemon.world.wake.set,
        left=lambda: syncing.left(daemon.world.spec),
        lowering=daemon.peer.lowering,
    )


def peer_of(daemon: Daemon) -> PeerWatch:
    """It asks for the roles only when it has begun, and then the pairing is there."""

    def standing() -> tuple[InstanceStanding, ...]:
        view = daemon.pairing.view()
        instances = view.instances if view is not None else ()
        return tuple(InstanceStanding(one.name, one.role, one.priority) for one in instances)

    def obey() -> None:
        daemon.overrides.say_idle(daemon.world.spec)
        daemon.world.order(daemon.overrides.in_force())

    return PeerWatch(
        Sight(daemon.world, states=lambda: daemon.last.states, instances=standing),
        daemon.overrides,
        tell=daemon.tell,
        clock=daemon.clock,
        wake=daemon.world.wake.set,
        obey=obey,
        lag=daemon.lag.worst,
    )


def scene(daemon: Daemon) -> Scene:
    """What the priority goes by, as the newest round left it."""
    world, done = daemon.world, daemon.last.round
    assert done is not None  # noqa: S101 - who judges has had one
    return Scene(
        world.spec,
        world.health,
        daemon.last.states,
        done.decision.desired.orders,
        frozenset(load.name for load in world.spill.values() if load.spilling),
        frozenset(world.names[step.op.service] for step, _ in done.refused if step.op.service in world.names),
        daemon.pairing.resting,
    )
