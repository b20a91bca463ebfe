"""Which server each scheduler picks, from tables; what holds for any table."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.overload import LoadedServer
from lvsctl.errors import LvsctlError
from lvsctl.kernel.scheduling import bind
from lvsctl.kernel.scheduling.turn import Servers, Turn
from lvsctl.model import MAX_WEIGHT, Forward, Generation, RealAttrs, RealKey

MODELLED = ("hprio", "fo", "rr", "wrr", "lc", "wlc", "ovf")
NEW = Generation.NEW


def key(name: str) -> RealKey:
    return RealKey(IPv4Address("10.0.0.0") + ord(name), 80)


def name(server: RealKey | None) -> str:
    return "-" if server is None else chr(int(server.address) & 0xFF)


def server(called: str, weight: int, load: str = "") -> LoadedServer:
    """load: `x` overloaded, otherwise active and inactive connections, as in `3+1`."""
    active, _, inactive = ("0" if load == "x" else load or "0").partition("+")
    attrs = RealAttrs(Forward.ROUTE, weight)
    return LoadedServer(key(called), attrs, int(active), int(inactive or 0), overloaded=load == "x")


def table(text: str) -> Servers:
    """`c1 b2x a0:3+1`: in the kernel's order, the one added last first."""
    rows = []
    for word in text.split():
        called, weight = word[0], word[1:].rstrip("x").partition(":")
        rows.append(server(called, int(weight[0]), "x" if word.endswith("x") else weight[2]))
    return rows


def picks(turn: Turn, servers: Servers, count: int) -> tuple[str, Turn]:
    """A pick's own connection counts nowhere here."""
    picked = ""
    for _ in range(count):
        found, turn = turn.pick(servers)
        picked += name(found)
    return picked, turn


TABLES = [
    ("hprio", "the highest weight, in turn, the one added first first", "c1 b5 a5", "abab"),
    ("hprio", "all equal", "c5 b5 a5", "abcabc"),
    ("hprio", "an overloaded one is passed over", "c5 b5x a5", "acac"),
    ("hprio", "spills when the whole tier is full", "d1 c1 b5x a5x", "cdcd"),
    ("hprio", "to the third tier, too", "c1 b3x a5x", "ccc"),
    ("hprio", "weight 0 is no tier", "c0 b5x a5x", "---"),
    ("fo", "the highest weight alone, of equals the one added last", "c1 b5 a5", "bbb"),
    ("fo", "the next when it is full", "c1 b5x a5", "aaa"),
    ("fo", "and the next", "c1 b5x a5x", "ccc"),
    ("fo", "nobody has room", "c0 b5x a5x", "---"),
    ("rr", "the one added last first, weights do not count", "c1 b5 a5", "cbacba"),
    ("rr", "overloaded and quiesced ones are passed over", "d1 c0 b5x a5", "dada"),
    ("rr", "only one has room", "c0 b1 a1x", "bbb"),
    ("rr", "nobody", "c0 b1x", "--"),
    ("wrr", "4, 2 and 1 of seven", "c1 b2 a4", "aabacba" + "aabacba"),
    ("wrr", "weights with a common divisor: as if divided by it", "b3 a6", "aba" + "aba"),
    ("wrr", "equal weights are round robin", "c7 b7 a7", "cbacba"),
    ("wrr", "an overloaded one", "c1 b2x a4", "aaaca"),
    ("wrr", "nobody", "c0 b0", "--"),
    ("lc", "the least connections, active ones above all", "c1:1+0 b1:0+9 a1:2+0", "bbb"),
    ("lc", "of equals the one added last; weights do not count", "c1:1 b9:1 a1:1", "ccc"),
    ("lc", "quiesced", "c0 b1:5 a1:6", "bbb"),
    ("lc", "an active connection weighs 257 inactive ones", "b1:1+0 a1:0+257", "b"),
    ("lc", "not 256", "b1:1+0 a1:0+256", "a"),
    ("wlc", "the least by weight", "c1:1 b4:3 a2:2", "bbb"),
    ("wlc", "of equals the one added last", "c1:1 b4:4 a2:2", "ccc"),
    ("wlc", "idle ones are equal whatever their weight", "c1 b4 a2", "ccc"),
    ("wlc", "only full and quiesced ones", "c0 b4x", "--"),
    ("ovf", "the highest weight while its active connections do not exceed it", "c1 b2:2+7 a1", "bbb"),
    ("ovf", "then the next", "c1 b2:3 a1", "ccc"),
    ("ovf", "all exceeded: refused", "c1:2 b2:3", "--"),
    ("ovf", "and OVERLOAD counts as well", "c1 b9x", "cc"),
    ("none", "nobody picks", "a5", "--"),
]


