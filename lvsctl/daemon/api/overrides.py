"""/v1/overrides: what operators ordered of servers and pools: drain, disable, weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from lvsctl.daemon.api.failures import BadRequest, Conflict, NotFound
from lvsctl.daemon.api.request import DAEMON, body, peer
from lvsctl.daemon.api.shapes import COUNT, ORDER, TEXT, Json, Operation, listed, one_of, or_null, shape
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.ordered import ordered_json
from lvsctl.daemon.overrides import scene
from lvsctl.decide.caveats import caveats
from lvsctl.decide.dark import Scene, left_dark
from lvsctl.decide.override_subject import meant, weight_meant
from lvsctl.decide.overrides import in_words, members, members_of, orders
from lvsctl.model import Action, Override, OverrideSubject, Server, Service

LONGEST = 366 * 86400.0
"""Seconds that an override may be given for; for longer there is conf.d."""

OVERRIDE = shape(
    "Override",
    {
        **ORDER,
        "services": {**listed(TEXT), "description": "empty: idle, it names nothing that is in conf.d now"},
        "servers": listed(shape("OverriddenServer", {"service": TEXT, "address": TEXT, "port": COUNT})),
        "file": or_null({**TEXT, "description": "of the maintenance directory: it ends when that is removed"}),
    },
)


class Order(BaseModel):
    """What is ordered. for: seconds; reason: one line for whoever reads it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    subjects: list[Annotated[str, Field(max_length=300)]] = Field(
        min_length=1, max_length=500, description="SERVER, SERVICE/SERVER or SERVICE/POOL"
    )
    action: Literal["drain", "disable", "weight"]
    weight: str | None = Field(None, description="10, or 50% of the configured one; with weight only")
    for_: float | None = Field(None, alias="for", gt=0, le=LONGEST, description="seconds; null: until it is ended")
    reason: str = Field("", max_length=200)
    force: bool = Field(False, description="although it leaves a service without a server that takes connections")


LIST = Operation("What operators ordered of servers and pools.", shape("Overrides", {"overrides": listed(OVERRIDE)}))
GIVE = Operation(
    "Drain, disable or weight; replaces what was ordered of these subjects. It is on the disk when this is answered; "
    "where one of them is refused nothing is done.",
    shape("Ordered", {"overrides": listed(OVERRIDE), "warnings": listed(TEXT)}),
    body=Order,
    fails=(404, 409, 503),
)
END = Operation(
    "End what was ordered of these subjects, and of every part of them; where one of them is refused nothing is done.",
    shape("Ended", {"ended": listed(OVERRIDE), "warnings": listed(TEXT)}),
    query={
        "subject": {**listed(TEXT), "description": "as it was ordered, or SERVER, SERVICE/SERVER or SERVICE/POOL"},
        "force": {**one_of("0", "1"), "description": "1: although it leaves a service dark that lives by this order"},
    },
    required=("subject",),
    fails=(404, 409, 503),
)


async def show(request: web.Request) -> web.Response:
    """All that are in force."""
    daemon = request.app[DAEMON]
    return web.json_response({"overrides": _listed(daemon, daemon.overrides.in_force())})


async def give(request: web.Request) -> web.Response:
    """Order something."""
    daemon, said = request.app[DAEMON], await body(request, Order)
    _wished(daemon, said, peer(request))  # what is wrong with it is said before the kernel is asked
    if not said.force:
        now = await scene(daemon.world, daemon.ipvs, daemon.last.round)
        wished = _wished(daemon, said, peer(request))  # there may have been a reload meanwhile
        _refuse_dark(daemon, now, daemon.overrides.with_orders(wished))
    wished = _wished(daemon, said, peer(request))
    daemon.overrides.order(wished)
    daemon.world.order(daemon.overrides.in_force())
    world = daemon.world
    warnings = dict.fromkeys(line for one in wished for line in caveats(world.spec, world.ladder, one, world.overrides))
    return web.json_response({"overrides": _listed(daemon, wished), "warnings": list(warnings)})


async def end(request: web.Request) -> web.Response:
    """End something; what a wider order or a file still holds is told."""
    daemon, words = request.app[DAEMON], request.query.getall("subject", [""])
    ended, _ = _ending(daemon, words)
    if request.query.get("force") != "1" and any(one.action is Action.WEIGHT for one in ended):  # no other gives life
        now = await scene(daemon.world, daemon.ipvs, daemon.last.round)
        ended, _ = _ending(daemon, words)  # meanwhile one may have ended by itself
        _refuse_dark(daemon, now, [one for one in daemon.overrides.in_force() if one not in ended])
    ended, held = _ending(daemon, words)
    told = _listed(daemon, ended)
    daemon.overrides.end(ended, peer(request))
    daemon.world.order(daemon.overrides.in_force())
    return web.json_response({"ended": told, "warnings": held})


