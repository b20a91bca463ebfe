"""Whole screens, as an operator sees them: each is a file beside this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli.top.asker import Unanswered
from lvsctl.cli.top.cells import ASCII, UNICODE, Glyphs, cells
from lvsctl.cli.top.session import Session
from lvsctl.cli.top.view import Browsing, Quit
from lvsctl.errors import DaemonUnreachable
from tests.cli.document import status
from tests.cli.top import documents as site
from tests.cli.top.looking import NOW, keys, look, screen

SCREENS = Path(__file__).with_name("screens")


def away() -> Session:
    """The daemon answered at NOW and has not since."""
    session = look(site.QUIET, site.KEPT)
    for later in (2, 4):
        session.hear(Unanswered(DaemonUnreachable("no daemon answers on /run/lvsctl/lvsctl.sock")), NOW + later)
    return session


def late() -> Session:
    """The daemon answered at NOW and has been asked again since."""
    return look(site.QUIET)


def troubled_director() -> Session:
    """The guard holds, the kernel refuses, conf.d is wrong: the two worst are said."""
    turn = {**status()["round"], "refused": [{"op": "edit tcp 192.0.2.20:80", "message": "EINVAL"}] * 3}
    guard = {"suspected": True, "since": site.SINCE, "why": "12 of 14 checks", "seen": ["eth0 is down"]}
    return look(site.KEPT, guard=guard, round=turn)


def typed(session: Session, *what: str) -> Session:
    keys(session, *what)
    return session


LOOKS: dict[str, Callable[[], Session]] = {
    "quiet": lambda: look(site.QUIET, polls=4),
    "spill": lambda: look(site.QUIET | {"name": "calm"}, site.SPILLING, events=site.EVENTS),
    "exhausted": lambda: look(site.FULL, events=site.EVENTS),
    "down-but-kept": lambda: look(site.KEPT),
    "drained": lambda: typed(look(site.DRAINED, site.KEPT, events=site.EVENTS), "down", "down", "down", "down"),
    "names": lambda: typed(look(site.OLD_NAMES), "down"),
    "named": lambda: typed(look(site.QUIET, site.NAMED), "/", *"room", "enter", "down"),
    "hostile": lambda: typed(look(site.HOSTILE, polls=2), "down"),
    "hostile-ascii": lambda: typed(look(site.HOSTILE, polls=2, glyphs=ASCII), "down"),
    "ascii": lambda: look(site.SPILLING, site.DRAINED, site.KEPT, events=site.EVENTS, polls=3, glyphs=ASCII),
    "no-services": look,
    "no-servers": lambda: look(site.EMPTY),
    "300-services": lambda: look(*site.many(), events=site.EVENTS),
    "300-services-by-load": lambda: typed(look(*site.many()), "s", "s", "s", "end", "pgup"),
    "filtered": lambda: typed(look(*site.many()), "/", *"down", "enter"),
    "filtered-to-nothing": lambda: typed(look(site.QUIET), "/", *"nowhere"),
    "away": away,
    "late": late,
    "troubled-director": troubled_director,
    "standby": lambda: look(site.QUIET, pair=site.STANDBY),
    "idle": lambda: look(site.IDLE, pair=site.RESTING),
    "in-fault": lambda: look(site.QUIET, pair=site.IN_FAULT),
    "help": lambda: typed(look(site.QUIET), "h"),
    "asks-to-drain": lambda: typed(look(site.QUIET), "down", "down", "d", *"why not", "enter", *"30m", "enter"),
    "wide": lambda: look(site.SPILLING, site.DRAINED, site.KEPT, events=site.EVENTS, polls=9, width=132, height=40),
    "narrow": lambda: look(site.SPILLING, site.DRAINED, width=50, height=16),
    "low": lambda: look(site.SPILLING, width=80, height=6),
    "narrow-asks-to-drain": lambda: typed(
        look(site.QUIET, width=40, height=9), "down", "down", "d", *"why not", "enter", *"30m", "enter"
    ),
    "smallest-asks-to-drain": lambda: typed(
        look(site.QUIET, width=24, height=5), "down", "down", "d", "enter", "enter"
    ),
    "low-help": lambda: typed(look(site.QUIET, height=12), "h"),
    "too-small": lambda: look(site.SPILLING, width=10, height=3),
}


@pytest.mark.parametrize("name", LOOKS)
def test_screen(name: str) -> None:
    session = LOOKS[name]()
    assert screen(session, NOW + (7 if name in ("away", "late") else 0)) == (SCREENS / f"{name}.txt").read_text()


def test_every_screen_has_its_look() -> None:
    assert {path.stem for path in SCREENS.iterdir()} == set(LOOKS)


def fits(session: Session) -> None:
    lines = session.lines(NOW)
    assert len(lines) == session.height
    for line in lines:
        text = "".join(text for text, _ in line.spans)
        assert cells(text) == session.width, text
        assert text.isprintable()


SITES = [site.QUIET, site.SPILLING, site.FULL, site.KEPT, site.DRAINED, site.OLD_NAMES, site.HOSTILE, site.EMPTY]
KEYS = [*"jkseRdu/hq xy30m", "enter", "esc", "up", "down", "left", "right", "pgup", "pgdn", "home", "end", "backspace"]


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    glyphs=st.sampled_from([UNICODE, ASCII]),
    pressed=st.lists(st.sampled_from(KEYS), max_size=25),
)
def test_whatever_the_size_and_the_keys_every_line_fits(
    width: int, height: int, glyphs: Glyphs, pressed: list[str]
) -> None:
    session = look(*SITES, events=site.EVENTS, width=width, height=height, glyphs=glyphs)
    fits(session)
    for key in pressed:
        keys(session, key)
        fits(session)


def test_where_nothing_can_be_seen_nothing_can_be_done() -> None:
    session = look(site.QUIET, width=23, height=24)
    assert keys(session, "down", "down", "d", "enter", "enter", "y") is None
    assert session.view.mode == Browsing() and session.view.cursor is None
    assert keys(session, "q") == Quit()


@given(text=st.text(), name=st.text(), width=st.integers(24, 120))
def test_nothing_that_is_told_breaks_out_of_its_line(text: str, name: str, width: int) -> None:
    bad = site.service(name, reason=text, state="down", pools=[site.pool(text, site.down("192.0.2.1", text))])
    session = look(bad, events=[site.told(1, "x", text, service=name, detail=text)], width=width)
    session.hear(Unanswered(DaemonUnreachable(text)), NOW)
    fits(session)
    keys(session, "down", "down", "d", *text[:50], "enter", "enter")
    fits(session)
