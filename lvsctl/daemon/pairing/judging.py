"""What of the daemon its priority in the pair goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsctl.decide.condition import Scene

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon


def scene(daemon: Daemon) -> Scene:
    """As the newest round left it."""
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
