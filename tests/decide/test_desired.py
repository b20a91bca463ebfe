"""The wanted table: pools, schedulers, health, warm-up, and the reasons."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.guard import guard
from lvsctl.decide.health import Standing, assume_up, presume, standing
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.plan import diff
from lvsctl.decide.quiet import leaving
from lvsctl.decide.table import after_all
from lvsctl.events import SchedulerMissing
from lvsctl.model import (
    AddServer,
    CheckId,
    DeleteService,
    EditServer,
    Forward,
    Health,
    OnDown,
    RealAttrs,
    RealKey,
    Server,
    ServiceKey,
    Spec,
    Step,
    Table,
)
from tests.decide.making import (
    DOWN,
    FAIL,
    OTHER_VIP,
    PASS,
    PRESUMED,
    ROUTE,
    UNASKED,
    UNHEARD,
    UNKNOWN,
    UP,
    VIP,
    any_found,
    any_health,
    any_idle,
    check_of,
    entry,
    healths,
    real,
    server,
    service,
    spec,
    specs,
    weights,
)

REMOVE, QUIESCE = OnDown.REMOVE, OnDown.QUIESCE


@pytest.mark.parametrize(
    ("sentence", "letters", "found", "on_down", "wanted"),
    [
        ("all up: all in, with their weights", "UU", {}, REMOVE, {1: 5, 2: 5}),
        ("down: out of the table", "UD", {1: 5, 2: 5}, REMOVE, {1: 5}),
        ("down, quiesce: weight 0, its connections may finish", "UD", {1: 5, 2: 5}, QUIESCE, {1: 5, 2: 0}),
        ("down, quiesce: one that is not in the table is not added", "UD", {1: 5}, QUIESCE, {1: 5}),
        ("all down: the service stays, without servers", "DD", {1: 5}, REMOVE, {}),
        ("never answered and absent: it has to prove itself first", "UN", {1: 5}, REMOVE, {1: 5}),
        ("never answered, at weight 0: as found", "UN", {1: 5, 2: 0}, REMOVE, {1: 5, 2: 0}),
        ("never answered, but somebody sends it connections: weight 0", "UN", {1: 5, 2: 5}, REMOVE, {1: 5, 2: 0}),
        ("asked in vain and absent: not added", "U?", {1: 5}, REMOVE, {1: 5}),
        ("presumed up: stays with its configured weight", "UP", {1: 5, 2: 3}, REMOVE, {1: 5, 2: 5}),
        ("presumed up and absent: a presumption brings nobody in", "UP", {1: 5}, REMOVE, {1: 5}),
        ("presumed up at weight 0: a presumption raises nobody", "UP", {1: 5, 2: 0}, REMOVE, {1: 5, 2: 0}),
        ("a server that is not configured is not wanted", "UU", {1: 5, 2: 5, 9: 5}, REMOVE, {1: 5, 2: 5}),
    ],
)
def test_servers_by_health(
    sentence: str, letters: str, found: dict[int, int], on_down: OnDown, wanted: dict[int, int]
) -> None:
    web = spec(service([server(1), server(2)], on_down=on_down))
    assert weights(desired(web, healths(letters), {VIP: entry(found)}).table) == wanted, sentence


@pytest.mark.parametrize(
    ("sentence", "scheduler", "letters", "found", "idle", "wanted"),
    [
        ("hprio: the kernel spills by load, both pools are in", "hprio", "UUU", {}, {}, {1: 5, 2: 5, 3: 1}),
        ("fo: likewise", "fo", "UUU", {}, {}, {1: 5, 2: 5, 3: 1}),
        ("wrr: the lower pool stands by", "wrr", "UUU", {}, {}, {1: 5, 2: 5}),
        ("wrr: one server up is enough for the upper pool", "wrr", "DUU", {1: 5, 2: 5}, {}, {2: 5}),
        ("wrr: the upper pool is all down, the lower takes over", "wrr", "DDU", {1: 5, 2: 5}, {}, {3: 1}),
        ("wrr: no pool has anybody", "wrr", "DDD", {1: 5}, {}, {}),
        ("wrr: the upper pool is back, the lower gets no more", "wrr", "UDU", {3: 1}, {}, {1: 5, 3: 0}),
        ("wrr: the upper pool is back, a busy lower one finishes", "wrr", "UDU", {1: 5, 3: 0}, {}, {1: 5, 3: 0}),
        ("wrr: the upper pool is back, an idle lower one leaves", "wrr", "UDU", {1: 5, 3: 0}, {3}, {1: 5}),
        ("wrr: busy but absent is not added", "wrr", "UUU", {1: 5, 2: 5}, {}, {1: 5, 2: 5}),
        ("wrr: dead and standing by has nothing to finish", "wrr", "UUD", {1: 5, 2: 5, 3: 0}, {}, {1: 5, 2: 5}),
        ("wrr: presumed up in the table holds the pool", "wrr", "PNU", {1: 5}, {}, {1: 5}),
        ("wrr: presumed up outside the table does not", "wrr", "PNU", {3: 1}, {}, {3: 1}),
    ],
)
def test_pools(
    sentence: str, scheduler: str, letters: str, found: dict[int, int], idle: set[int], wanted: dict[int, int]
) -> None:
    shop = spec(service([server(1), server(2)], [server(3, weight=1)], scheduler=scheduler))
    held = {VIP: entry(found)}
    without_connections = {(VIP, real(n)) for n in idle}
    assert weights(desired(shop, healths(letters), held, idle=without_connections).table) == wanted, sentence


def test_an_upper_pool_drained_by_configuration_hands_over() -> None:
    shop = spec(service([server(1, weight=0)], [server(2)]))
    assert weights(desired(shop, healths("UU"), {}).table) == {1: 0, 2: 5}


def test_only_servers_that_the_kernel_holds_and_whose_pool_waits_are_asked_about() -> None:
    wrr = spec(service([server(1)], [server(2), server(3)]))
    held = {VIP: entry({1: 5, 2: 0})}
    assert leaving(wrr, healths("UUU"), held) == {(VIP, real(2))}
    assert leaving(wrr, healths("UUU"), {VIP: entry({1: 5, 2: 1})}) == set(), "it may yet get a connection"
    assert leaving(wrr, healths("DUU"), held) == set()
    assert leaving(wrr, healths("UUU"), {}) == set()
    hprio = spec(service([server(1)], [server(2), server(3)], scheduler="hprio"))
    assert leaving(hprio, healths("UUU"), held) == set()
    assert leaving(hprio, healths("UUU"), held, ladder=Ladder(frozenset({"hprio"}))) == {(VIP, real(2))}


def test_without_checks_a_server_is_always_in() -> None:
    assert weights(desired(spec(service([server(1, checks=[])])), {}, {}).table) == {1: 5}


def test_all_checks_must_pass() -> None:
    web = spec(service([server(1, checks=["http", "tcp"])]))
    health = {check_of(1): UP, check_of(1, "tcp"): DOWN}
    assert weights(desired(web, health, {VIP: entry({1: 5})}).table) == {}


@pytest.mark.parametrize(
    ("sentence", "letters", "left", "have", "wanted"),
    [
        ("deleted", "P", {1: 5}, {}, {1: 5}),
        ("drained", "P", {1: 5}, {1: 0}, {1: 5}),
        ("never in: somebody added it", "P", {}, {1: 5}, {1: 0}),
        ("the pool that was deleted holds all the same", "PU", {1: 5}, {2: 5}, {1: 5, 2: 0}),
    ],
)
def test_what_is_presumed_up_is_put_back_as_it_was_left(
    sentence: str, letters: str, left: dict[int, int], have: dict[int, int], wanted: dict[int, int]
) -> None:
    """Its check may never answer (exec of a broken program): then nothing else would ever bring it back."""
    web = spec(service([server(1)], [server(2)]))
    found = desired(web, healths(letters), {VIP: entry(have)}, left={VIP: entry(left)})
    assert weights(found.table) == wanted, sentence


def test_weight_0_keeps_the_other_attributes_as_configured() -> None:
    web = spec(service([server(1)], on_down=QUIESCE))
    wanted = desired(web, healths("D"), {VIP: entry({1: 5})}).table
    assert wanted[VIP].servers == {real(1): replace(ROUTE, weight=0)}


def test_servers_are_in_the_order_of_the_configuration() -> None:
    numbers = [21, 22, 23, 13]
    shop = spec(service([server(n) for n in numbers[:3]], [server(13, weight=1)], scheduler="hprio"))
    wanted = desired(shop, assume_up(shop), {VIP: entry({23: 5, 13: 1})}).table
    assert list(wanted[VIP].servers) == [real(n) for n in numbers]


# --- warm-up ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "beliefs", "made"),
    [
        ("nobody has spoken", [UNHEARD, UNHEARD], False),
        ("one has: it would get everybody", [UP, UNHEARD], False),
        ("all have", [UP, DOWN], True),
        ("asked in vain counts as having spoken", [UP, UNASKED], True),
        ("presumed up through another service does not: it could not enter anyway", [UP, PRESUMED], False),
        ("presumed up and asked in vain does", [UP, replace(PRESUMED, last=UNKNOWN)], True),
    ],
)
def test_a_new_service_is_made_when_all_its_checks_have_spoken(
    sentence: str, beliefs: list[Health], made: bool
) -> None:
    web = spec(service([server(1), server(2)]))
    wanted = desired(web, dict(zip([check_of(1), check_of(2)], beliefs, strict=True)), {})
    assert (VIP in wanted.table) is made, sentence
    assert not wanted.refused


def test_a_service_that_is_there_does_not_wait() -> None:
    wanted = desired(spec(service([server(1), server(2)])), healths("NN"), {VIP: entry({})})
    assert weights(wanted.table) == {}


@pytest.mark.parametrize(
    ("sentence", "letters", "found", "wanted"),
    [
        ("nobody has spoken: else it would be dark until one does", "NN", {8: 5, 9: 3}, {8: 5, 9: 3}),
        ("one has: it would get everybody", "UN", {8: 5, 9: 3}, {1: 5, 8: 5, 9: 3}),
        ("all have", "UD", {8: 5, 9: 3}, {1: 5}),
        ("asked in vain counts as having spoken", "U?", {9: 5}, {1: 5}),
        ("all are dead: that is what the configuration wants", "DD", {9: 5}, {}),
        ("those that have not spoken are in the table already", "PP", {1: 5, 2: 5, 9: 5}, {1: 5, 2: 5}),
    ],
)
def test_servers_that_left_the_configuration_stay_until_their_replacements_have_spoken(
    sentence: str, letters: str, found: dict[int, int], wanted: dict[int, int]
) -> None:
    web = spec(service([server(1), server(2)]))
    assert weights(desired(web, healths(letters), {VIP: entry(found)}).table) == wanted, sentence


def test_with_no_checks_asked_at_all_nothing_waits() -> None:
    web = spec(service([server(1), server(2)]))
    assert weights(desired(web, assume_up(web), {}).table) == {1: 5, 2: 5}


# --- schedulers -------------------------------------------------------------------------------------------------------


def test_the_fallback_stands_in_for_a_scheduler_that_the_kernel_lacks() -> None:
    shop = spec(service([server(1)], [server(2, weight=1)], scheduler="hprio", fallback="fo"))
    wanted = desired(shop, healths("UU"), {}, ladder=Ladder(frozenset({"hprio"})))
    assert wanted.table[VIP].attrs.scheduler == "fo"
    assert weights(wanted.table) == {1: 5, 2: 1}
    assert wanted.schedulers == (SchedulerMissing("hprio", "fo", ("web",)),)
    assert wanted.why[VIP, None] == "configuration; the kernel has no scheduler hprio, fo is used in its place"


def test_a_fallback_without_priorities_puts_the_lower_pool_on_standby() -> None:
    shop = spec(service([server(1)], [server(2, weight=1)], scheduler="hprio", fallback="wrr"))
    assert weights(desired(shop, healths("UU"), {}, ladder=Ladder(frozenset({"hprio"}))).table) == {1: 5}


@pytest.mark.parametrize(
    ("fallback", "says"),
    [
        (
            None,
            "the kernel has no scheduler hprio: install the module (deploy/ip-vs-hprio), or allow a scheduler_fallback",
        ),
        (
            "fo",
            "the kernel has neither scheduler hprio nor its fallback fo: "
            "install the module (deploy/ip-vs-hprio), or try modprobe ip_vs_fo",
        ),
    ],
)
def test_a_service_without_any_scheduler_is_refused_and_what_is_there_stays(fallback: str | None, says: str) -> None:
    shop = spec(service([server(1)], scheduler="hprio", fallback=fallback))
    held = {VIP: entry({1: 5, 7: 5}, "wlc")}
    wanted = desired(shop, healths("U"), held, ladder=Ladder(frozenset({"hprio", "fo"})))
    assert wanted.table == {}
    assert wanted.refused == {VIP: says}
    assert wanted.schedulers == (SchedulerMissing("hprio", None, ("web",)),)
    assert diff(wanted.table, held, owned={VIP}, hold=frozenset(wanted.refused)) == ()


def test_services_that_lack_the_same_scheduler_are_told_of_together() -> None:
    shops = spec(
        service([server(1)], scheduler="hprio", fallback="fo"),
        service([server(2)], name="two", key=OTHER_VIP, scheduler="hprio", fallback="fo"),
    )
    wanted = desired(shops, healths("UU"), {}, ladder=Ladder(frozenset({"hprio"})))
    assert wanted.schedulers == (SchedulerMissing("hprio", "fo", ("web", "two")),)


# --- reasons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("belief", "says"),
    [
        (UP, "up: L7OK 200 OK"),
        (Health(True, True, 1, FAIL), "up, 1 of 3 fails: L4CON connection refused"),
        (replace(UP, last=UNKNOWN), "up; not asked: ASKERR no file descriptor left"),
        (replace(UP, last=None), "up"),
        (PRESUMED, "presumed up"),
        (Health(True, False, 2, FAIL), "presumed up, 2 of 3 fails: L4CON connection refused"),
        (DOWN, "down: L4CON connection refused"),
        (Health(False, True, 1, PASS), "down, 1 of 2 passes: L7OK 200 OK"),
        (UNHEARD, "no answer yet"),
        (UNASKED, "no answer yet; not asked: ASKERR no file descriptor left"),
    ],
)
def test_why_names_the_outcome_that_decided(belief: Health, says: str) -> None:
    wanted = desired(spec(service([server(1)])), {check_of(1): belief}, {VIP: entry({1: 5})})
    assert wanted.why[VIP, real(1)] == says


@pytest.mark.parametrize(
    ("sentence", "http", "tcp", "says"),
    [
        ("the one that is down decides", UP, DOWN, "down: L4CON connection refused"),
        ("down before never answered", UNHEARD, DOWN, "down: L4CON connection refused"),
        ("never answered before up", UP, UNHEARD, "no answer yet"),
        ("in doubt before settled", UP, Health(True, True, 1, FAIL), "up, 1 of 3 fails: L4CON connection refused"),
        ("presumed before answered", UP, PRESUMED, "presumed up"),
    ],
)
def test_why_of_several_checks_is_that_of_the_worst(sentence: str, http: Health, tcp: Health, says: str) -> None:
    web = spec(service([server(1, checks=["http", "tcp"])]))
    wanted = desired(web, {check_of(1): http, check_of(1, "tcp"): tcp}, {VIP: entry({1: 5})})
    assert wanted.why[VIP, real(1)] == says, sentence


def test_why_of_everything_else() -> None:
    shop = spec(service([server(1, checks=[]), server(2, weight=0)], [server(3)]))
    why = desired(shop, {check_of(2): UP, check_of(3): UP}, {}).why
    assert dict(why) == {
        (VIP, None): "configuration",
        (VIP, real(1)): "up: no checks",
        (VIP, real(2)): "configured with weight 0",
        (VIP, real(3)): "pool a is in use, pool b waits",
    }
    assert len(why) == 4
    assert desired(shop, healths("DDU"), {}).why.get((VIP, real(99))) is None
    lower = spec(service([server(1)], [server(2)]))
    assert desired(lower, healths("DU"), {}).why[VIP, None] == "configuration; pool b is in use"
    assert desired(lower, healths("DU"), {}).why[VIP, real(1)] == "down: L4CON connection refused"
    assert desired(lower, healths("NU"), {}).why[VIP, None] == "waiting for the first word of 1 check"
    assert desired(lower, healths("NN"), {}).why[VIP, None] == "waiting for the first word of 2 checks"


def test_why_tells_of_the_moment_of_the_decision() -> None:
    health = healths("U")
    why = desired(spec(service([server(1)])), health, {}).why
    health[check_of(1)] = DOWN
    assert why[VIP, real(1)] == "up: L7OK 200 OK"


@pytest.mark.parametrize(
    ("sentence", "letters", "scheduler", "wanted"),
    [
        ("down", "DUU", "hprio", {1}),
        ("never answered", "NUU", "hprio", {1}),
        ("a presumption is not a verdict", "PUU", "hprio", set()),
        ("standing by is the pools' doing, whatever the health", "UUD", "wrr", set()),
        ("down in the upper pool", "DUD", "wrr", {1}),
    ],
)
def test_what_health_alone_takes_away_is_told_apart(
    sentence: str, letters: str, scheduler: str, wanted: set[int]
) -> None:
    shop = spec(service([server(1), server(2)], [server(3)], scheduler=scheduler))
    by_health = desired(shop, healths(letters), {VIP: entry({1: 5, 2: 5, 3: 1})}).by_health
    assert by_health == {(VIP, real(n)) for n in wanted}, sentence


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def situations(
    draw: st.DrawFn,
) -> tuple[Spec, dict[CheckId, Health], Table, frozenset[tuple[ServiceKey, RealKey]], Ladder]:
    wanted = draw(specs())
    missing = draw(st.frozensets(st.sampled_from(["hprio", "fo"])))
    kept = {s.key: "fo" for s in wanted.services.values() if draw(st.booleans())}
    ladder = Ladder(missing, kept)
    return wanted, draw(any_health(wanted)), draw(any_found(wanted)), draw(any_idle(wanted)), ladder


def settle(
    wanted: Spec,
    health: dict[CheckId, Health],
    have: Table,
    idle: frozenset[tuple[ServiceKey, RealKey]],
    ladder: Ladder,
) -> Table:
    """The table after one round."""
    want = desired(wanted, health, have, idle=idle, ladder=ladder)
    owned = {s.key for s in wanted.services.values()}
    return after_all(have, diff(want.table, have, owned=owned, hold=want.refused.keys()))


@given(situations())
def test_settled_means_silent(
    situation: tuple[Spec, dict[CheckId, Health], Table, frozenset[tuple[ServiceKey, RealKey]], Ladder],
) -> None:
    wanted, health, have, idle, ladder = situation
    once = settle(wanted, health, have, idle, ladder)
    assert settle(wanted, health, once, idle, ladder) == once


@given(situations())
def test_started_again_over_a_table_that_is_right_nothing_is_written(
    situation: tuple[Spec, dict[CheckId, Health], Table, frozenset[tuple[ServiceKey, RealKey]], Ladder],
) -> None:
    wanted, health, have, idle, ladder = situation
    right = settle(wanted, health, have, idle, ladder)
    assert settle(wanted, presume(wanted, right), right, idle, ladder) == right


@given(situations())
def test_no_server_gets_connections_before_all_its_checks_have_passed(
    situation: tuple[Spec, dict[CheckId, Health], Table, frozenset[tuple[ServiceKey, RealKey]], Ladder],
) -> None:
    wanted, health, have, idle, ladder = situation
    want = desired(wanted, health, have, idle=idle, ladder=ladder)
    checks = {(s.key, m.key): m.checks for s in wanted.services.values() for p in s.pools for m in p.servers}
    for step in diff(want.table, have, owned=set()):
        op = step.op
        if isinstance(op, AddServer | EditServer) and op.attrs.weight > 0:
            found = have[op.service].servers.get(op.server) if op.service in have else None
            if found is None or found.weight == 0:
                assert standing(checks[op.service, op.server], health) is Standing.UP


@given(situations())
def test_every_server_and_every_service_has_a_reason_of_one_line(
    situation: tuple[Spec, dict[CheckId, Health], Table, frozenset[tuple[ServiceKey, RealKey]], Ladder],
) -> None:
    wanted, health, have, idle, ladder = situation
    why = desired(wanted, health, have, idle=idle, ladder=ladder).why
    subjects = {(s.key, m.key) for s in wanted.services.values() for p in s.pools for m in p.servers}
    assert set(why) == subjects | {(s.key, None) for s in wanted.services.values()}
    assert all(reason and "\n" not in reason for reason in why.values())


def test_a_server_at_weight_0_by_health_keeps_its_tunnel() -> None:
    gue = RealAttrs(Forward.TUNNEL, 3)
    key = RealKey(ip_address("2001:db8::7"), 80)
    web = spec(service([Server(key, gue, (check_of(1),))], on_down=QUIESCE))
    have = {VIP: replace(entry({}), servers={key: gue})}
    assert desired(web, {check_of(1): DOWN}, have).table[VIP].servers == {key: replace(gue, weight=0)}


def test_a_director_that_rests_wants_no_service_and_says_why() -> None:
    """What is ours goes, foreign services stay, and nothing is by health."""
    here, foreign = spec(service([server(1), server(2)])), entry({9: 1})
    have = {VIP: entry({1: 5, 2: 5}), OTHER_VIP: foreign}
    want = desired(here, {check_of(1): UP, check_of(2): DOWN}, have, resting=True)
    assert (want.table, want.refused, want.by_health) == ({}, {}, frozenset())
    assert want.why[VIP, None] == "standby: idle, and this director is not the active one"
    assert want.why[VIP, real(2)].startswith("down")
    [step] = diff(want.table, have, owned=frozenset({VIP}), why=want.why)
    assert step == Step(DeleteService(VIP), "", "standby: idle, and this director is not the active one")
    assert guard((step,), here, have, {}, by_health=want.by_health).allowed == (step,)