@pytest.mark.parametrize(
    ("scheduler", "sentence", "servers", "expected"), TABLES, ids=[f"{row[0]}: {row[1]}" for row in TABLES]
)
def test_picks(scheduler: str, sentence: str, servers: str, expected: str) -> None:
    found, _ = picks(bind(scheduler, table(servers), NEW), table(servers), len(expected))
    assert found == expected


def test_the_old_generation_weighs_an_active_connection_as_256_inactive_ones() -> None:
    servers = table("b1:1+0 a1:0+256")
    for scheduler in ("lc", "wlc"):
        assert picks(bind(scheduler, servers, Generation.OLD), servers, 1)[0] == "b"


def test_a_scheduler_that_is_not_modelled_says_so() -> None:
    with pytest.raises(
        LvsctlError, match=r"^the scheduler sh is not modelled: use hprio, fo, rr, wrr, lc, wlc or ovf$"
    ):
        bind("sh", table("a1"), NEW).pick(table("a1"))


CHANGES = [
    ("hprio", "one more waits for its turn", "b5 a5", 1, "add c", "c5 b5 a5", "bacba"),
    ("hprio", "one more tier does not disturb the turn", "b5 a5", 1, "add c", "c1 b5 a5", "baba"),
    ("hprio", "the next in turn is deleted", "c5 b5 a5", 1, "delete b", "c5 a5", "caca"),
    ("hprio", "the one that was picked is deleted", "c5 b5 a5", 1, "delete a", "c5 b5", "bcbc"),
    ("hprio", "the same weight keeps the turn", "c5 b5 a5", 1, "edit b", "c5 b5 a5", "bcab"),
    ("hprio", "another weight loses it", "d1 c5 b5 a5", 1, "edit d", "d5 c5 b5 a5", "bcad"),
    ("hprio", "a spill leaves the upper tier's turn", "c1 b5 a5", 1, "edit c", "c1 b5x a5x", "cc"),
    ("rr", "one more: its turn comes when the list begins again", "b1 a1", 1, "add c", "c1 b1 a1", "acba"),
    ("rr", "before the first pick it is the first", "b1 a1", 0, "add c", "c1 b1 a1", "cba"),
    ("rr", "the one that was picked is deleted: the next is who was next", "c1 b1 a1", 2, "delete b", "c1 a1", "aca"),
    ("rr", "the first is deleted after its pick", "c1 b1 a1", 1, "delete c", "b1 a1", "bab"),
    ("rr", "an edit changes nothing", "c1 b1 a1", 2, "edit c", "c9 b1 a1", "acb"),
    ("wrr", "any edit begins the list again, at the level it had", "b2 a2", 1, "edit a", "b2 a2", "bab"),
    ("wrr", "a higher weight: the level stays", "b1 a1", 1, "edit a", "b1 a9", "baa"),
    ("wrr", "a lower top takes the level with it", "b1 a9", 1, "edit a", "b1 a1", "bab"),
    ("wrr", "one more", "b2 a4", 2, "add c", "c4 b2 a4", "cbaca"),
    ("wrr", "deleted", "c4 b2 a4", 1, "delete c", "b2 a4", "abaa"),
    ("wrr", "from nothing", "a0", 1, "edit a", "a2", "aa"),
]


@pytest.mark.parametrize(
    ("scheduler", "sentence", "before", "count", "change", "servers", "expected"),
    CHANGES,
    ids=[f"{row[0]}: {row[1]}" for row in CHANGES],
)
def test_changes(
    scheduler: str, sentence: str, before: str, count: int, change: str, servers: str, expected: str
) -> None:
    _, turn = picks(bind(scheduler, table(before), NEW), table(before), count)
    what, subject = change.split()
    match what:
        case "add":
            turn = turn.added(key(subject), table(servers))
        case "edit":
            turn = turn.edited(key(subject), table(servers))
        case "delete":
            turn = turn.deleted(key(subject), table(before))
    found, _ = picks(turn, table(servers), len(expected))
    assert found == expected


