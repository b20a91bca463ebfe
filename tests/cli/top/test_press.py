"""What keys do: to the order, the filter, what is open and chosen; and how a drain is asked for."""

from __future__ import annotations

import pytest

from lvsctl.cli.top.asker import Answered, Done, Refused
from lvsctl.cli.top.seen import seen
from lvsctl.cli.top.session import Session
from lvsctl.cli.top.view import Confirming, Drain, Filtering, Quit, Refresh, Sort, Undrain
from tests.cli.document import Json, service, status
from tests.cli.top import documents as site
from tests.cli.top.looking import NOW, keys, look, screen

A = service("a", pools=[site.pool("service", site.up("10.0.0.2", 5), site.up("10.0.0.1", 40, latency=0.5))])
B = service("b", pools=[site.pool("service", site.up("10.0.1.2", 30), site.down("10.0.1.1"))])
C = service("c", pools=[site.pool("service", site.up("10.0.2.1", 49, latency=0.1))])


def shown(session: Session) -> list[str]:
    """Names and servers in the order of the rows; the chosen one with a >."""
    lines = screen(session).splitlines()[2:]
    rows = lines[: next(index for index, line in enumerate(lines) if not line or line.startswith("─"))]
    return [row[0].strip() + row[1:24].strip(" ▾▸").removesuffix(":80") for row in rows]


