"""Which services an override would leave without a server that takes connections: it takes a --force to do that.

It is judged for now, and for every moment at which an order ends by itself: a service may live by an order that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from lvsctl.decide.desired import NO_DOUBT, Desired, desired
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import members_of, over
from lvsctl.decide.quiet import Place
from lvsctl.decide.table import is_live
from lvsctl.model import CheckId, Health, Override, Service, Spec, Table
from lvsctl.model.moment import rfc3339


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


@dataclass(frozen=True, slots=True)
class Dark:
    """A service that would be left dark: at once, or when the order `after` has ended."""

    service: str
    after: Override | None = None

    def __str__(self) -> str:
        if self.after is None or self.after.until is None:
            return self.service
        end = rfc3339(self.after.until, timespec="seconds")
        return f"{self.service} once what is ordered of {self.after.subject} ends ({end})"


def left_dark(scene: Scene, before: Sequence[Override], after: Sequence[Override]) -> list[Dark]:
    """The services that take connections now, or would but for a round, and would not with `after`.

    before, after: orders, none whose time is over. Then those that would take connections with what is left of `before`
    at the end of an order of `after`, but not with what is left of `after`; health is taken to stay as it is.
    """
    ordered = members_of(scene.spec, [one.subject for one in (*before, *after)]).values()
    named = {service.name for found in ordered for service, _ in found}  # to judge all others would be slow
    services = {name: service for name, service in scene.spec.services.items() if name in named}
    scene = replace(scene, spec=replace(scene.spec, services=services))
    live = frozenset(name for name, service in services.items() if is_live(scene.have.get(service.key)))
    dark = {name: Dark(name) for name in _lost(scene, before, after, live)}
    for end, last in sorted({one.until: one for one in after if one.until is not None}.items()):
        for name in _lost(scene, _left(before, end), _left(after, end)):
            dark.setdefault(name, Dark(name, last))
    return [dark[name] for name in services if name in dark]


def _left(orders: Iterable[Override], moment: float) -> list[Override]:
    return [one for one in orders if not over(one, moment)]


def _lost(
    scene: Scene, before: Iterable[Override], after: Iterable[Override], live: AbstractSet[str] = frozenset()
) -> Iterator[str]:
    """Services that are live, or would be with `before`, and would not be with `after`."""
    was, want = _wanted(scene, before), _wanted(scene, after)
    for name, service in scene.spec.services.items():
        lit = name in live or is_live(was.table.get(service.key))
        lost = service.key in want.table and not is_live(want.table[service.key])
        if lit and lost and not _is_kept(scene, service, want):
            yield name


def _wanted(scene: Scene, overrides: Iterable[Override]) -> Desired:
    return desired(
        scene.spec, scene.health, scene.have, left=scene.left, ladder=scene.ladder, overrides=tuple(overrides)
    )


def _is_kept(scene: Scene, service: Service, want: Desired) -> bool:
    """Whether a guard keeps a server of this service that nobody ordered away."""
    return any(key == service.key and (key, server) in want.by_health for key, server in scene.kept)
