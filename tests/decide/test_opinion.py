import pytest

from lvsctl.decide.opinion import Digest, Lowered, compare, lowering, steady

WEB = [("shop", f"192.0.2.{n}:80") for n in (21, 22, 23)]


def digest(ups, blind="", servers=WEB):
    return Digest(blind, dict(zip(servers, (letter == "u" for letter in ups), strict=True)))


@pytest.mark.parametrize(
    ("here", "there", "wanted", "what"),
    [
        ("uuu", "uuu", 0, "equal opinions move nobody"),
        ("ddd", "ddd", 0, "nor do equally bad ones"),
        ("udu", "uuu", 20, "who sees less lowers himself"),
        ("uuu", "udu", 0, "who sees more lowers nobody"),
        ("udu", "uud", 0, "different eyes, equally good"),
    ],
)
def test_who_lowers_himself(here, there, wanted, what):
    mine = digest(here)
    assert lowering(compare(mine, digest(there)), mine, 20)[0] == wanted, what


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        (None, "the peer is not heard"),
        (digest("uuu", blind="12 of 12 fail"), "the peer does not trust its own eyes: 12 of 12 fail"),
    ],
)
def test_a_peer_that_cannot_be_relied_on_moves_nobody(theirs, why):
    mine = digest("udd")
    view = compare(mine, theirs)
    assert view.peer == why
    assert not view.sees_less
    assert lowering(view, mine, 20) == (0, "")


def test_the_reason_says_what_both_see():
    mine = digest("udd")
    assert lowering(compare(mine, digest("uuu")), mine, 20) == (
        20,
        "this director sees 1 of 3 servers up, its peer 3",
    )


def test_who_is_blind_makes_way_for_a_peer_that_sees_whatever_that_one_sees():
    mine = digest("uuu", blind="7 of 8 servers failed at once")
    assert lowering(compare(mine, digest("udd")), mine, 20) == (
        20,
        "this director does not trust its own eyes: 7 of 8 servers failed at once",
    )


def test_two_blind_ones_stay_where_they_are():
    mine = digest("ddd", blind="x")
    assert lowering(compare(mine, digest("ddd", blind="y")), mine, 20) == (0, "")


def test_only_what_both_speak_of_is_compared():
    mine, theirs = digest("uu", servers=WEB[:2]), digest("dd", servers=WEB[1:])
    view = compare(mine, theirs)
    assert (view.here, view.there, view.common) == (1, 0, 1)
    assert [str(one) for one in view.disagreements] == ["shop/192.0.2.22:80 is up here and down at the peer"]


def test_a_difference_is_told_from_where_it_is_seen():
    view = compare(digest("udu"), digest("uuu"))
    assert [str(one) for one in view.disagreements] == ["shop/192.0.2.22:80 is down here and up at the peer"]


def test_who_lowered_himself_stays_there_until_it_has_not_been_needed_for_a_while():
    found, state = [], Lowered()
    for now, taken in ((0, 0), (1, 20), (2, 0), (11, 20), (12, 0), (41, 0), (42, 0), (43, 0)):
        state = steady(state, (taken, "why" if taken else ""), float(now), hold=30.0)
        found.append((now, state.penalty, state.why))
    assert found == [
        (0, 0, ""),
        (1, 20, "why"),
        (2, 20, "why"),
        (11, 20, "why"),
        (12, 20, "why"),
        (41, 20, "why"),
        (42, 0, ""),
        (43, 0, ""),
    ]


def test_one_that_sees_still_less_takes_the_newer_reason():
    assert steady(Lowered(20, "old", 1.0), (20, "new"), 2.0, hold=30.0) == Lowered(20, "new")
