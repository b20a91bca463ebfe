"""Sites that somebody may have to look at."""

from __future__ import annotations

from tests.cli.document import Json, key, mark, paired, server, service
from tests.cli.top.looking import told

SINCE = "2026-11-22T09:00:00.000Z"


def pool(name: str, *servers: Json, **attributes: object) -> Json:
    return {"name": name, "active": True, "servers": list(servers), **attributes}


def override(action: str = "drain", reason: str = "swap memory", until: str | None = None) -> Json:
    return {"action": action, "by": "alice (uid 1000)", "reason": reason, "until": until}


def up(address: str, conns: int = 10, **attributes: object) -> Json:
    return server(address, active=conns, inactive=0, **attributes)


def down(address: str, reason: str = "L4CON Connection refused", **attributes: object) -> Json:
    gone = {"weight": None, "in_table": False, "active": 0, "inactive": 0}
    return server(address, **{"health": "down", "reason": reason, "why": f"down: {reason}", **gone, **attributes})


def drained(address: str, conns: int = 3, **attributes: object) -> Json:
    said = override(until="2026-11-22T09:30:00.000Z")
    return up(address, conns, **{"weight": 0, "override": said, "why": "drained", **attributes})


NAMED = service(
    "files", pools=[pool("service", up("192.0.2.71", name="nas1"), up("192.0.2.72", name="storage-of-the-other-room"))]
)

STANDBY = paired("standby", web4="standby")
RESTING = paired("standby", web4="standby", resting=True)
IN_FAULT = paired("fault", web4="fault", web6="standby", attention=["web4 is in fault here: carrier"])

SPARE = up("192.0.2.13", 30, weight=1, weight_configured=1, upper=0, lower=0)
SPILLS = {"pool": "spillover", "since": SINCE, "spilled": 120, "active": True, "exhausted": False, "estimated": True}
EXHAUSTED = {"pool": None, "since": SINCE, "spilled": 0, "active": False, "exhausted": True, "estimated": True}

QUIET = service(pools=[pool("service", up("192.0.2.21"), up("192.0.2.22", 42)), pool("spillover", SPARE)])

_OUT = {"weight": None, "in_table": False}
IDLE = service(
    state="idle",
    reason="standby: idle, and this director is not the active one",
    pools=[pool("service", up("192.0.2.21", 0, **_OUT), down("192.0.2.22"), active=False)],
)

SPILLING = service(
    spill=SPILLS,
    pools=[
        pool(
            "service",
            *(up(f"192.0.2.2{last}", 50, overloaded=True) for last in (1, 2, 3)),
            full=True,
            conns=150,
            capacity=150,
        ),
        pool("spillover", SPARE, full=False, conns=30, capacity=None),
    ],
)

FULL = service(
    spill=EXHAUSTED,
    pools=[
        pool("service", up("192.0.2.21", 50, overloaded=True), full=True, conns=50, capacity=50),
        pool("spillover", up("192.0.2.13", 20, upper=20, overloaded=True), full=True, conns=20, capacity=20),
    ],
)

KEPT = service(
    "api",
    pools=[
        pool(
            "service",
            down("192.0.2.31", kept="floor of 1", weight=5, in_table=True, active=7),
            down("192.0.2.32", "L7TOUT no answer within 1s"),
        )
    ],
)

DRAINED = service("mail", pools=[pool("service", drained("192.0.2.41"), up("192.0.2.42"))])

OLD_NAMES = service(  # IPv6, a firewall mark, and a name that nobody should have chosen
    "a-service-whose-name-is-longer-than-any-screen-has-room-for-and-goes-on",
    key=mark(20, "inet6"),
    pools=[
        pool(
            "service",
            up("2001:db8:85a3:1234:5678:8a2e:370:7334", port=8443),
            up("2001:db8:85a3:1234:5678:8a2e:370:7335", port=8443),
            up("2001:db8::1"),
        )
    ],
)

HOSTILE = service(
    "evil\x1b[2J",
    pools=[
        pool(
            "service",
            down("192.0.2.51", "L7STS \x1b]0;pwned\x07\x9b31m\u202egnp.exe\r\nroot# \u0301\u200b\ufeff日本語"),
            up("192.0.2.52", reason="L7OK 日本語テキスト漢字 \U0001f469\u200d\U0001f4bb"),
        )
    ],
)

EMPTY = service("empty", state="down", reason="no server takes new connections", pools=[pool("service")])


def many(count: int = 300) -> list[Json]:
    """As many services of four servers; the last is down, one in the middle has a server down."""
    made = [
        service(
            f"web{number:03}",
            key=key(f"198.51.{number // 256}.{number % 256}"),
            pools=[pool("service", *(up(f"10.1.{number // 256}.{last}", number % 50) for last in range(1, 5)))],
        )
        for number in range(count)
    ]
    made[count // 2]["pools"][0]["servers"][2] = down(f"10.1.{count // 2 // 256}.3")
    made[-1] |= {"state": "down", "reason": "no server takes new connections"}
    return made


EVENTS = [
    told(1, "check_down", "a check fails", code="L4CON", detail="Connection refused"),
    told(2, "server_down", "server is down", service="api", server="192.0.2.31:80", code="L4CON", detail="refused"),
    told(3, "spill_started", "the pool is full, connections spill", service="shop", to="spillover"),
    told(4, "override_set", "mail/192.0.2.41 is drained by alice (uid 1000)", service="mail", reason="swap memory"),
]
