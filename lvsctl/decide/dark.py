"""Which services an override would leave without a server that takes connections: it takes a --force to do that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from lvsctl.decide.desired import NO_DOUBT, Desired, desired
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.quiet import Place
from lvsctl.decide.table import is_live
from lvsctl.model import CheckId, Health, Override, Service, Spec, Table


@dataclass(frozen=True, slots=True)
class Scene:
    """What the answer rests on. have: the kernel's table now; left, ladder: as for `desired`.

    kept: servers that a guard keeps in the table although their checks fail: they take connections.
    """

    spec: Spec
    health: Mapping[CheckId, Health]
    have: Table
    left: Table | None = None
    ladder: Ladder = NO_DOUBT
    kept: AbstractSet[Place] = field(default_factory=frozenset)


def left_dark(scene: Scene, before: Iterable[Override], after: Iterable[Override]) -> list[str]:
    """Names of the services that take connections now, or would but for a round, and would not with `after`."""
    was, want = _wanted(scene, before), _wanted(scene, after)
    return [
        service.name
        for service in scene.spec.services.values()
        if service.key in want.table
        and (is_live(scene.have.get(service.key)) or is_live(was.table.get(service.key)))
        and not is_live(want.table[service.key])
        and not _is_kept(scene, service, want)
    ]


def _wanted(scene: Scene, overrides: Iterable[Override]) -> Desired:
    return desired(
        scene.spec, scene.health, scene.have, left=scene.left, ladder=scene.ladder, overrides=tuple(overrides)
    )


def _is_kept(scene: Scene, service: Service, want: Desired) -> bool:
    """Whether a guard keeps a server of this service that nobody ordered away."""
    return any(key == service.key and (key, server) in want.by_health for key, server in scene.kept)
