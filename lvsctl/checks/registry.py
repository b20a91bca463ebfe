"""Which check kinds are installed: entry points found, loaded, indexed by name.

A package that cannot be imported, or whose kind breaks the contract, is reported in `broken` and takes no other kind
down with it. Of two packages that claim one name lvsctl's own wins, else the first in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from lvsctl.checkapi import RESERVED, AnyKind, Kind, Params

GROUP = "lvsctl.healthchecks"


class Installed(Mapping[str, AnyKind]):
    """Kinds by name. broken: what was found and cannot be used, name -> one line that says why."""

    def __init__(self, kinds: Mapping[str, AnyKind], broken: Mapping[str, str]) -> None:
        self._kinds = dict(kinds)
        self.broken = dict(broken)

    def __getitem__(self, name: str) -> AnyKind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def installed(found: Iterable[EntryPoint] | None = None) -> Installed:
    """Every kind that is installed. found: the entry points to load, by default those of this environment."""
    kinds: dict[str, AnyKind] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP) if found is None else found, key=_precedence):
        if point.name in kinds or point.name in broken:
            broken[f"{point.name} ({_package(point)})"] = f"another package already provides {point.name}"
            continue
        kind = _load(point)
        if isinstance(kind, str):
            broken[point.name] = f"{point.value} of {_package(point)}: {kind}"
        else:
            kinds[point.name] = kind
    return Installed(kinds, broken)


def _precedence(point: EntryPoint) -> tuple[str, bool, str]:
    return point.name, _package(point) != "lvsctl", _package(point)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"


def _load(point: EntryPoint) -> AnyKind | str:
    """The kind, or why there is none."""
    try:
        kind = point.load()
    except (Exception, SystemExit) as error:  # a module may run anything
        reason = next(iter(str(error).splitlines()), "")
        return f"cannot be loaded: {type(error).__name__}: {reason}".rstrip(": ")
    if not isinstance(kind, Kind):
        return f"is a {type(kind).__name__}, not a lvsctl.checkapi.Kind"
    if kind.name != point.name:
        return f"calls itself {kind.name!r}, its entry point calls it {point.name!r}"
    if kind.name in RESERVED:
        return f"{kind.name} means something else in conf.d, no kind can be called so"
    if not (isinstance(kind.params, type) and issubclass(kind.params, Params)):
        return "its params are not derived from lvsctl.checkapi.Params"
    return kind
