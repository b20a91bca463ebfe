"""/v1/pair: the two directors as this one sees them, handing over, and what others say of the role."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from lvsctl.daemon.api.failures import BadRequest, Conflict, NotFound
from lvsctl.daemon.api.request import DAEMON, body, peer
from lvsctl.daemon.api.shapes import (
    COUNT,
    MOMENT,
    NUMBER,
    ROLE,
    TEXT,
    TRUTH,
    Json,
    Operation,
    document,
    listed,
    one_of,
    or_null,
    shape,
)
from lvsctl.daemon.pair_document import pair_document, pair_seen
from lvsctl.daemon.pairing.pairing import NO_PAIR
from lvsctl.decide.failover import objections
from lvsctl.errors import LvsctlError
from lvsctl.model import Provider, Role, Standby, SyncRole
from lvsctl.model.pair_view import PairView
from lvsctl.pair.keepalived import NotUnderstood, from_arguments

_COUNTS: Json = {"type": "object", "additionalProperties": COUNT}
_HEARD = {"address": TEXT, "priority": COUNT}
INSTANCE = shape(
    "PairInstance",
    {
        "name": TEXT,
        "role": ROLE,
        "since": or_null(MOMENT),
        "why": {**TEXT, "description": "of its newest transition"},
        "priority": {**COUNT, "description": "as offered; 0: somebody else decides"},
        "base": {**COUNT, "description": "as in conf.d"},
        "reasons": {**listed(TEXT), "description": "what takes how much from it"},
        "interface": TEXT,
        "addresses": {**listed(TEXT), "description": "what moves with the role, each with the length of its prefix"},
        "neighbour": or_null({**shape("Neighbour", _HEARD), "description": "the active one, as it is heard"}),
        "faults": listed(TEXT),
        "peer": or_null(
            {
                **shape("PeerInstance", {"role": ROLE, "priority": COUNT}),
                "description": "as the peer says it; null: it says nothing, or does not count now",
            }
        ),
        "counts": {**_COUNTS, "description": "of adverts"},
        "refused": {**_COUNTS, "description": "adverts, by the reason"},
        "odd": {**_COUNTS, "description": "adverts that were taken all the same, by what was odd"},
    },
)
SYNC = shape(
    "SyncDaemons",
    {
        "interface": TEXT,
        "id": COUNT,
        "wanted": listed(one_of(*SyncRole)),
        "running": listed(shape("SyncDaemon", {"role": one_of(*SyncRole), "interface": TEXT, "id": COUNT})),
        "trouble": TEXT,
    },
)
PEER = shape(
    "Peer",
    {
        "address": TEXT,
        "heard": or_null({**NUMBER, "description": "seconds ago; null: never"}),
        "lost": {**TEXT, "description": "why it does not count now; empty: it does"},
        "deaf": {**TEXT, "description": "why it cannot ask this director; empty: it can"},
        "version": {**TEXT, "description": "of its lvsctl"},
        "blind": {**TEXT, "description": "why it does not trust its own eyes; empty: it does"},
        "common": {**COUNT, "description": "servers that both directors check"},
        "here": {**COUNT, "description": "how many of them this director sees up"},
        "there": {**COUNT, "description": "and the peer"},
        "services": {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "how each stands there: a state as in the status document, or spilling",
        },
        "disagreements": listed(TEXT),
        "lowering": {
            **shape("Lowering", {"penalty": COUNT, "why": TEXT}),
            "description": "what this director takes from its priority for seeing less",
        },
        "skew": {**NUMBER, "description": "seconds by which the time of day here is ahead of the peer's"},
        "counts": {**_COUNTS, "description": "of what was asked, answered and refused"},
    },
)
HOOK = shape(
    "HookRun",
    {
        "hook": TEXT,
        "instance": TEXT,
        "at": {**MOMENT, "description": "when it began"},
        "duration": or_null({**NUMBER, "description": "seconds; null: it runs"}),
        "why": {**TEXT, "description": "it failed; empty: it did not"},
    },
)
PAIR = document(
    "Pair",
    {
        "provider": one_of(*Provider),
        "standby": one_of(*Standby),
        "role": ROLE,
        "resting": {**TRUTH, "description": "it keeps no table now, as it is not active (`standby: idle`)"},
        "trouble": {**TEXT, "description": "why it takes no part; empty: it does"},
        "attention": {**listed(TEXT), "description": "what an operator should look after"},
        "objections": {**listed(TEXT), "description": "why a failover would be refused, were this director active"},
        "instances": listed(INSTANCE),
        "sync": or_null(SYNC),
        "peer": or_null(PEER),
        "hooks": {**listed(HOOK), "description": "the newest run of each"},
    },
)
_ROLE = shape("DirectorRole", {"role": ROLE})


class Handover(BaseModel):
    """force: whatever speaks against it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    force: bool = False