@pytest.mark.parametrize(
    ("pressed", "order"),
    [
        ("", [">b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),  # trouble first
        ("s", [">a", "10.0.0.2", "10.0.0.1", "b", "10.0.1.2", "10.0.1.1", "c", "10.0.2.1"]),  # as in conf.d
        ("sR", [">c", "10.0.2.1", "b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.1", "10.0.0.2"]),  # backwards
        ("ss", [">a", "10.0.0.1", "10.0.0.2", "b", "10.0.1.1", "10.0.1.2", "c", "10.0.2.1"]),  # by name
        ("sss", [">c", "10.0.2.1", "b", "10.0.1.2", "10.0.1.1", "a", "10.0.0.1", "10.0.0.2"]),  # by load
        ("ssss", [">c", "10.0.2.1", "a", "10.0.0.1", "10.0.0.2", "b", "10.0.1.2", "10.0.1.1"]),  # by connections
        ("S", [">a", "10.0.0.1", "10.0.0.2", "c", "10.0.2.1", "b", "10.0.1.2", "10.0.1.1"]),  # by latency
        ("e", [">b", "a", "c"]),
        ("ee", [">b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),
        ("je", [">b", "a", "c"]),  # who was chosen is inside: its service is
        ("jj ", [">b", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),
        ("ejj ", ["b", "a", ">c", "10.0.2.1"]),
        ("jjs", ["a", "10.0.0.2", "10.0.0.1", "b", ">10.0.1.2", "10.0.1.1", "c", "10.0.2.1"]),  # chosen stays chosen
        ("G", ["b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", ">10.0.2.1"]),
        ("Gkg", [">b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),
        ("k", [">b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),
        ("/10.0.1", [">b", "10.0.1.1", "10.0.1.2"]),
        ("/DOWN", [">b", "10.0.1.1"]),
        ("/b refused", [">b", "10.0.1.1"]),  # every word
        ("e/down", [">b"]),
        ("z\t", [">b", "10.0.1.1", "10.0.1.2", "a", "10.0.0.2", "10.0.0.1", "c", "10.0.2.1"]),
    ],
)
def test_order_and_choice(pressed: str, order: list[str]) -> None:
    session = look(A, B, C)
    keys(session, *pressed)
    assert shown(session) == order


def test_left_and_right_only_close_and_open() -> None:
    session = look(A, B)
    keys(session, "right")
    assert len(shown(session)) == 6
    keys(session, "down", "left")
    assert shown(session) == [">b", "a", "10.0.0.2", "10.0.0.1"]
    keys(session, "left")
    assert len(shown(session)) == 4
    keys(session, "right")
    assert len(shown(session)) == 6


def test_esc_brings_back_the_filter_that_was_and_then_takes_it_away() -> None:
    session = look(A, B, C)
    keys(session, "/", *"down", "enter", "/", *" more")
    assert session.view.filter == "down more"
    keys(session, "ctrl-w", "backspace")
    assert session.view.filter == "dow"
    keys(session, "esc")
    assert session.view.filter == "down"
    keys(session, "esc")
    assert session.view.filter == ""


def test_who_is_chosen_stays_chosen_when_the_trouble_moves() -> None:
    session = look(A, B, C)
    keys(session, *"jjj")
    assert ">a" in shown(session)
    session.hear(Answered(seen(status(A, service("b", pools=A["pools"]), C)), ()), NOW)
    assert shown(session)[0] == ">a"
    session.hear(Answered(seen(status(B, C)), ()), NOW)
    assert shown(session)[0] == ">b"  # a is no more: what is in its place


def test_a_screen_that_shrinks_keeps_the_chosen_one_in_sight() -> None:
    session = look(*site.many())
    keys(session, "pgdn")
    assert session.view.at == 18
    keys(session, *"j" * 10)
    session.height = 8
    assert [line[1:10] for line in screen(session).splitlines() if line.startswith(">")] == ["▸ web026 "]


def test_quit_refresh_help() -> None:
    session = look(A)
    assert keys(session, "r") == Refresh()
    assert keys(session, "h", "q") is None  # any key leaves the help
    assert keys(session, "q") == Quit()
    assert keys(session, "ctrl-c") == Quit()
    assert keys(session, "h", "ctrl-c") == Quit()


A1 = "a/10.0.0.2:80"


@pytest.mark.parametrize(
    ("pressed", "wish"),
    [
        (["enter", "enter", "y"], Drain(A1)),
        ([*"disk", "enter", *"90s", "enter", "y"], Drain(A1, "disk", 90.0)),
        ([*"x", "ctrl-u", *" swap it ", "enter", *"1h30m", "enter", "y"], Drain(A1, "swap it", 5400.0)),
        (["enter", *"soon", "enter", "ctrl-u", *"2h", "enter", "y"], Drain(A1, "", 7200.0)),
        (["enter", *"0s", "enter", "y"], None),  # y is typed into the duration
        (["enter", "enter", "n"], None),
        (["enter", "enter", "enter"], None),  # Enter is no yes
        (["enter", "enter", "Y"], None),
        (["esc", "y"], None),
        (["ctrl-c", "y"], None),
        (["enter", "esc", "y"], None),
        (["enter", "enter", "ctrl-c"], None),
    ],
)
def test_a_drain_is_asked_for_in_three_steps(pressed: list[str], wish: Drain | None) -> None:
    session = look(A)
    keys(session, "down", "d")
    assert keys(session, *pressed) == wish


def test_a_mistake_in_the_duration_says_how_to_write_it() -> None:
    session = look(A)
    keys(session, "down", "d", "enter", *"soon", "enter")
    assert screen(session).splitlines()[-1] == "write it like 30m, 2h or 90s, or nothing for good: soon_"


def test_a_pool_is_drained_whole() -> None:
    session = look(site.QUIET)
    keys(session, "down", "d", "enter", "enter")
    assert keys(session, "y") == Drain("shop/service")


def test_a_service_is_not_drained() -> None:
    session = look(A)
    keys(session, "d")
    assert screen(session).splitlines()[-1] == "choose a server or a pool to drain (Enter opens a service)"
    keys(session, "u")
    assert screen(session).splitlines()[-1] == "choose a server or a pool to undrain (Enter opens a service)"
    empty = look()
    assert keys(empty, "d", "u", "enter", "down", "end") is None


@pytest.mark.parametrize(
    ("document", "pressed", "wish", "asked"),
    [
        (
            site.DRAINED,
            ["down"],
            Undrain("mail/192.0.2.41:80", (("mail", "192.0.2.41:80"),)),
            "undrain mail/192.0.2.41:80? It is drained by alice (uid 1000), 26m40s left: swap memory [y: yes, else no]",
        ),
        (A, ["down"], None, "a/10.0.0.2:80 is not drained"),
        (
            service(pools=[site.pool("p", site.drained("10.0.0.1"), site.drained("10.0.0.2")), site.pool("q")]),
            ["down"],
            Undrain("shop/p", (("shop", "10.0.0.1:80"), ("shop", "10.0.0.2:80"))),
            "undrain shop/p? It is drained by alice (uid 1000), 26m40s left: swap memory (and 1 more server)",
        ),
    ],
)
def test_undraining_is_confirmed(document: Json, pressed: list[str], wish: Undrain | None, asked: str) -> None:
    session = look(document)
    keys(session, *pressed, "u")
    assert asked in " ".join(screen(session).splitlines()[-3:])
    assert keys(session, "y") == wish


def test_what_was_refused_is_forced_only_by_F() -> None:
    session = look(A)
    refused = Refused("10.0.0.2:80 is the last one that serves `a`", Drain(A1, "disk", force=True))
    session.hear(refused, NOW)
    assert screen(session).splitlines()[-2:] == [
        "10.0.0.2:80 is the last one that serves `a` - drain",
        "a/10.0.0.2:80 nevertheless? [F: yes, else no]",
    ]
    assert keys(session, "y") is None
    session.hear(refused, NOW)
    assert keys(session, "F") == Drain(A1, "disk", None, force=True)


def test_a_refusal_does_not_interrupt_who_is_typing() -> None:
    session = look(A)
    keys(session, "/")
    session.hear(Refused("no", Drain(A1, force=True)), NOW)
    assert isinstance(session.view.mode, Filtering)
    assert keys(session, "F") is None
    assert session.view.filter == "F"


def test_messages_stay_until_the_next_key() -> None:
    session = look(A)
    session.hear(Done("a/10.0.0.2:80 is drained"), NOW)
    assert screen(session).splitlines()[-1] == "a/10.0.0.2:80 is drained"
    keys(session, "down")
    assert screen(session).splitlines()[-1].startswith("q quit")
    assert not isinstance(session.view.mode, Confirming)
    assert session.view.sort is Sort.TROUBLE
