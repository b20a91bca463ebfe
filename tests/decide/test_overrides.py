"""What operators order: who is meant, which order holds, and what it makes of the table."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.decide.guard import guard
from lvsctl.decide.override_subject import meant
from lvsctl.decide.overrides import Orders, in_words, members, members_of, orders, over
from lvsctl.decide.plan import diff
from lvsctl.decide.quiet import late, leaving, next_late, still
from lvsctl.decide.seats import pool_in_use
from lvsctl.decide.table import after, after_all, is_live
from lvsctl.model import (
    MAX_WEIGHT,
    Action,
    CheckId,
    Health,
    NewWeight,
    OnDown,
    Override,
    OverrideSubject,
    PoolSubject,
    RealKey,
    ServerSubject,
    Service,
    ServiceKey,
    Spec,
    Table,
)
from tests.decide.making import (
    OTHER_VIP,
    VIP,
    any_found,
    any_health,
    any_idle,
    entry,
    healths,
    real,
    server,
    service,
    spec,
    specs,
    weights,
)

DRAIN, DISABLE, WEIGHT = Action.DRAIN, Action.DISABLE, Action.WEIGHT


def host(number: int, *, service: str | None = None, port: int | None = None) -> ServerSubject:
    return ServerSubject(service, real(number).address, port)


def order(
    subject: OverrideSubject,
    action: Action = DRAIN,
    *,
    weight: str = "",
    since: float = 1.0,
    until: float | None = None,
    reason: str = "",
) -> Override:
    given = NewWeight(int(weight.rstrip("%")), weight.endswith("%")) if weight else None
    return Override(subject, action, "alice (uid 1000)", reason, since, until, given)


# --- who is meant -------------------------------------------------------------------------------------------------

NAMED = replace(server(1), name="web1")
V6 = replace(server(1), key=RealKey(ip_address("2001:db8::1"), 80), name="six")
TOWN = spec(
    service([NAMED, server(2)], [server(3)], name="shop"),
    service([replace(server(1), key=RealKey(real(1).address, 8080), name="twice"), V6], name="api", key=OTHER_VIP),
    service([replace(server(4), name="twice")], name="dns", key=replace(VIP, port=53)),
)


@pytest.mark.parametrize(
    ("words", "subject", "says"),
    [
        ("10.0.0.1", host(1), "10.0.0.1"),
        ("10.0.0.1:80", host(1, port=80), "10.0.0.1:80"),
        ("web1", host(1, port=80), "10.0.0.1:80"),
        ("2001:db8::1", ServerSubject(None, V6.key.address, None), "2001:db8::1"),
        ("[2001:DB8::1]", ServerSubject(None, V6.key.address, None), "2001:db8::1"),
        ("[2001:db8:0::1]:80", ServerSubject(None, V6.key.address, 80), "[2001:db8::1]:80"),
        ("shop/10.0.0.1", host(1, service="shop"), "shop/10.0.0.1"),
        ("shop/web1", host(1, service="shop", port=80), "shop/10.0.0.1:80"),
        ("192.0.2.1:80/10.0.0.2:80", host(2, service="shop", port=80), "shop/10.0.0.2:80"),
        ("tcp 192.0.2.2:80/six", ServerSubject("api", V6.key.address, 80), "api/[2001:db8::1]:80"),
        ("shop/b", PoolSubject("shop", "b"), "shop/b"),
    ],
)
def test_who_is_meant(words: str, subject: OverrideSubject, says: str) -> None:
    assert meant(TOWN, words) == subject
    assert str(subject) == says
    assert members(TOWN, subject)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("10.0.0.9", "there is no server `10.0.0.9`: did you mean `10.0.0.4`?"),
        ("wbe1", "there is no server `wbe1`: did you mean `web1`?"),
        ("", "there is no server ``: `lvsctl status` lists them"),
        ("10.0.0.1:", "there is no server `10.0.0.1:`: did you mean `10.0.0.1`?"),
        ("[2001:db8::1]80", "there is no server `[2001:db8::1]80`: did you mean `[2001:db8::1]:80`?"),
        ("10.0.0.1:http", "there is no server `10.0.0.1:http`: did you mean `10.0.0.1`?"),
        ("shop", "`shop` is a service: name one of its servers, or a pool of it, such as shop/a"),
        (
            "twice",
            "`twice` is the name of more than one server: `api/10.0.0.1:8080`, `dns/10.0.0.4:80`; name one",
        ),
        ("shpo/web1", "there is no service `shpo`: did you mean `shop`?"),
        ("shop/wbe1", "there is no server or pool `wbe1` in shop: did you mean `web1`?"),
        ("shop/", "there is no server or pool `` in shop: `lvsctl explain shop` lists them"),
        ("dns/10.0.0.1", "there is no server or pool `10.0.0.1` in dns: did you mean `10.0.0.4`?"),
    ],
)
def test_who_cannot_be_meant(words: str, says: str) -> None:
    with pytest.raises(NoSuchSubject) as caught:
        meant(TOWN, words)
    assert str(caught.value) == says


def test_an_address_is_every_port_of_every_service() -> None:
    assert [(s.name, str(one.key)) for s, one in members(TOWN, host(1))] == [
        ("shop", "10.0.0.1:80"),
        ("api", "10.0.0.1:8080"),
    ]
    assert [s.name for s, _ in members(TOWN, host(1, port=80))] == ["shop"]
    assert members(TOWN, host(9)) == []
    several = [host(1), host(9), host(1, port=80)]
    assert members_of(TOWN, several) == {one: members(TOWN, one) for one in several}


# --- which holds --------------------------------------------------------------------------------------------------

ONE = spec(service([server(1)]))


@pytest.mark.parametrize(
    ("sentence", "overrides", "holds"),
    [
        ("a server before its pool", [order(PoolSubject("web", "a"), DISABLE), order(host(1))], DRAIN),
        ("a port before none", [order(host(1), DISABLE), order(host(1, port=80))], DRAIN),
        ("its service before a port", [order(host(1, port=80), DISABLE), order(host(1, service="web"))], DRAIN),
        (
            "both before one",
            [order(host(1, service="web"), DISABLE), order(host(1, service="web", port=80))],
            DRAIN,
        ),
        ("disable before drain", [order(host(1), DISABLE), order(host(1), since=9.0)], DISABLE),
        ("drain before a weight", [order(host(1), WEIGHT, weight="9", since=9.0), order(host(1))], DRAIN),
        ("another server's is nothing to it", [order(host(2), DISABLE), order(host(1))], DRAIN),
        ("another service's neither", [order(host(1, service="api"), DISABLE), order(host(1))], DRAIN),
        ("nor another pool's", [order(PoolSubject("web", "b"), DISABLE), order(host(1))], DRAIN),
        ("nor another port's", [order(host(1, port=81), DISABLE), order(host(1))], DRAIN),
    ],
)
def test_which_holds(sentence: str, overrides: list[Override], holds: Action) -> None:
    for turned in (overrides, overrides[::-1]):
        assert orders(ONE, turned)[VIP, real(1)].action is holds, sentence


def test_of_two_alike_the_newer_holds() -> None:
    old, new = order(host(1), reason="old"), order(host(1), reason="new", since=2.0)
    assert orders(ONE, [new, old]) == {(VIP, real(1)): new}


def test_its_time() -> None:
    assert not over(order(host(1)), 1e10)
    assert not over(order(host(1), until=100.0), 99.9)
    assert over(order(host(1), until=100.0), 100.0)


# --- what it makes of the table -----------------------------------------------------------------------------------


def shop(*pools: int, scheduler: str = "wrr", on_down: OnDown = OnDown.REMOVE) -> Spec:
    """Pools of that many servers, weights 5 and 2; server 1 is the first of the first."""
    made, number = [], 0
    for count, weight in zip(pools, (5, 2), strict=False):
        made.append([server(number + n + 1, weight=weight) for n in range(count)])
        number += count
    return spec(service(*made, scheduler=scheduler, on_down=on_down))


@pytest.mark.parametrize(
    ("sentence", "health", "have", "action", "want"),
    [
        ("drained: weight 0, its connections may finish", "UU", {1: 5, 2: 5}, order(host(1)), {1: 0, 2: 5}),
        ("disabled: out of the table", "UU", {1: 5, 2: 5}, order(host(1), DISABLE), {2: 5}),
        ("one that is not there does not enter to be drained", "UU", {2: 5}, order(host(1)), {2: 5}),
        ("dead and drained is dead", "DU", {1: 0, 2: 5}, order(host(1)), {2: 5}),
        ("presumed up, and drained", "PU", {1: 5, 2: 5}, order(host(1)), {1: 0, 2: 5}),
        ("never proven, and drained", "NU", {1: 5, 2: 5}, order(host(1)), {1: 0, 2: 5}),
        ("another weight", "UU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="9"), {1: 9, 2: 5}),
        ("a share of the weight", "UU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="50%"), {1: 2, 2: 5}),
        ("a positive one never becomes 0", "UU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="1%"), {1: 1, 2: 5}),
        ("more than all", "UU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="300%"), {1: 15, 2: 5}),
        ("weight 0 is as good as a drain", "UU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="0"), {1: 0, 2: 5}),
        ("and does not let one enter either", "UU", {2: 5}, order(host(1), WEIGHT, weight="0"), {2: 5}),
        ("a weight does not raise the dead", "DU", {1: 5, 2: 5}, order(host(1), WEIGHT, weight="9"), {2: 5}),
        ("nor the unproven", "NU", {2: 5}, order(host(1), WEIGHT, weight="9"), {2: 5}),
        ("a whole pool", "UU", {1: 5, 2: 5}, order(PoolSubject("web", "a")), {1: 0, 2: 0}),
    ],
)
def test_what_becomes_of_it(
    sentence: str, health: str, have: dict[int, int], action: Override, want: dict[int, int]
) -> None:
    found = desired(shop(2), healths(health), {VIP: entry(have)}, overrides=[action])
    assert weights(found.table) == want, sentence


def test_the_kernel_takes_no_higher_weight() -> None:
    wanted = spec(service([server(1, weight=MAX_WEIGHT)]))
    found = desired(wanted, healths("U"), {}, overrides=[order(host(1), WEIGHT, weight="200%")])
    assert found.table[VIP].servers[real(1)].weight == MAX_WEIGHT


@pytest.mark.parametrize(
    ("sentence", "action", "want"),
    [
        ("the upper pool drained: the next is in use", order(PoolSubject("web", "a")), {1: 0, 2: 0, 3: 2}),
        ("all of it disabled: as well", order(PoolSubject("web", "a"), DISABLE), {3: 2}),
        ("weighted 0: as well", order(PoolSubject("web", "a"), WEIGHT, weight="0"), {1: 0, 2: 0, 3: 2}),
        ("one of it drained: it goes on", order(host(1)), {1: 0, 2: 5}),
        ("a server that stands by disabled", order(host(3), DISABLE), {1: 5, 2: 5}),
        ("one that stands by keeps standing by with another weight", order(host(3), WEIGHT, weight="9"), {1: 5, 2: 5}),
    ],
)
def test_pools(sentence: str, action: Override, want: dict[int, int]) -> None:
    found = desired(shop(2, 1), healths("UUU"), {VIP: entry({1: 5, 2: 5})}, overrides=[action])
    assert weights(found.table) == want, sentence


def test_a_drained_server_does_not_keep_its_pool_in_use() -> None:
    wanted = shop(1, 1)
    web = wanted.services["web"]
    held = orders(wanted, [order(host(1))])
    assert pool_in_use(web, "wrr", healths("UU"), None) == 0
    assert pool_in_use(web, "wrr", healths("UU"), None, held) == 1


@pytest.mark.parametrize("action", [DRAIN, DISABLE])
def test_an_order_is_not_health_and_no_guard_withholds_it(action: Action) -> None:
    """Of a pool with a floor of 1 both are down and kept; the one that an operator takes out goes."""
    wanted = spec(service([server(1), server(2)], floor=2))
    have = {VIP: entry({1: 5, 2: 5})}
    want = desired(wanted, healths("DD"), have, overrides=[order(host(1), action)])
    assert want.by_health == {(VIP, real(2))}
    plan = diff(want.table, have, owned={VIP}, why=want.why)
    guarded = guard(plan, wanted, have, healths("DD"), by_health=want.by_health)
    assert weights(after_all(have, guarded.allowed)) == {2: 5}


@pytest.mark.parametrize(
    ("health", "action", "says"),
    [
        ("U", order(host(1)), "drained by alice (uid 1000), without an end"),
        (
            "U",
            order(host(1), DISABLE, until=1.8e9, reason="new memory"),
            "disabled by alice (uid 1000) until 2027-01-15T08:00:00Z: new memory",
        ),
        (
            "U",
            order(host(1), WEIGHT, weight="50%"),
            "weight 50% by alice (uid 1000), without an end; up: L7OK 200 OK",
        ),
        (
            "D",
            order(host(1), reason="new memory"),
            "drained by alice (uid 1000), without an end: new memory; down: L4CON connection refused",
        ),
    ],
)
def test_why(health: str, action: Override, says: str) -> None:
    assert desired(ONE, healths(health), {}, overrides=[action]).why[VIP, real(1)] == says


def test_a_step_says_who_ordered_it() -> None:
    have = {VIP: entry({1: 5})}
    want = desired(ONE, healths("U"), have, overrides=[order(host(1), WEIGHT, weight="2")])
    [step] = diff(want.table, have, owned={VIP}, why=want.why, eased=want.eased)
    assert (step.change, step.reason) == (
        "weight 5 -> 2",
        in_words(order(host(1), WEIGHT, weight="2")) + "; up: L7OK 200 OK",
    )


# --- when it leaves the table -------------------------------------------------------------------------------------


def with_timeout(wanted: Spec, seconds: float | None = 60.0) -> Spec:
    services = {name: replace(one, drain_timeout=seconds) for name, one in wanted.services.items()}
    return replace(wanted, services=services)


@pytest.mark.parametrize(
    ("sentence", "wanted", "health", "overrides", "who"),
    [
        ("drained", with_timeout(shop(2)), "UU", [order(host(1))], {1}),
        ("drained, without a time", shop(2), "UU", [order(host(1))], set()),
        ("weighted 0", with_timeout(shop(2)), "UU", [order(host(1), WEIGHT, weight="0")], {1}),
        ("quiesced", with_timeout(shop(2, on_down=OnDown.QUIESCE)), "DU", [], {1}),
        ("quiesced, without a time", shop(2, on_down=OnDown.QUIESCE), "DU", [], set()),
        ("nobody knows yet", with_timeout(shop(2, on_down=OnDown.QUIESCE)), "NU", [], set()),
        ("standing by, always", shop(1, 1), "UU", [], {2}),
        ("the lower pool is in use as the upper is drained", shop(1, 1), "UU", [order(host(1))], set()),
    ],
)
def test_who_leaves(sentence: str, wanted: Spec, health: str, overrides: list[Override], who: set[int]) -> None:
    have = {VIP: entry({1: 0, 2: 0})}
    found = leaving(wanted, healths(health), have, orders=orders(wanted, overrides))
    assert found == {(VIP, real(number)) for number in who}, sentence
    for number in (1, 2):
        table = desired(wanted, healths(health), have, overrides=overrides, idle=found).table
        assert (real(number) in table[VIP].servers) is (number not in who), sentence


def test_one_that_still_has_a_weight_does_not_leave() -> None:
    wanted = with_timeout(shop(2))
    held = orders(wanted, [order(host(1))])
    assert leaving(wanted, healths("UU"), {VIP: entry({1: 5, 2: 5})}, orders=held) == set()


def test_the_time_that_a_drain_may_take() -> None:
    wanted, place = with_timeout(shop(2)), (VIP, real(1))
    quiet = still({}, {place}, 100.0)
    assert (late(wanted, quiet, 159.9), next_late(wanted, quiet, 159.9)) == (frozenset(), 160.0)
    assert (late(wanted, quiet, 160.0), next_late(wanted, quiet, 160.0)) == ({place}, None)
    assert still(quiet, {place}, 130.0) == {place: 100.0}
    assert still(quiet, set(), 130.0) == {}
    assert (late(shop(2), quiet, 1e9), next_late(shop(2), quiet, 0.0)) == (frozenset(), None)


Situation: TypeAlias = tuple[Spec, dict[CheckId, Health], Table, list[Override], frozenset[tuple[ServiceKey, RealKey]]]

# --- laws ---------------------------------------------------------------------------------------------------------


def overrides_for(wanted: Spec) -> st.SearchStrategy[list[Override]]:
    names = [None, *wanted.services]
    servers = st.builds(
        ServerSubject,
        st.sampled_from(names),
        st.sampled_from([real(n).address for n in range(1, 7)]),
        st.sampled_from([None, 80]),
    )
    pools = st.builds(PoolSubject, st.sampled_from(list(wanted.services)), st.sampled_from("ab"))
    action = st.sampled_from(Action)
    weight = st.builds(NewWeight, st.integers(0, 300), st.booleans())

    def made(subject: OverrideSubject, action: Action, weight: NewWeight, since: float) -> Override:
        return Override(subject, action, "bob", "", since, None, weight if action is WEIGHT else None)

    return st.lists(st.builds(made, servers | pools, action, weight, st.sampled_from([1.0, 2.0])), max_size=4)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    wanted = draw(specs())
    timeout = st.sampled_from([None, 60.0])
    services = {name: replace(one, drain_timeout=draw(timeout)) for name, one in wanted.services.items()}
    wanted = replace(wanted, services=services)
    return (
        wanted,
        draw(any_health(wanted)),
        draw(any_found(wanted)),
        draw(overrides_for(wanted)),
        draw(any_idle(wanted)),
    )


@given(situations())
def test_an_order_holds_for_those_it_names_and_for_no_others(situation: Situation) -> None:
    """Servers of one pool and of one that stands by change places; else nobody but the named is touched."""
    wanted, health, have, overrides, idle = situation
    named = orders(wanted, overrides)
    before = desired(wanted, health, have, idle=idle)
    ordered = desired(wanted, health, have, idle=idle, overrides=overrides)
    for one in wanted.services.values():
        if _pool(one, health, have, named) != _pool(one, health, have, {}) or one.key not in before.table:
            continue
        old, new = before.table[one.key].servers, ordered.table[one.key].servers
        for key in old.keys() | new.keys():
            if (one.key, key) not in named:
                assert old.get(key) == new.get(key)


def _pool(one: Service, health: dict[CheckId, Health], have: Table, named: Orders) -> int | None:
    return pool_in_use(one, one.attrs.scheduler, health, have.get(one.key), named)


@given(situations())
def test_what_an_order_may_do(situation: Situation) -> None:
    """Disabled is out, drained has weight 0 or is out, and a positive weight never becomes 0."""
    wanted, health, have, overrides, idle = situation
    found = desired(wanted, health, have, idle=idle, overrides=overrides)
    plain = desired(wanted, health, have, idle=idle)
    for (key, server_key), override in found.orders.items():
        attrs = found.table[key].servers.get(server_key) if key in found.table else None
        match override.action:
            case Action.DISABLE:
                assert attrs is None
            case Action.DRAIN:
                assert attrs is None or attrs.weight == 0
            case Action.WEIGHT:
                assert override.weight is not None
                had = plain.table[key].servers.get(server_key) if key in plain.table else None
                same_pool = _pool(_service(wanted, key), health, have, found.orders) == _pool(
                    _service(wanted, key), health, have, {}
                )
                if same_pool and had and had.weight and override.weight.value:
                    assert attrs is not None and attrs.weight > 0
        if override.action is not WEIGHT:
            assert (key, server_key) not in found.by_health


def _service(wanted: Spec, key: object) -> Service:
    return next(one for one in wanted.services.values() if one.key == key)


@given(situations())
def test_when_it_ends_the_table_is_what_it_would_have_been(situation: Situation) -> None:
    """But for servers that only ever entered, or stayed, to finish: what checks do not vouch for enters nowhere."""
    wanted, health, have, overrides, idle = situation
    proven = {check: replace(one, up=True, answered=True) for check, one in health.items()}
    ordered = desired(wanted, proven, have, idle=idle, overrides=overrides).table
    without = desired(wanted, proven, have).table
    ended = desired(wanted, proven, ordered).table
    for key, entry_without in without.items():
        live = {server: attrs for server, attrs in entry_without.servers.items() if attrs.weight}
        assert {server: attrs for server, attrs in ended[key].servers.items() if attrs.weight} == live


@given(situations())
def test_plans_still_make_before_they_break(situation: Situation) -> None:
    wanted, health, have, overrides, idle = situation
    found = desired(wanted, health, have, idle=idle, overrides=overrides)
    plan = diff(found.table, have, owned=set(have), why=found.why, eased=found.eased)
    throughout = {key for key in have if is_live(have.get(key)) and is_live(found.table.get(key))}
    table: Table = have
    for step in plan:
        table = after(table, step.op)
        assert all(is_live(table.get(key)) for key in throughout)
    assert not diff(found.table, table, owned=set(have))


@given(situations())
def test_every_order_has_its_words(situation: Situation) -> None:
    wanted, health, have, overrides, idle = situation
    found = desired(wanted, health, have, idle=idle, overrides=overrides)
    for subject, override in found.orders.items():
        assert found.why[subject].startswith(in_words(override))