def _ending(daemon: Daemon, words: Sequence[str]) -> tuple[list[Override], list[str]]:
    """What ends, and lines about what holds all the same. Raises Conflict or NotFound where one of them has nothing."""
    subjects = list(dict.fromkeys(_subject(daemon, one) for one in words))
    parts = {subject: _parts(daemon, subject) for subject in subjects}
    ended = list(dict.fromkeys(one for found in parts.values() for one in found))
    held = {subject: _still_held(daemon, subject, ended) for subject in subjects}
    for subject in subjects:
        if not parts[subject] and held[subject]:
            raise Conflict("; ".join(held[subject]))
        if not parts[subject]:
            raise NotFound(f"nothing is ordered of {subject}: `lvsctl overrides` lists what is")
    return ended, list(dict.fromkeys(line for lines in held.values() for line in lines))


def _refuse_dark(daemon: Daemon, now: Scene, after: Sequence[Override]) -> None:
    """Raises Conflict if a service would be left without a server that takes connections, now or later."""
    dark = left_dark(now, daemon.overrides.in_force(), after)
    if dark:
        services = ", ".join(map(str, dark))
        raise Conflict(f"that would leave nobody to take the connections of {services}: it needs --force")


def _wished(daemon: Daemon, said: Order, by: str) -> list[Override]:
    """One for each subject. Raises NoSuchSubject and BadRequest."""
    action = Action(said.action)
    if (action is Action.WEIGHT) is (said.weight is None):
        raise BadRequest("weight: it goes with the action `weight`, and that with it")
    try:
        weight = None if said.weight is None else weight_meant(said.weight)
    except ValueError as error:
        raise BadRequest(f"weight: {error}") from error
    if not said.reason.isprintable():
        raise BadRequest("reason: it must be one line of text")
    since = daemon.clock.at(daemon.loop.time())
    until = None if said.for_ is None else since + said.for_
    subjects = dict.fromkeys(meant(daemon.world.spec, words) for words in said.subjects)
    return [Override(subject, action, by, said.reason, since, until, weight) for subject in subjects]


def _subject(daemon: Daemon, words: str) -> OverrideSubject:
    """As it is listed, though conf.d may know it no more; else as it may be written."""
    for override in daemon.overrides.in_force():
        if str(override.subject) == words:
            return override.subject
    return meant(daemon.world.spec, words)


def _parts(daemon: Daemon, whole: OverrideSubject) -> list[Override]:
    """What is ordered by command of the subject, and of others whose servers all belong to it."""
    ordered = daemon.overrides.ordered
    found = members_of(daemon.world.spec, [whole, *(one.subject for one in ordered)])
    places = {subject: {(service.key, server.key) for service, server in servers} for subject, servers in found.items()}
    return [
        one for one in ordered if one.subject == whole or (places[one.subject] and places[one.subject] <= places[whole])
    ]


def _still_held(daemon: Daemon, subject: OverrideSubject, ended: list[Override]) -> list[str]:
    """What keeps servers of the subject as they are, although what was ordered of it ends."""
    spec, overrides = daemon.world.spec, daemon.overrides
    holds = orders(spec, [one for one in overrides.in_force() if one not in ended])
    found: dict[str, None] = {}
    for service, server in members(spec, subject):
        order = holds.get((service.key, server.key))
        if order is None:
            continue
        _, path = overrides.by_file.get(order.subject, (None, None))
        way_out = f"lvsctl enable {order.subject}" if path is None or order in overrides.ordered else f"rm {path}"
        found[f"{service.name}/{server.key} is {in_words(order)}: {way_out}"] = None
    return list(found)


def _listed(daemon: Daemon, overrides: Sequence[Override]) -> list[Json]:
    found = members_of(daemon.world.spec, [one.subject for one in overrides])
    return [_json(daemon, one, found[one.subject]) for one in overrides]


def _json(daemon: Daemon, override: Override, found: list[tuple[Service, Server]]) -> Json:
    """found: the servers that it names."""
    in_file, path = daemon.overrides.by_file.get(override.subject, (None, None))
    return {
        **ordered_json(override),
        "services": list(dict.fromkeys(service.name for service, _ in found)),
        "servers": [
            {"service": service.name, "address": str(server.key.address), "port": server.key.port}
            for service, server in found
        ],
        "file": str(path) if in_file == override else None,
    }
