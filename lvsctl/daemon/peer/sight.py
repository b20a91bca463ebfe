"""What this director sees, ready to be told and to be compared; put into words again only when it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lvsctl.daemon.world import World
from lvsctl.decide.opinion import Digest
from lvsctl.decide.verdicts import Roll, letters, roll_of, unasked, verdicts
from lvsctl.model import InstanceStanding, Server, ServiceState, Spec

SPILLING = "spilling"


@dataclass(frozen=True, slots=True)
class Told:
    """letters: of `Roll.servers`. verdicts: the same by service and server."""

    roll: Roll
    letters: str
    verdicts: Mapping[tuple[str, str], bool]


class Sight:
    """states: how each service stood in the newest round, by name. instances: how this director stands in the pair."""

    def __init__(
        self,
        world: World,
        *,
        states: Callable[[], Mapping[str, ServiceState]],
        instances: Callable[[], tuple[InstanceStanding, ...]],
    ) -> None:
        self.world = world
        self.instances = instances
        self._states = states
        self._spec: Spec | None = None
        self._turned = -1
        self._told = Told(Roll({}, ()), "", {})
        self._servers: dict[tuple[str, str], Server] = {}

    def told(self) -> Told:
        """The verdicts; the same object as before while none has changed."""
        world = self.world
        if self._spec is not world.spec:
            self._spec, self._turned = world.spec, -1
            roll = roll_of(world.spec)
            self._pairs = roll.pairs
            self._servers = dict(zip(self._pairs, roll.servers, strict=True))
            self._told = Told(roll, "", {})
        if self._turned != world.turned:
            self._turned = world.turned
            said = letters(self._told.roll, world.health)
            if said != self._told.letters:
                self._told = Told(self._told.roll, said, verdicts(self._pairs, said))
        return self._told

    def server(self, service: str, server: str) -> Server | None:
        """Of these names, as `told` has them."""
        return self._servers.get((service, server))

    @property
    def blind(self) -> str:
        """Why this director does not trust its own eyes, "" if it does."""
        suspicion = self.world.trust.suspicion
        return suspicion.why if suspicion is not None else unasked(self.world.spec, self.world.health)

    def digest(self) -> Digest:
        return Digest(self.blind, self.told().verdicts)

    def services(self) -> dict[str, str]:
        """How each service stands: a ServiceState's word, or `spilling`."""
        states = self._states()
        stands = {name: str(states.get(name, ServiceState.WAITING)) for name in self.world.spec.services}
        spilling = (load.name for load in self.world.spill.values() if load.spilling)
        return stands | {name: SPILLING for name in spilling if stands.get(name) == ServiceState.OK}
