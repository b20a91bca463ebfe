"""Two directors tell one another what they see: heard, compared, told of, and no more than that follows."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from lvsctl import __version__
from lvsctl.decide.suspicion import Suspicion, Trust
from lvsctl.events import BothActive, OneActive, OpinionsAgree, OpinionsDiffer, PairTroubled, PeerBack, PeerLost
from lvsctl.model import InstanceStanding, Outcome, Role, ServiceState, Verdict
from tests.daemon.peer.making import INTERVAL, OTHER_KEY, A, B, Two, free_ports, two, until
from tests.daemon.site import Jump


async def connected(pair: Two) -> None:
    await pair.connect()
    for one in (pair.a, pair.b):
        await until(f"{one.name} hears the other", lambda one=one: one.watch.view().heard is not None)


@pytest.mark.parametrize("addresses", [(A, B), ("::1", "::1")], ids=["IPv4", "IPv6"])
async def test_each_hears_the_other(tmp_path: Path, addresses: tuple[str, str]) -> None:
    async with two(tmp_path, addresses=addresses) as pair:
        pair.b.instances = (InstanceStanding("pair", Role.ACTIVE, 150),)
        pair.b.states = {"web": ServiceState.DOWN}
        await connected(pair)
        view = pair.a.watch.view()
        assert view is not None
        assert (view.version, view.blind, view.lost, view.deaf) == (__version__, "", "", "")
        assert (view.here, view.there, view.common, view.disagreements) == (3, 3, 3, ())
        assert view.instances == (InstanceStanding("pair", Role.ACTIVE, 150),)
        assert view.services == {"web": "down"}
        assert abs(view.skew) < 1
        assert pair.a.watch.lowering() == (0, "")
        assert pair.a.told == pair.b.told == []


async def test_who_sees_less_for_longer_than_the_checks_explain_lowers_itself_and_both_tell(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        pair.a.sees("UDU")
        await until("A lowers itself", lambda: pair.a.watch.lowering()[0])
        assert pair.a.watch.lowering() == (20, "this director sees 2 of 3 servers up, its peer 3")
        assert pair.a.woken == 1
        assert pair.a.of(OpinionsDiffer) == [OpinionsDiffer(("web/10.0.0.2:80 is down here and up at the peer",))]
        await until("B tells, too", lambda: pair.b.of(OpinionsDiffer))
        assert pair.b.of(OpinionsDiffer) == [OpinionsDiffer(("web/10.0.0.2:80 is up here and down at the peer",))]
        assert pair.b.watch.lowering() == (0, "")
        pair.a.sees("UDD")
        await until("another joins", lambda: len(pair.a.of(OpinionsDiffer)) == 2)
        assert len(pair.a.of(OpinionsDiffer)[1].what) == 2
        pair.a.sees("UUU")
        await until("they agree", lambda: pair.a.of(OpinionsAgree) and pair.b.of(OpinionsAgree))
        assert pair.a.watch.lowering() == (0, "")


async def test_what_one_director_finds_out_a_moment_earlier_is_no_difference(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        slow = {name: replace(one, interval=3600.0) for name, one in pair.a.world.spec.questions.items()}
        for one in (pair.a, pair.b):
            one.world.spec = replace(one.world.spec, questions=slow)
        await connected(pair)
        pair.a.sees("UDU")
        await until("it is seen", lambda: pair.a.watch.view().disagreements)
        heard = pair.a.watch.view().counts["heard"]
        await until("a few more questions", lambda: pair.a.watch.view().counts["heard"] > heard + 5)
        view = pair.a.watch.view()
        assert (view.here, view.there, view.differing) == (2, 3, ())
        assert pair.a.watch.lowering() == (0, "")
        assert pair.a.told == []


async def test_who_suspects_itself_makes_way_and_overthrows_nobody(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        pair.a.world.trust = Trust(Suspicion("3 of 3 servers failed at once", 0.0, 0.0, 60.0))
        await until("A makes way", lambda: pair.a.watch.lowering()[0])
        await until("B knows", lambda: pair.b.watch.view().blind)
        pair.b.sees("UDD")
        await until("B sees less", lambda: pair.b.of(OpinionsDiffer))
        assert pair.b.watch.lowering() == (0, ""), "than one who does not trust its own eyes"
        assert pair.b.watch.view().blind == "3 of 3 servers failed at once"


async def test_who_cannot_ask_most_of_its_servers_makes_way(tmp_path: Path) -> None:
    """It has no route to them, say: what it believed of them stands, and no verdict differs."""
    nothing = Outcome(Verdict.UNKNOWN, "ASKERR", "cannot connect from this machine: Network is unreachable", 0.0)
    async with two(tmp_path) as pair:
        await connected(pair)
        health = pair.a.world.health
        asked = list(health)
        health[asked[0]] = replace(health[asked[0]], last=nothing)
        heard = pair.a.watch.view().counts["heard"]
        await until("a few more questions", lambda: pair.a.watch.view().counts["heard"] > heard + 3)
        assert pair.a.watch.lowering() == (0, ""), "one of three is no blindness"
        health[asked[1]] = replace(health[asked[1]], last=nothing)
        await until("A makes way", lambda: pair.a.watch.lowering()[0])
        why = "this director does not trust its own eyes: 2 of 3 checks cannot be asked from here"
        assert pair.a.watch.lowering()[1] == why
        await until("B knows", lambda: pair.b.watch.view().blind)
        assert pair.b.watch.lowering() == (0, "")


async def test_a_peer_that_falls_silent_is_told_of_once_and_does_not_count(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        pair.a.sees("UDU")
        await until("A lowers itself", lambda: pair.a.watch.lowering()[0])
        await pair.b.watch.take(None)
        await until("B is lost", lambda: pair.a.of(PeerLost))
        assert pair.a.of(PeerLost) == [PeerLost(f"{B} cannot be reached: connection refused")]
        view = pair.a.watch.view()
        assert (view.lost, view.disagreements) == (f"{B} cannot be reached: connection refused", ())
        assert view.heard > 2 * INTERVAL
        assert pair.a.watch.lowering() == (0, "")
        await pair.b.watch.take(pair.pair_b)
        await until("B is back", lambda: pair.a.of(PeerBack))
        await until("and counts", lambda: pair.a.watch.lowering()[0])
        assert len(pair.a.of(PeerLost)) == len(pair.a.of(PeerBack)) == len(pair.a.of(OpinionsDiffer)) == 1
        assert pair.a.of(OpinionsAgree) == [], "of what is not heard nobody knows that it is over"


async def test_a_director_that_was_held_up_itself_has_lost_nobody(tmp_path: Path, jump: Jump) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        for _ in range(3):
            jump(3600)
            heard = pair.a.watch.view().counts["heard"]
            await until("it is heard again", lambda heard=heard: pair.a.watch.view().counts["heard"] > heard)
        assert pair.a.of(PeerLost) == []


async def test_a_peer_that_never_was_is_told_of(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.a.watch.take(pair.pair_a)
        await until("it is told", lambda: pair.a.told)
        assert pair.a.told == [PeerLost(f"{B} cannot be reached: connection refused")]
        assert pair.a.watch.view().heard is None


async def test_two_active_directors_are_told_of_when_no_takeover_explains_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.decide.differing.BY_HAND", 0.1)
    async with two(tmp_path) as pair:
        pair.a.instances = pair.b.instances = (InstanceStanding("pair", Role.ACTIVE, 100),)
        await connected(pair)
        await until("both tell", lambda: pair.a.of(BothActive) and pair.b.of(BothActive))
        pair.b.instances = (InstanceStanding("pair", Role.STANDBY, 100),)
        await until("it is over", lambda: pair.a.of(OneActive) and pair.b.of(OneActive))
        assert [type(one) for one in pair.a.told] == [BothActive, OneActive]
        assert pair.a.of(BothActive) == [BothActive("pair")]


async def test_another_key_is_refused_on_both_sides_until_both_know_it(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        peer = pair.pair_b.peer
        assert peer is not None
        await pair.b.watch.take(replace(pair.pair_b, peer=replace(peer, keys=(OTHER_KEY,))))
        await until("A is told", lambda: pair.a.of(PeerLost))
        assert pair.a.of(PeerLost) == [
            PeerLost(f"{B} does not take this director's signature: is `key` the same on both?")
        ]
        await until("and tells whom it refuses", lambda: pair.a.of(PairTroubled))
        [trouble] = pair.a.of(PairTroubled)
        assert trouble.trouble.what == "a question from the peer's address is not signed with a key that is known here"
        mine = pair.pair_a.peer
        assert mine is not None
        both = replace(mine, keys=(*mine.keys, OTHER_KEY))
        await pair.b.watch.take(replace(pair.pair_b, peer=replace(peer, keys=(OTHER_KEY, *peer.keys))))
        await pair.a.watch.take(replace(pair.pair_a, peer=both))
        await until("both are heard", lambda: pair.a.of(PeerBack) and pair.b.of(PeerBack))


async def test_a_director_that_asks_itself_is_told_so(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        mine = pair.pair_a.peer
        assert mine is not None
        own = replace(mine, address=mine.listen, port=mine.listen_port)
        await pair.a.watch.take(replace(pair.pair_a, peer=own))
        await until("it is told", lambda: pair.a.of(PeerLost))
        assert pair.a.of(PeerLost) == [
            PeerLost(f"{A} answers with what this director says itself: is `address` its own?")
        ]


async def test_an_address_that_is_not_there_yet_is_listened_on_when_it_is(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        taken = socket.create_server((A, pair.pair_a.peer.listen_port))
        await pair.connect()
        await until("it is told", lambda: pair.a.of(PairTroubled))
        where = f"{A}:{pair.pair_a.peer.listen_port}"
        what = f"cannot listen on {where}: address already in use; it is tried again"
        assert [one.trouble.what for one in pair.a.of(PairTroubled)] == [what]
        assert pair.a.watch.view().deaf == what
        await until("it asks all the same", lambda: pair.a.watch.view().heard is not None)
        taken.close()
        await until("B hears A", lambda: pair.b.watch.view().heard is not None)
        assert pair.a.watch.view().deaf == ""
        assert len(pair.a.of(PairTroubled)) == 1


async def test_a_reload_takes_another_address_and_keeps_what_was_found(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await connected(pair)
        pair.a.sees("UDU")
        await until("A lowers itself", lambda: pair.a.watch.lowering()[0])
        [port] = free_ports(A)
        await pair.a.watch.take(replace(pair.pair_a, peer=replace(pair.pair_a.peer, listen_port=port)))
        await pair.b.watch.take(replace(pair.pair_b, peer=replace(pair.pair_b.peer, port=port)))
        assert pair.a.watch.lowering()[0]
        heard = pair.b.watch.view()
        assert heard.address == f"{A}:{port}" and heard.heard is None
        await until("B hears A there", lambda: pair.b.watch.view().heard is not None)
        assert pair.a.watch.port == port
        assert pair.a.of(PeerLost) == pair.b.of(PeerLost) == []


async def test_without_a_peer_there_is_nothing(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.a.watch.take(None)
        assert (pair.a.watch.view(), pair.a.watch.lowering()) == (None, (0, ""))
        await pair.a.watch.close()
        await pair.a.watch.take(pair.pair_a)
        assert pair.a.watch.view() is None, "a reload at the last moment begins nothing"