class SaidRole(BaseModel):
    """What this director is from now on."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["active", "standby", "fault"]


class SaidByKeepalived(BaseModel):
    """What a notify script of keepalived was called with."""

    model_config = ConfigDict(extra="forbid")

    arguments: list[Annotated[str, Field(max_length=300)]] = Field(
        max_length=100, description="the last four: INSTANCE or GROUP, name, state, priority"
    )


SHOW = Operation("The pair, as this director sees it.", PAIR, fails=(404,))
HAND_OVER = Operation(
    "Hand over to the other director; refused where this one is not active, or something speaks against it.",
    shape("HandedOver", {"overruled": {**listed(TEXT), "description": "what spoke against it"}}),
    body=Handover,
    fails=(404, 409),
)
TELL_ROLE = Operation("The role of this director, of all its instances.", _ROLE, fails=(404,))
SAY_ROLE = Operation(
    "Give this director a role, for the provider `manual`; it is on the disk when this is answered.",
    _ROLE,
    body=SaidRole,
    fails=(404, 409),
)
NOTICE = Operation(
    "A transition as keepalived's notify script is told it, for the provider `keepalived`.",
    _ROLE,
    body=SaidByKeepalived,
    fails=(404, 409),
)


async def show(request: web.Request) -> web.Response:
    """The pair document."""
    return web.json_response(pair_document(_view(request), request.app[DAEMON].last.states))


async def hand_over(request: web.Request) -> web.Response:
    """Hand over; the answer does not wait for the other director."""
    said, view = await body(request, Handover), _view(request)
    if view.role is not None and view.role is not Role.ACTIVE:
        raise Conflict(f"this director is {view.role}, so there is nothing to hand over: do it on the active one")
    against = objections(view, request.app[DAEMON].last.states)
    if against and not said.force:
        raise Conflict(f"not handed over: {'; '.join(against)}: it needs --force")
    with _conflicts():
        await request.app[DAEMON].pairing.failover(peer(request))
    return web.json_response({"overruled": list(against)})


async def tell_role(request: web.Request) -> web.Response:
    """The role in a word."""
    return _role(_view(request).role)


async def say_role(request: web.Request) -> web.Response:
    """Somebody says what this director is."""
    said, _ = await body(request, SaidRole), _view(request)
    with _conflicts():
        request.app[DAEMON].pairing.say(Role(said.role), by=peer(request))
    return _role(Role(said.role))


async def notice(request: web.Request) -> web.Response:
    """keepalived's script says what happened; what is no transition is taken, and does nothing."""
    said, _ = await body(request, SaidByKeepalived), _view(request)
    pairing = request.app[DAEMON].pairing
    try:
        told = from_arguments(said.arguments)
    except NotUnderstood as error:
        raise BadRequest(str(error)) from error
    if told is not None:
        with _conflicts():
            pairing.notified(told)
    return _role(pairing.role())


def _view(request: web.Request) -> PairView:
    view = pair_seen(request.app[DAEMON])
    if view is None:
        raise NotFound(NO_PAIR)
    return view


def _role(role: Role | None) -> web.Response:
    return web.json_response({"role": None if role is None else str(role)})


@contextlib.contextmanager
def _conflicts() -> Iterator[None]:
    """What the pair refuses is no trouble of the daemon's."""
    try:
        yield
    except LvsctlError as error:
        raise Conflict(str(error)) from error
