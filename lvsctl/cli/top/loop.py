"""The program itself: wait for keys, news and the clock, and show what they make."""

from __future__ import annotations

import os
import socket as sockets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty

from rich.console import Console

from lvsctl.cli.top.asker import Asker
from lvsctl.cli.top.cells import ASCII, UNICODE, Glyphs
from lvsctl.cli.top.keys import Keyboard
from lvsctl.cli.top.paint import Painter
from lvsctl.cli.top.scene import Scene
from lvsctl.cli.top.session import Session
from lvsctl.cli.top.terminal import Ended, Terminal, die
from lvsctl.cli.top.view import Drain, Quit, Refresh, Undrain, Wish
from lvsctl.errors import LvsctlError

SECOND = 1.0  # what is said to be so many seconds old is drawn again
_MONOCHROME = ("vt1", "vt2")  # as terminfo has them; rich takes them for coloured
ESCAPE = 0.1  # seconds within which the rest of a key follows its Esc, over a slow line too


def run(socket: str, interval: float) -> None:
    """Until the operator has enough. interval: seconds between two questions.

    Raises LvsctlError without a terminal, and when nobody has answered the first question.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise LvsctlError("top needs a terminal: `lvsctl status` prints the same once")
    console = Console()
    kind = os.environ.get("TERM", "")
    if console.is_dumb_terminal:
        raise LvsctlError(f"this terminal cannot place its cursor (TERM={kind}): `lvsctl status` prints the same once")
    coloured = console.color_system is not None and not console.no_color and not kind.startswith(_MONOCHROME)
    painter = Painter(coloured=coloured)
    scene = Scene(sockets.gethostname(), None, interval)
    session = Session(scene, glyphs(_environment()))
    try:
        with Terminal(sys.stdin.fileno(), sys.stdout.fileno()) as terminal:
            asker = Asker(socket, interval, terminal.wake)
            asker.start()
            try:
                _watch(terminal, session, asker, painter)
            finally:
                asker.end()
    except Ended as end:
        die(end.number)


def _environment() -> Mapping[str, str]:
    """As the process was given it: the interpreter sets LC_CTYPE to a UTF-8 that the terminal may know nothing of."""
    pairs = Path("/proc/self/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs)


def glyphs(environment: Mapping[str, str]) -> Glyphs:
    """What the locale allows; the kernel's own console has no font for the blocks."""
    locale = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))), "")
    charset = locale.partition("@")[0].partition(".")[2]
    unicode = charset.lower() in ("utf-8", "utf8") and environment.get("TERM") != "linux"
    return UNICODE if unicode else ASCII


def _watch(terminal: Terminal, session: Session, asker: Asker, painter: Painter) -> None:
    keyboard, anew = Keyboard(), True
    while True:
        session.width, session.height = terminal.size
        terminal.write(painter.paint(session.lines(time.time()), anew=anew))
        typed, anew = terminal.wait(ESCAPE if keyboard.waits else SECOND)
        keys = keyboard.feed(typed) if typed else keyboard.flush()
        while True:
            try:
                session.hear(asker.reports.get_nowait(), time.time())
            except Empty:
                break
        for key in keys:
            wish = session.press(key, time.time())
            if isinstance(wish, Quit):
                return
            anew |= _grant(wish, asker)


def _grant(wish: Wish | None, asker: Asker) -> bool:
    """Whether the operator wishes to see everything drawn anew."""
    match wish:
        case Drain() | Undrain():
            asker.do(wish)
        case Refresh():
            asker.hurry()
            return True
    return False
