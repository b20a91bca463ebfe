"""The same again and again: redrawn in place on a terminal, block after block elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from shutil import get_terminal_size

import click

from lvsctl.cli.columns import cells, cut, printable
from lvsctl.errors import LvsctlError

USUAL = "2"  # seconds
SHORTEST, LONGEST = 0.1, 3600.0

_HOME, _CLEAR, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"


class Watchable(click.Command):
    """A command whose -w/--watch takes a number of seconds, or none: what follows is it only if it is a number."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given: list[str] = []
        for index, word in enumerate(args):
            given.append(word)
            if word == "--":
                given += args[index + 1 :]
                break
            if word in ("-w", "--watch") and not _is_number(args[index + 1 : index + 2]):
                given.append(USUAL)
        return super().parse_args(ctx, given)


def _is_number(words: list[str]) -> bool:
    return bool(words) and words[0][:1].isdecimal() and words[0].replace(".", "", 1).isdecimal()


def seconds(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """A callback of an option."""
    if value is not None and not SHORTEST <= value <= LONGEST:
        raise click.BadParameter(f"{value:g} is not between {SHORTEST:g} and {LONGEST:g} seconds")
    return value


option = click.option(
    "-w",
    "--watch",
    type=float,
    callback=seconds,
    metavar="[SECONDS]",
    help=f"Show it again and again, until ^C.  [default: every {USUAL} s]",
)
"""Of a Watchable: None where it is not given."""


def watch(show: Callable[[], str], every: float, *, redraw: bool) -> None:
    """Show the text every so many seconds until ^C. redraw: in place, if this is a terminal.

    A failure of the first showing is the caller's; after that it is told, and the next showing tries again.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})  # it ends the pause, nothing else
    placing = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    screen = _Terminal() if redraw and placing else _Plain()
    try:
        screen.show(show())
        while True:
            signal.sigtimedwait({signal.SIGWINCH}, every)
            try:
                screen.show(show())
            except LvsctlError as error:
                screen.complain(f"lvsctl: {printable(' '.join(str(error).split()))}; waiting for it")
    except KeyboardInterrupt:
        screen.leave()


class _Terminal:
    """Nothing is hidden and nothing is to be restored: whatever ends the program, the terminal is as it was."""

    def __init__(self) -> None:
        self._begun = False

    def show(self, text: str) -> None:
        """Draw over what is there, without clearing it first: that would flicker."""
        width, height = get_terminal_size()
        lines, room = text.splitlines(), max(height - 1, 1)  # the cursor stands below
        if len(lines) > room:
            hidden = len(lines) - (room - 1)
            lines = [*lines[: room - 1], f"… {hidden} more lines: name a service, or make the window larger"]
        drawn = "\r\n".join(_whole(cut(line, width), width) for line in lines)
        begin = "" if self._begun else _CLEAR
        end = f"\r\n{_CLEAR_BELOW}" if height > 1 else ""
        self._begun = True
        click.echo(f"{begin}{_HOME}{drawn}{end}", nl=False, color=True)

    def complain(self, message: str) -> None:
        """In place of the text: what was true before may be so no longer."""
        self.show(message)

    def leave(self) -> None:
        """The terminal shows ^C where the cursor is."""
        click.echo()


def _whole(line: str, width: int) -> str:
    """The line and, where it ends, nothing of what was there; in the last column many terminals would clear its end."""
    return line if cells(line) >= width else line + _CLEAR_LINE


class _Plain:
    """A block every time, with the time in front; for a file or a program."""

    def __init__(self) -> None:
        self._complaint = ""

    def show(self, text: str) -> None:
        """One more block."""
        self._complaint = ""
        if not text.startswith("{"):  # JSON documents stand on their own
            click.echo(time.strftime("--- %Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        click.echo(text, nl=False)

    def complain(self, message: str) -> None:
        """Once for as long as it lasts."""
        if message != self._complaint:
            click.echo(message, err=True)
        self._complaint = message

    def leave(self) -> None:
        """Nothing to tidy."""