def test_the_upper_tiers_turn_after_a_spill() -> None:
    calm, full = table("c1 b5 a5"), table("c1 b5x a5x")
    first, turn = picks(bind("hprio", calm, NEW), calm, 1)
    spilled, turn = picks(turn, full, 3)
    assert (first, spilled, picks(turn, calm, 2)[0]) == ("a", "ccc", "ba")


def test_wrr_that_found_nobody_goes_on_from_where_it_stood() -> None:
    """Begun after the first server, at the lowest level: the search ended there. At the list's head it begins anew."""
    busy = table("b1x a1x")
    _, turn = picks(bind("wrr", table("b1 a1"), NEW), table("b1 a1"), 1)
    assert picks(turn, busy, 2)[0] == "--"
    _, turn = picks(turn, busy, 1)
    assert picks(turn, table("b1 a1"), 2)[0] == "ab"


@pytest.mark.parametrize("heavy", [MAX_WEIGHT, MAX_WEIGHT - 1, 65_535])
def test_levels_of_wrr_in_which_nobody_has_room_cost_nothing(heavy: int) -> None:
    servers = (replace(server("b", heavy), overloaded=True), server("a", 1))
    found, turn = picks(bind("wrr", servers, NEW), servers, 3)
    assert found == "aaa"
    found, _ = picks(turn, [server("b", heavy), server("a", 1)], 3)
    assert found == "bbb"


@st.composite
def loaded(draw: st.DrawFn) -> Servers:
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8))
    return [
        replace(
            server(called, draw(st.integers(0, 4))),
            active=draw(st.integers(0, 5)),
            inactive=draw(st.integers(0, 5)),
            overloaded=draw(st.booleans()),
        )
        for called in names
    ]


@given(st.sampled_from(MODELLED), loaded(), st.sampled_from(Generation), st.integers(1, 20))
def test_nobody_without_weight_and_nobody_overloaded_is_picked(
    scheduler: str, servers: Servers, generation: Generation, count: int
) -> None:
    by_key = {server.key: server for server in servers}
    turn = bind(scheduler, servers, generation)
    for _ in range(count):
        picked, turn = turn.pick(servers)
        if picked is not None:
            assert by_key[picked].available
        elif scheduler != "ovf":
            assert not any(server.available for server in servers)


@given(st.sampled_from(("hprio", "fo")), st.lists(loaded(), min_size=1, max_size=6))
def test_no_lower_tier_while_a_higher_one_has_room(scheduler: str, moments: list[Servers]) -> None:
    everybody = [server(called, ord(called) % 3 + 1) for called in "abcdefgh"]
    turn = bind(scheduler, everybody, NEW)
    for full in moments:
        busy = {other.key for other in full if other.overloaded}
        now = [replace(each, overloaded=each.key in busy) for each in everybody]
        picked, turn = turn.pick(now)
        tiers = {each.key: each.attrs.weight for each in now if each.available}
        assert picked is None or tiers[picked] == max(tiers.values())
        assert (picked is None) == (not tiers)


@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 30))
def test_hprio_is_fair_within_a_tier(upper: int, lower: int, count: int) -> None:
    names = "abcdefghi"
    servers = [server(called, 5 if place < upper else 1) for place, called in enumerate(names[: upper + lower])]
    found, _ = picks(bind("hprio", servers, NEW), servers, count)
    each = [found.count(called) for called in names[:upper]]
    assert max(each) - min(each) <= 1
    assert sum(each) == count


@given(loaded())
def test_wrr_gives_every_server_its_share(servers: Servers) -> None:
    everybody = [replace(server, overloaded=False) for server in servers]
    weights = {server.key: server.attrs.weight for server in everybody}
    found, _ = picks(bind("wrr", everybody, NEW), everybody, sum(weights.values()))
    for server_key, weight in weights.items():
        assert found.count(name(server_key)) == weight
