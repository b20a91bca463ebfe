"""GET /v1/status: the status document."""

from __future__ import annotations

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import (
    COUNT,
    MOMENT,
    NUMBER,
    ORDER,
    ROLE,
    SERVICE_KEY,
    TEXT,
    TRUTH,
    WHOLE,
    Operation,
    document,
    listed,
    one_of,
    or_null,
    shape,
)
from lvsctl.daemon.status import status
from lvsctl.model import Forward, Provider, ServiceState

_COUNTS = {"active": COUNT, "inactive": COUNT, "persistent": COUNT}

SERVER = shape(
    "Server",
    {
        "address": TEXT,
        "port": COUNT,
        "health": one_of("up", "down", "presumed up", "not asked yet", "no check"),
        "reason": TEXT,
        "latency": or_null({**NUMBER, "description": "seconds"}),
        "since": or_null(MOMENT),
        "in_table": TRUTH,
        "weight": or_null(COUNT),
        "weight_configured": COUNT,
        "upper": COUNT,
        "lower": COUNT,
        **_COUNTS,
        "connections_total": {**COUNT, "description": "since it was added or zeroed; up to 2 s late"},
        "overloaded": or_null({**TRUTH, "description": "full, as estimated; null: not to be told, or not there"}),
        "why": TEXT,
        "kept": or_null({**TEXT, "description": "why it stays in the table although its checks would take it out"}),
        "name": {**TEXT, "description": "as in conf.d; empty: it has none"},
        "override": or_null(shape("OverrideInForce", ORDER)),
    },
)
POOL = shape(
    "Pool",
    {
        "name": TEXT,
        "active": TRUTH,
        "full": {**TRUTH, "description": "no server of it takes new connections, as estimated"},
        "conns": {**COUNT, "description": "of the servers that have a weight"},
        "capacity": or_null({**COUNT, "description": "their upper thresholds; null: one of them has none"}),
        "servers": listed(SERVER),
    },
)
SPILL = shape(
    "Spill",
    {
        "pool": or_null({**TEXT, "description": "takes new connections now; null: none does"}),
        "since": or_null(MOMENT),
        "spilled": {**COUNT, "description": "connections to lower pools since the highest was full"},
        "active": {**TRUTH, "description": "the highest pool is full, and new connections go to a lower one"},
        "exhausted": {**TRUTH, "description": "no server has room, new connections are refused"},
        "estimated": {"const": True},
    },
)
SCHEDULER = shape("Scheduler", {"wanted": TEXT, "used": or_null(TEXT), "available": TRUTH, "reason": TEXT})
SERVICE = shape(
    "Service",
    {
        "name": TEXT,
        "key": SERVICE_KEY,
        "scheduler": SCHEDULER,
        "state": one_of(*ServiceState),
        "reason": TEXT,
        "persistent": {**COUNT, "description": "seconds; 0: it is not"},
        "pools": listed(POOL),
        "spill": SPILL,
    },
)
ENTRY = shape(
    "Entry",
    {
        "key": SERVICE_KEY,
        "scheduler": TEXT,
        "flags": COUNT,
        "persistence": COUNT,
        "persistence_prefix": COUNT,
        "persistence_engine": TEXT,
        "servers": listed(
            shape(
                "EntryServer",
                {
                    "address": TEXT,
                    "port": COUNT,
                    "forward": one_of(*Forward),
                    "weight": WHOLE,
                    "upper": COUNT,
                    "lower": COUNT,
                    **_COUNTS,
                },
            )
        ),
    },
)
ROUND = shape(
    "Round",
    {
        "number": COUNT,
        "at": MOMENT,
        "error": or_null(TEXT),
        "refused": listed(shape("Refused", {"op": TEXT, "message": TEXT})),
        "withheld": listed(shape("Withheld", {"op": TEXT, "why": TEXT})),
        "drift": listed(TEXT),
    },
)
CANARY = shape(
    "Canary",
    {
        "name": TEXT,
        "health": one_of("up", "down", "presumed up", "not asked yet"),
        "reason": TEXT,
        "answered": or_null({**MOMENT, "description": "when it passed last"}),
    },
)
GUARD = shape(
    "Guard",
    {
        "suspected": {**TRUTH, "description": "this director suspects itself, and takes no server out"},
        "since": or_null(MOMENT),
        "until": or_null(MOMENT),
        "why": or_null(TEXT),
        "seen": {**listed(TEXT), "description": "what it sees of itself while it is suspected"},
        "max_removed": {**TEXT, "description": "servers (2, or 50%) that checks may take out within one period"},
        "canaries": listed(CANARY),
    },
)
PAIR_IN_SHORT = shape(
    "PairInShort",
    {
        "role": ROLE,
        "provider": one_of(*Provider),
        "resting": {**TRUTH, "description": "it keeps no table now, as it is not active (`standby: idle`)"},
        "instances": listed(shape("InstanceInShort", {"name": TEXT, "role": ROLE})),
        "attention": {**listed(TEXT), "description": "what an operator should look after"},
    },
)
STATUS = document(
    "Status",
    {
        "version": TEXT,
        "pid": COUNT,
        "started": MOMENT,
        "ready": TRUTH,
        "config": shape(
            "Configuration", {"path": TEXT, "loaded": MOMENT, "reload_ok": TRUTH, "problems": listed(TEXT)}
        ),
        "kernel": shape("Kernel", {"version": TEXT, "table_size": COUNT, "written": COUNT}),
        "round": ROUND,
        "guard": GUARD,
        "pair": or_null({**PAIR_IN_SHORT, "description": "null: conf.d has none"}),
        "services": listed(SERVICE),
        "foreign": listed(TEXT),
        "table": listed(ENTRY),
    },
)
SHOW = Operation(
    "Services, pools and servers as the daemon sees them; reads the kernel's table and counters.",
    STATUS,
    query={"table": {**one_of("yes", "no"), "description": "no: `table` is left empty"}},
    fails=(503,),
)


async def show(request: web.Request) -> web.Response:
    """The status document."""
    with_table = request.query.get("table") != "no"
    return web.json_response(await status(request.app[DAEMON], with_table=with_table))
