"""Compile the pools of one service: servers with their inherited attributes, weights in order of priority, floors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvsctl.config.document import Path, Place
from lvsctl.config.questions import Questions
from lvsctl.config.schema import Inherited, Pool, Server, Service, Thresholds, Tunnel
from lvsctl.model import (
    MAX_WEIGHT,
    AddressKey,
    CheckId,
    Forward,
    Problem,
    RealAttrs,
    RealKey,
    ServiceKey,
    Severity,
    TunnelChecksum,
    TunnelType,
)
from lvsctl.model import Pool as PoolSpec
from lvsctl.model import Server as ServerSpec
from lvsctl.model import Tunnel as TunnelSpec


@dataclass(frozen=True, slots=True)
class Level:
    """A form that may say what a server inherits. places: of keys that stand elsewhere (defaults of several files)."""

    form: Inherited
    place: Place
    places: Mapping[str, Place] | None = None

    def where(self, key: str) -> Place:
        return self.place.at(key) if self.places is None else self.places[key]


def inherited(levels: Sequence[Level], key: str) -> tuple[Any, Place | None]:
    """What the nearest level says about `key`, and where; (None, None) if none does."""
    for level in levels:
        value = getattr(level.form, key)
        if value is not None:
            return value, level.where(key)
    return None, None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A server whose weight is still open."""

    place: Place
    form: Server
    key: RealKey
    forward: Forward
    thresholds: Thresholds
    tunnel: TunnelSpec
    checks: tuple[CheckId, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The pools of a service. unchecked: whether a server has no check although nobody wrote `check: none`."""

    pools: tuple[PoolSpec, ...]
    unchecked: bool
    thresholds: bool


class PoolCompiler:
    """Works on one service; problems go to the list that it was given. priority: the scheduler, if one of priority."""

    def __init__(
        self,
        key: ServiceKey,
        levels: tuple[Level, ...],
        priority: str | None,
        questions: Questions,
        said: list[Problem],
    ) -> None:
        self._service = key
        self._levels = levels
        self._priority = priority
        self._questions = questions
        self._problems = said
        self._seen: dict[RealKey, Place] = {}
        self._names: dict[str, Place] = {}
        self._tunnels: set[Path] = set()
        self._unchecked = False

    def compile(self, form: Service, place: Place) -> Compiled:
        drafts = [(name, pool, at, self._drafts(pool, at)) for name, pool, at in pools_of(form, place)]
        self._idle_tunnels(form, place)
        self._pool_names(name for name, _, _, _ in drafts)
        weights: list[list[int]] = []
        highest = 0
        for _, pool, at, servers in reversed(drafts):
            weights.insert(0, self._weights(pool, at, servers, highest))
            highest = max([highest, *weights[0]])
        compiled = tuple(
            PoolSpec(
                name,
                tuple(_server(*pair) for pair in zip(servers, given, strict=True)),
                self._floor(pool, at, len(servers), last=at is drafts[-1][2]),
            )
            for (name, pool, at, servers), given in zip(drafts, weights, strict=True)
        )
        limited = any(server.attrs.upper for pool in compiled for server in pool.servers)
        return Compiled(compiled, self._unchecked, limited)

    def _drafts(self, pool: Pool, place: Place) -> list[_Draft]:
        found = []
        for index, form in enumerate(pool.servers):
            at = place.at("servers", index)
            levels = (Level(form, at), Level(pool, place), *self._levels)
            draft = self._draft(form, at, levels)
            if draft is not None:
                found.append(draft)
        return found

    def _draft(self, form: Server, place: Place, levels: Sequence[Level]) -> _Draft | None:
        forward = Forward(inherited(levels, "forward")[0] or Forward.ROUTE)
        key = self._key(form, place)
        if not self._fits(key, forward, place):
            return None
        first = self._seen.setdefault(key, place)
        if first is not place:
            self._say(place, f"the server {key} is already in this service, at {first}: remove one of the two")
            return None
        self._name(form, place)
        tunnel, where = inherited(levels, "tunnel")
        if forward is Forward.TUNNEL and where is not None:
            self._tunnels.add(where.path)
        return _Draft(
            place=place,
            form=form,
            key=key,
            forward=forward,
            thresholds=inherited(levels, "thresholds")[0] or Thresholds(upper=0, lower=0),
            tunnel=_tunnel(tunnel) if forward is Forward.TUNNEL else TunnelSpec(),
            checks=self._checks(key, place, levels),
        )

    def _name(self, form: Server, place: Place) -> None:
        at = place.at("name")
        first = self._names.setdefault(form.name, at) if form.name is not None else at
        if first is not at:
            self._say(at, f"`{form.name}` is already the name of a server of this service, at {first}: change one")

    def _pool_names(self, pools: Iterable[str]) -> None:
        """A server and a pool of one name could not be told apart: both are called SERVICE/NAME."""
        for pool in pools:
            if pool in self._names:
                self._say(self._names[pool], f"`{pool}` is a pool of this service: give the server another name")

    def _key(self, form: Server, place: Place) -> RealKey:
        if form.port is not None and form.address.port is not None:
            self._say(place.at("port"), "the port is already in `address`: write it once")
        port = form.address.port if form.port is None else form.port
        return RealKey(form.address.address, _port(self._service) if port is None else port)

    def _fits(self, key: RealKey, forward: Forward, place: Place) -> bool:
        """Whether the kernel can forward to this server in this way."""
        port = _port(self._service)
        if forward is not Forward.MASQUERADE and key.port != port:
            why = f"packets keep the service's port ({port})" if port else "packets keep the port that they came for"
            message = f"with `forward: {forward}` {why}: leave out {key.port}, or write `forward: masquerade`"
            self._say(place.within("port"), message)
            return False
        if forward is not Forward.TUNNEL and (key.address.version == 4) != (self._service.family == "inet"):
            one, other = ("IPv6", "IPv4") if key.address.version == 6 else ("IPv4", "IPv6")
            self._say(place.within("address"), f"an {one} server behind an {other} service needs `forward: tunnel`")
            return False
        return True

    def _checks(self, key: RealKey, place: Place, levels: Sequence[Level]) -> tuple[CheckId, ...]:
        written, where = inherited(levels, "check")
        if where is None:
            self._unchecked = True
            return ()
        found: list[CheckId] = []
        for prepared in self._questions.prepare(written, where):
            check = self._questions.ask(prepared, key)
            if check is None:
                message = "there is no port to check: write `port` into its check"
                self._say(place, message)
            elif check not in found:
                found.append(check)
        return tuple(found)

    def _weights(self, pool: Pool, place: Place, servers: list[_Draft], highest: int) -> list[int]:
        """A weight each. highest: that of the pools below, which every positive one must exceed to have priority."""
        derived = highest + 1 if pool.weight is None else pool.weight
        if pool.weight is None and derived > MAX_WEIGHT and any(draft.form.weight is None for draft in servers):
            self._say(place, f"no weight is left above {highest}, the highest of the pools below: lower that one")
            return [MAX_WEIGHT] * len(servers)
        given = [derived if draft.form.weight is None else draft.form.weight for draft in servers]
        reported: set[tuple[str | int, ...]] = set()
        for draft, weight in zip(servers, given, strict=True):
            at = place.at("weight") if draft.form.weight is None else draft.place.at("weight")
            if self._priority and 0 < weight <= highest and at.path not in reported:
                reported.add(at.path)
                message = (
                    f"weight {weight} is not above {highest}, the highest weight of the pools below, and "
                    f"{self._priority} takes the highest weight first: write {highest + 1} or more"
                )
                self._say(at, message)
        return given

    def _floor(self, pool: Pool, place: Place, servers: int, *, last: bool) -> int:
        """A floor said for more than one pool is for the last: above it, what is down has where to give way to."""
        levels = (Level(pool, place), *self._levels) if last else (Level(pool, place),)
        written, where = inherited(levels, "floor")
        if written is None or where is None:
            return 0
        if not last:
            message = (
                "servers that are down stay in this pool instead of giving way to the pool below: remove the floor"
            )
            self._problems.append(where.problem(message, severity=Severity.WARNING))
        floor: int = written.of(servers)
        if floor > servers and where.path[0] == "services":
            self._say(where, f"a floor of {floor} is more than this pool has servers ({servers}): lower it")
        return min(floor, servers)

    def _idle_tunnels(self, form: Service, place: Place) -> None:
        """A tunnel that nobody uses is a forgotten `forward: tunnel`."""
        forms: list[tuple[Inherited, Place]] = [(form, place)]
        for _, pool, at in pools_of(form, place):
            forms += [(pool, at)] if at is not place else []
            forms += [(server, at.at("servers", index)) for index, server in enumerate(pool.servers)]
        for one, at in forms:
            if one.tunnel is not None and at.at("tunnel").path not in self._tunnels:
                self._say(at.at("tunnel"), "does nothing without `forward: tunnel`: add that, or remove this")

    def _say(self, place: Place, message: str) -> None:
        self._problems.append(place.problem(message))


def pools_of(form: Service, place: Place) -> Iterator[tuple[str, Pool, Place]]:
    """Name, form and place of each pool, highest priority first; plain servers are one pool named `servers`."""
    for name, pool in (form.pools or {}).items():
        yield name, pool, place.at("pools", name)
    if form.servers:
        yield "servers", Pool.model_construct(servers=form.servers), place


def _port(key: ServiceKey) -> int:
    return key.port if isinstance(key, AddressKey) else 0


def _tunnel(form: Tunnel | None) -> TunnelSpec:
    if form is None:
        return TunnelSpec()
    return TunnelSpec(TunnelType(form.type), form.port or 0, TunnelChecksum(form.checksum))


def _server(draft: _Draft, weight: int) -> ServerSpec:
    attrs = RealAttrs(draft.forward, weight, draft.thresholds.upper or 0, draft.thresholds.lower or 0, draft.tunnel)
    return ServerSpec(draft.key, attrs, draft.checks, draft.form.name or "")
