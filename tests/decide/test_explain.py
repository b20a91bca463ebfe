"""Explanations: each link of the chain in its exact words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsctl.decide.desired import desired
from lvsctl.decide.explain.evidence import Evidence, Explanation
from lvsctl.decide.explain.of_server import explain_server
from lvsctl.decide.explain.of_service import explain_service
from lvsctl.decide.explain.subject import NoSuchSubject, find
from lvsctl.decide.guard import guard
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.plan import SWITCH_MOMENT, diff
from lvsctl.decide.spill.load import Loads, ServiceLoad
from lvsctl.decide.spill.watch import load_of, watch
from lvsctl.model import (
    Action,
    AddressKey,
    AddServer,
    AddService,
    CheckId,
    EditService,
    Entry,
    Family,
    Generation,
    Health,
    MarkKey,
    OnDown,
    Override,
    Protocol,
    RealCounters,
    Refusal,
    Role,
    Seen,
    ServerSubject,
    Service,
    ServiceAttrs,
    ServiceCounters,
    Spec,
    Step,
    Table,
    Traffic,
)
from tests.decide.making import (
    DOWN,
    FAIL,
    OTHER_VIP,
    ROUTE,
    UNASKED,
    VIP,
    check_of,
    entry,
    healths,
    real,
    server,
    service,
    spec,
)

HPRIO = Ladder(frozenset({"hprio"}))
COUNTS = {VIP: ServiceCounters(Traffic(), {real(1): RealCounters(active=12, inactive=3)})}


def evidence(
    wanted: Spec,
    health: Mapping[CheckId, Health],
    have: Table,
    *,
    ladder: Ladder | None = None,
    now: float = 61.0,
    overrides: tuple[Override, ...] = (),
    resting: bool = False,
) -> Evidence:
    """As after one round that decided over `have` and has not been carried out."""
    ladder = ladder or Ladder()
    want = desired(wanted, health, have, ladder=ladder, overrides=overrides, resting=resting)
    plan = diff(want.table, have, owned=set(), why=want.why)
    withheld = guard(plan, wanted, have, health, by_health=want.by_health).withheld
    [one, *_] = wanted.services.values()
    return Evidence(wanted, health, ladder, have, COUNTS, want, withheld, (), now, load(one, have, now), want.orders)


def load(what: Service, have: Table, now: float) -> ServiceLoad:
    counts = {
        server: COUNTS[VIP].servers.get(server, RealCounters()) for held in have.values() for server in held.servers
    }
    seen = Seen(have, {what.key: ServiceCounters(Traffic(), counts)})
    return load_of(what, seen, now)


def of_server(found: Evidence, number: int) -> Explanation:
    [what] = found.spec.services.values()
    return explain_server(found, what, next(s for p in what.pools for s in p.servers if s.key == real(number)))


def of_service(found: Evidence) -> Explanation:
    return explain_service(found, next(iter(found.spec.services.values())))


def said(found: Explanation, about: str) -> list[str]:
    return [link.says for link in found.chain if link.about == about]


def shop(**keys: object) -> Service:
    """Two pools, thresholds 50/20 each, hprio or fo."""
    made = service([server(1), server(2)], [server(3, weight=1)], scheduler="hprio", fallback="fo")
    return replace(made, **keys)


# --- a server ---------------------------------------------------------------------------------------------------------


def test_a_server_that_is_well() -> None:
    found = of_server(evidence(spec(shop()), healths("UUU"), {VIP: entry({1: 5, 2: 5, 3: 1}, "hprio")}), 1)
    assert (found.subject, found.answer) == ("web/10.0.0.1:80", "web/10.0.0.1:80 has weight 5: up: L7OK 200 OK")
    assert [(link.about, link.says) for link in found.chain] == [
        ("configuration", "pool a (1 of 2 in order of priority), weight 5, forward route"),
        (
            "thresholds",
            "full at 50 connections, takes new ones again below 20; 15 now, of which 12 are established",
        ),
        ("check", "http 10.0.0.1:80 every 2 s: up, last answer L7OK 200 OK; 0 of 3 fails take it down"),
        ("health", "up: every check passes"),
        ("scheduler", "hprio is wanted and used"),
        ("pools", "all are in the table: hprio takes the highest weight that has room"),
        ("load", "has room (estimated)"),
        ("load", "pool a holds 15 of 100 connections"),
        ("load", "pool b holds 0 of 50 connections"),
        ("load", "new connections go to pool a (estimated)"),
        ("kernel", "has it with weight 5, as wanted"),
    ]


UNSEEN = "the kernel counts nobody whom it refuses: that no server has room is seen only if it is so at a look"


def loads(*seen: tuple[float, dict[int, int]]) -> list[tuple[str, list[str]]]:
    """The links on load of the service and of server 1, at each of these moments with so many connections."""
    what = service([server(1), server(2)], [server(3, weight=1)], scheduler="hprio")
    table = {VIP: Entry(what.attrs, {one.key: one.attrs for pool in what.pools for one in pool.servers})}
    known: Loads = {}
    found = []
    for now, totals in seen:
        counts = {real(n): RealCounters(total, 0, 0, Traffic(total)) for n, total in totals.items()}
        look = Seen(table, {VIP: ServiceCounters(Traffic(), counts)})
        known = watch(spec(what), look, known, now, generation=Generation.NEW).loads
        base = evidence(spec(what), healths("UUU"), table)
        shown = replace(base, now=now, load=known[VIP])
        found.append((said(of_server(shown, 1), "load")[0], said(of_service(shown), "load")))
    return found


def test_where_new_connections_go_and_why() -> None:
    room, spilling, exhausted = loads(
        (10.0, {1: 30, 2: 50, 3: 7}), (20.0, {1: 50, 2: 50, 3: 7}), (32.0, {1: 50, 2: 50, 3: 50})
    )
    assert room == (
        "whether it is full cannot be told: it was between its thresholds when lvsctl first looked, or they were "
        "edited and this kernel's rules for that are not known",
        [
            "pool a holds 80 of 100 connections",
            "pool b holds 7 of 50 connections",
            "new connections go to pool a (estimated)",
            UNSEEN,
        ],
    )
    assert spilling == (
        "full (estimated): the kernel gives it no new connections",
        [
            "pool a holds 100 of 100 connections, and is full (estimated)",
            "pool b holds 7 of 50 connections",
            "pool a has spilled for 0 s: it is full, new connections go to pool b, 0 went below it since (estimated)",
            UNSEEN,
        ],
    )
    assert exhausted[1][2:] == ["no server has room for 0 s: new connections are refused (estimated)"]


def test_of_a_service_that_cannot_be_full_nothing_is_said_to_be_unseen() -> None:
    last = server(3, weight=1)
    unlimited = replace(last, attrs=replace(last.attrs, upper=0, lower=0))
    what = service([server(1), server(2)], [unlimited], scheduler="hprio")
    table = {VIP: Entry(what.attrs, {one.key: one.attrs for pool in what.pools for one in pool.servers})}
    assert UNSEEN not in said(of_service(evidence(spec(what), healths("UUU"), table)), "load")


def test_a_server_that_an_operator_drained() -> None:
    by_hand = Override(ServerSubject(None, real(1).address, None), Action.DRAIN, "alice (uid 1000)", "new memory", 1.0)
    wanted = spec(service([replace(server(1), name="web1")], [server(2, weight=1)]))
    found = evidence(wanted, healths("UU"), {VIP: entry({1: 0, 2: 1})}, overrides=(by_hand,))
    drained = of_server(found, 1)
    words = "drained by alice (uid 1000), without an end: new memory"
    assert drained.answer == f"web/10.0.0.1:80 has weight 0, so it gets no new connections: {words}"
    about = [link.about for link in drained.chain if link.about != "load"]
    assert about[-5:] == ["health", "override", "scheduler", "pools", "kernel"]
    assert said(drained, "override") == [f"{words} (ordered of 10.0.0.1)"]
    assert said(drained, "configuration")[0].startswith("web1, pool a (1 of 2 in order of priority), weight 5")
    assert said(drained, "health") == ["up: every check passes"]
    says = "b is in use, as no server of a higher one takes connections; wrr itself knows no priorities"
    assert said(drained, "pools") == [says]
    assert said(of_server(found, 2), "override") == []


def test_a_server_that_is_down() -> None:
    down = {**healths("UUU"), check_of(2): DOWN}
    found = of_server(evidence(spec(shop()), down, {VIP: entry({1: 5, 2: 5, 3: 1}, "hprio")}), 2)
    assert found.answer == "web/10.0.0.2:80 has weight 5: down: L4CON connection refused"
    assert said(found, "check") == [
        "http 10.0.0.1:80 every 2 s: down for 60 s, last answer L4CON connection refused; 0 of 2 passes bring it up"
    ]
    assert said(found, "health") == ["down: does not belong in the table (on_down remove)"]
    assert said(found, "kernel") == ["has it with weight 5; a round removes it"]
    gone = of_server(evidence(spec(shop()), down, {VIP: entry({1: 5, 3: 1}, "hprio")}), 2)
    assert gone.answer == "web/10.0.0.2:80 is not in the table: down: L4CON connection refused"
    assert said(gone, "kernel") == ["has it not, as wanted"]


def test_a_server_at_weight_0() -> None:
    wanted = spec(shop(on_down=OnDown.QUIESCE))
    found = of_server(evidence(wanted, healths("DUU"), {VIP: entry({1: 0, 2: 5, 3: 1}, "hprio")}), 1)
    assert found.answer == (
        "web/10.0.0.1:80 has weight 0, so it gets no new connections: down: L4CON connection refused"
    )
    assert said(found, "health") == ["down: weight 0, so that its connections may finish (on_down quiesce)"]


@pytest.mark.parametrize(
    ("belief", "check", "health"),
    [
        (
            Health(up=True),
            "no answer yet, presumed up as it was in the table; 0 of 3 fails take it down",
            "presumed up: it stays as it was found until its checks have answered",
        ),
        (
            Health(up=False),
            "no answer yet; 0 of 2 passes bring it up",
            "unproven: a server enters only after its checks have passed",
        ),
        (
            UNASKED,
            "no answer yet, could not be asked ASKERR no file descriptor left; 0 of 2 passes bring it up",
            "unproven: a server enters only after its checks have passed",
        ),
        (
            Health(True, True, 2, FAIL, since=1.0),
            "up for 2 h, last answer L4CON connection refused; 2 of 3 fails take it down",
            "up: every check passes",
        ),
    ],
)
def test_what_is_believed(belief: Health, check: str, health: str) -> None:
    found = evidence(spec(shop()), {**healths("UUU"), check_of(1): belief}, {VIP: entry({1: 5})}, now=7201.0)
    assert said(of_server(found, 1), "check") == [f"http 10.0.0.1:80 every 2 s: {check}"]
    assert said(of_server(found, 1), "health") == [health]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_how_long(seconds: float, says: str) -> None:
    up = Health(True, True, 0, None, since=1.0)
    found = evidence(spec(shop()), {check_of(1): up}, {}, now=1 + seconds)
    assert said(of_server(found, 1), "check") == [
        f"http 10.0.0.1:80 every 2 s: up for {says}; 0 of 3 fails take it down"
    ]


def test_no_checks() -> None:
    found = evidence(spec(service([server(1, checks=())])), {}, {VIP: entry({1: 5})})
    assert said(of_server(found, 1), "health") == ["up: no checks"]
    assert said(of_server(found, 1), "configuration") == ["pool a, weight 5, forward route"]
    assert said(of_server(found, 1), "pools") == ["a is the only one"]


def test_without_a_lower_threshold_the_kernel_takes_three_quarters() -> None:
    limits = {50: 38, 8: 6, 4: 3, 3: 3, 1: 1}
    for upper, below in limits.items():
        attrs = replace(ROUTE, upper=upper, lower=0)
        pool = service([replace(server(1), attrs=attrs)])
        found = of_server(evidence(spec(pool), healths("U"), {}), 1)
        assert said(found, "thresholds") == [
            f"full at {upper} connections, takes new ones again below {below} (75% of it, as no lower one is set); "
            "15 now, of which 12 are established"
        ]


def test_persistence_makes_thresholds_soft() -> None:
    soft = (
        "makes thresholds soft: a client remembered (persistent 150s) goes to its server even if that is full, and "
        "stays on a lower pool until it is forgotten"
    )
    persistent = spec(shop(attrs=ServiceAttrs("hprio", persistence=150)))
    found = evidence(persistent, healths("UUU"), {})
    assert said(of_server(found, 1), "persistence") == said(of_service(found), "persistence") == [soft]
    free = replace(server(1), attrs=replace(ROUTE, upper=0, lower=0))
    unlimited = service([free, server(2)], scheduler="rr", fallback=None)
    found = evidence(spec(replace(unlimited, attrs=persistent.services["web"].attrs)), healths("UU"), {})
    assert said(of_server(found, 1), "persistence") == []
    assert said(of_server(found, 1), "thresholds") == []
    assert said(of_server(found, 2), "persistence") == [soft]


def test_a_pool_that_stands_by() -> None:
    two = spec(service([server(1)], [server(2)], scheduler="wrr", fallback=None))
    found = evidence(two, healths("UU"), {VIP: entry({1: 5})})
    assert of_server(found, 2).answer == "web/10.0.0.2:80 is not in the table: pool a is in use, pool b waits"
    assert said(of_server(found, 2), "pools") == ["a is in use; wrr itself knows no priorities"]
    lower = evidence(two, healths("DU"), {VIP: entry({2: 5})})
    assert said(of_server(lower, 2), "pools") == [
        "b is in use, as no server of a higher one is up; wrr itself knows no priorities"
    ]
    assert said(of_server(evidence(two, healths("DD"), {}), 2), "pools") == ["no server of any is up"]


def test_a_guard_that_keeps_it() -> None:
    found = evidence(spec(service([server(1), server(2)], floor=2)), healths("DU"), {VIP: entry({1: 5, 2: 5})})
    kept = "down but kept: the floor of pool a is 2"
    assert of_server(found, 1).answer == f"web/10.0.0.1:80 has weight 5: {kept}"
    assert said(of_server(found, 1), "guard") == said(of_service(found), "guard") == [f"withholds 1 step: {kept}"]
    assert said(of_server(found, 1), "kernel") == ["has it with weight 5; what would change that is withheld"]
    assert said(of_server(found, 1), "floor") == ["checks alone leave at least 2 of the servers of pool a"]
    assert said(of_server(found, 2), "guard") == []
    assert said(of_service(found), "pool a") == [
        "2 of 2 servers take new connections; checks alone leave at least 2 (floor)"
    ]


def test_what_the_kernel_refused_and_what_a_round_changes() -> None:
    found = evidence(spec(shop()), healths("UUU"), {VIP: entry({1: 3, 2: 5}, "hprio")})
    step = Step(AddServer(VIP, real(3), ROUTE), "", "up")
    found = replace(found, refused=((step, Refusal(34, "weight out of range")),))
    assert said(of_server(found, 1), "kernel") == ["has it with weight 3; a round changes weight 3 -> 5"]
    assert said(of_server(found, 3), "kernel") == [
        "refused add-server in the newest round: weight out of range",
        "has it not; a round adds it",
    ]
    assert of_server(found, 3).answer == (
        "web/10.0.0.3:80 is not in the table: the kernel refused add-server in the newest round: weight out of range"
    )
    assert said(of_service(found), "kernel") == ["has it with scheduler hprio"]


def test_a_server_of_a_service_that_is_not_made() -> None:
    waits = evidence(spec(shop()), healths("UUN"), {})
    assert of_server(waits, 1).answer == (
        "web/10.0.0.1:80 is not in the table: the service is waiting: waiting for the first word of 1 check"
    )
    refused = evidence(spec(shop(fallback=None)), healths("UUU"), {}, ladder=HPRIO)
    assert of_server(refused, 1).answer == (
        "web/10.0.0.1:80 is not in the table: the service is refused: the kernel has no scheduler hprio: install the "
        "module (deploy/ip-vs-hprio), or allow a scheduler_fallback"
    )
    assert said(of_server(refused, 1), "pools") == ["none is in use: the service is refused"]
    assert said(of_server(refused, 1), "kernel") == ["has it not; the newest round wanted nothing of this service"]


RESTS = "standby: idle, and this director is not the active one"


@pytest.mark.parametrize(
    ("sentence", "found", "answer", "servers"),
    [
        (
            "the director stands by, and keeps no table meanwhile",
            evidence(spec(shop()), healths("UDU"), {}, resting=True),
            f"idle: {RESTS}",
            [
                "is not in the table: the service is idle; up: L7OK 200 OK",
                "is not in the table: the service is idle; down: L4CON connection refused",
                "is not in the table: the service is idle; up: L7OK 200 OK",
            ],
        ),
        (
            "it has just come to stand by, and no round has been since",
            evidence(spec(shop()), healths("UDU"), {VIP: entry({1: 5, 3: 1}, "hprio")}, resting=True),
            f"ok: {RESTS}",
            [
                "has weight 5: up: L7OK 200 OK",
                "is not in the table: down: L4CON connection refused",
                "has weight 1: up: L7OK 200 OK",
            ],
        ),
        (
            "one has not answered yet",
            evidence(spec(shop()), healths("UNU"), {}),
            "waiting: waiting for the first word of 1 check",
            [
                "is not in the table: the service is waiting; up: L7OK 200 OK",
                "is not in the table: the service is waiting; no answer yet",
                "is not in the table: the service is waiting; up: L7OK 200 OK",
            ],
        ),
    ],
)
def test_each_server_of_a_service_that_is_not_made(
    sentence: str, found: Evidence, answer: str, servers: list[str]
) -> None:
    told = of_service(found)
    assert told.answer == f"web (tcp 192.0.2.1:80) is {answer}", sentence
    assert [says for n in (1, 2, 3) for says in said(told, str(real(n)))] == servers, sentence


def test_before_the_first_round() -> None:
    found = replace(evidence(spec(shop()), healths("NNN"), {}), desired=None)
    assert of_server(found, 1).answer == (
        "web/10.0.0.1:80 is not in the table: the service is waiting: there was no round yet"
    )
    assert said(of_server(found, 1), "kernel") == ["has it not; there was no round yet"]
    assert of_service(found).answer == "web (tcp 192.0.2.1:80) is waiting: there was no round yet"


def test_a_service_that_somebody_deleted_and_one_that_the_kernel_will_not_have() -> None:
    found = evidence(spec(shop()), healths("UUU"), {})
    assert of_service(found).answer == "web (tcp 192.0.2.1:80) is waiting: a round makes it"
    step = Step(AddService(VIP, ServiceAttrs("hprio")), "scheduler hprio", "configuration")
    failed = replace(found, refused=((step, Refusal(12, "out of memory")),))
    why = "the service is waiting: the kernel refused add-service in the newest round: out of memory"
    assert of_service(failed).answer == f"web (tcp 192.0.2.1:80){why.removeprefix('the service')}"
    assert of_server(failed, 1).answer == f"web/10.0.0.1:80 is not in the table: {why}"


# --- a service --------------------------------------------------------------------------------------------------------


def test_a_service() -> None:
    wanted = spec(shop(attrs=ServiceAttrs("hprio", persistence=150)))
    found = of_service(evidence(wanted, healths("UDU"), {VIP: entry({1: 5, 3: 1}, "fo")}, ladder=HPRIO))
    assert (found.subject, found.answer) == (
        "web",
        "web (tcp 192.0.2.1:80) is ok: configuration; the kernel has no scheduler hprio, fo is used in its place",
    )
    assert [(link.about, link.says) for link in found.chain] == [
        (
            "configuration",
            "scheduler hprio, scheduler_fallback fo, scheduler_upgrade reload, persistent 150s, on_down remove, "
            "on_exit keep",
        ),
        ("scheduler", "the kernel has no scheduler hprio, fo is used in its place"),
        ("pools", "all are in the table: fo takes the highest weight that has room"),
        ("load", "pool a holds 15 of 50 connections"),
        ("load", "pool b holds 0 of 50 connections"),
        ("load", "new connections go to pool a (estimated)"),
        ("load", UNSEEN),
        ("pool a", "1 of 2 servers take new connections"),
        ("pool b", "1 of 1 servers take new connections"),
        (
            "persistence",
            "makes thresholds soft: a client remembered (persistent 150s) goes to its server even if that is full, "
            "and stays on a lower pool until it is forgotten",
        ),
        ("kernel", "has it with scheduler fo; a round changes it: persistence 0 s -> 150 s"),
        ("10.0.0.1:80", "has weight 5: up: L7OK 200 OK"),
        ("10.0.0.2:80", "is not in the table: down: L4CON connection refused"),
        ("10.0.0.3:80", "has weight 1: up: L7OK 200 OK"),
    ]


@pytest.mark.parametrize(
    ("sentence", "ladder", "fallback", "says"),
    [
        ("wanted and there", Ladder(), "fo", "hprio is wanted and used"),
        (
            "later",
            Ladder(frozenset(), {VIP: "fo"}),
            "fo",
            f"hprio is there now; the service goes on with fo until the next reload; {SWITCH_MOMENT}",
        ),
        (
            "refused",
            HPRIO,
            None,
            "hprio is wanted and none is used: the kernel has no scheduler hprio: install the module "
            "(deploy/ip-vs-hprio), or allow a scheduler_fallback",
        ),
    ],
)
def test_its_scheduler(sentence: str, ladder: Ladder, fallback: str | None, says: str) -> None:
    found = evidence(spec(shop(fallback=fallback)), healths("UUU"), {}, ladder=ladder)
    assert said(of_service(found), "scheduler") == [says], sentence


def test_a_service_that_is_down_and_one_that_is_refused_something() -> None:
    found = evidence(spec(service([server(1)], fallback=None)), healths("D"), {VIP: entry({}, "rr")})
    step = Step(EditService(VIP, ServiceAttrs("wrr")), "scheduler rr -> wrr", "configuration")
    found = replace(found, refused=((step, Refusal(2, "the kernel has no scheduler 'wrr'")),))
    told = of_service(found)
    assert told.answer == "web (tcp 192.0.2.1:80) is down: no server takes new connections"
    assert said(told, "configuration") == ["scheduler wrr, scheduler_fallback none, on_down remove, on_exit keep"]
    assert said(told, "kernel") == [
        "refused edit-service in the newest round: the kernel has no scheduler 'wrr'",
        "has it with scheduler rr; a round changes it: scheduler rr -> wrr",
    ]


# --- whom the operator means ------------------------------------------------------------------------------------------

MANY = spec(
    service([server(1), server(2)]),
    service([server(1)], name="dns", key=replace(OTHER_VIP, protocol=Protocol.UDP)),
    service([server(1)], name="dns-tcp", key=OTHER_VIP),
    service([server(1)], name="marked", key=MarkKey(Family.INET, 20)),
    service([replace(server(1), key=replace(real(1), port=81)), server(1)], name="two", key=replace(VIP, port=81)),
    service(
        [replace(server(1), key=replace(real(1), address=ip_address("2001:db8::1")))],
        name="six",
        key=AddressKey(ip_address("2001:db8::100"), 443, Protocol.TCP),
    ),
    service([server(1), replace(server(3), name="thatone")], name="named", key=replace(VIP, port=82)),
    service([server(1)], name="last", key=replace(VIP, port=83)),
)


@pytest.mark.parametrize(
    ("words", "name", "key"),
    [
        ("web", "web", None),
        ("192.0.2.1:80", "web", None),
        ("udp 192.0.2.2:80", "dns", None),
        ("mark 20", "marked", None),
        ("[2001:db8::100]:443", "six", None),
        ("web/10.0.0.2:80", "web", "10.0.0.2:80"),
        ("web/10.0.0.2", "web", "10.0.0.2:80"),
        ("192.0.2.1:80/10.0.0.2", "web", "10.0.0.2:80"),
        ("two/10.0.0.1:81", "two", "10.0.0.1:81"),
        ("six/2001:DB8:0::1", "six", "[2001:db8::1]:80"),
        ("10.0.0.2", "web", "10.0.0.2:80"),
        ("10.0.0.1:81", "two", "10.0.0.1:81"),
        ("2001:DB8:0::1", "six", "[2001:db8::1]:80"),
        ("thatone", "named", "10.0.0.3:80"),
    ],
)
def test_who_is_meant(words: str, name: str, key: str | None) -> None:
    what, which = find(MANY, words)
    assert (what.name, None if which is None else str(which.key)) == (name, key)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("wbe", "there is no service or server `wbe`: did you mean `web`?"),
        ("zzz/10.0.0.1", "there is no service `zzz`: `lvsctl status` lists them"),
        ("", "there is no service or server ``: `lvsctl status` lists them"),
        ("20", "there is no service or server `20`: `lvsctl status` lists them"),
        ("192.0.2.2:80", "`192.0.2.2:80` is more than one service: `dns`, `dns-tcp`; name one"),
        ("web/10.0.0.7:80", "there is no server `10.0.0.7:80` in web: did you mean `10.0.0.2:80`?"),
        ("web/zzz", "there is no server `zzz` in web: `lvsctl explain web` lists them"),
        ("web/", "there is no server `` in web: `lvsctl explain web` lists them"),
        (
            "10.0.0.1:80",
            "`10.0.0.1:80` is there more than once: `web/10.0.0.1:80`, `dns/10.0.0.1:80`, `dns-tcp/10.0.0.1:80`, "
            "`marked/10.0.0.1:80`, `two/10.0.0.1:80`, `named/10.0.0.1:80`, 1 more; name one",
        ),
        ("web/a", "`a` is a pool of web: name the service, or one of its servers, such as web/10.0.0.1:80"),
        ("two/10.0.0.1", "`10.0.0.1` is more than one server of two: `10.0.0.1:81`, `10.0.0.1:80`; name one"),
    ],
)
def test_who_cannot_be_meant(words: str, says: str) -> None:
    with pytest.raises(NoSuchSubject) as caught:
        find(MANY, words)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("role", "resting", "says"),
    [
        (None, False, []),
        (Role.ACTIVE, False, ["this director is active"]),
        (Role.STANDBY, False, ["this director is standby, and keeps its table as the active one does"]),
        (Role.FAULT, False, ["this director is in fault, and keeps its table as the active one does"]),
        (
            Role.STANDBY,
            True,
            ["this director is standby, and has nothing in the table until it is active (standby: idle)"],
        ),
        (
            Role.FAULT,
            True,
            ["this director is in fault, and has nothing in the table until it is active (standby: idle)"],
        ),
    ],
)
def test_the_role_in_a_pair(role: Role | None, resting: bool, says: list[str]) -> None:
    found = replace(evidence(spec(shop()), healths("UUU"), {}), role=role, resting=resting)
    assert said(of_server(found, 1), "role") == said(of_service(found), "role") == says
    about = [link.about for link in of_server(found, 1).chain]
    assert role is None or about[about.index("role") :] == ["role", "kernel"]
