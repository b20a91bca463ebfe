"""What the operator reads of the keys: what they do, what is being typed, what is asked, what came of it."""

from __future__ import annotations

from lvsctl.cli.top.cells import Glyphs, Line, Span, Tone, cells, line
from lvsctl.cli.top.view import Confirming, Filtering, Reasoning, Timing, View

NARROW = 60  # cells, below which a question needs every one of them
KEYS = "q quit  h help  / filter  s sort  Enter open  e open all  d drain  u undrain"

HELP = (
    "lvsctl top: what `lvsctl status` tells, kept up to date",
    "",
    "  up down k j PgUp PgDn Home End    choose",
    "  Enter, left, right                open or close the service",
    "  e                                 open or close all",
    "  s S                               sort by trouble, conf.d, name, load, ...",
    "  R                                 backwards",
    "  /                                 filter: every word must be there; Esc: all",
    "  d                                 drain the server or the pool: asks first",
    "  u                                 undrain it: asks first",
    "  r                                 ask the daemon now",
    "  q                                 quit",
    "",
    "  STATE   what the checks say, and: full (estimated), kept (down, but a guard",
    "          leaves it in), drain, off, weight (an operator's doing, `u` ends it)",
    "  WGHT    - is out of the table; of services and pools: how many serve, of all",
    "  LOAD    connections against the upper thresholds; of a service: its first pool",
    "  LATENCY of the last answer, and of the last polls: usual at half height",
    "",
    "  `lvsctl explain SERVICE/SERVER` says why; `lvsctl history` says since when",
)
"""At most 23 lines of 80, so that nothing of it needs to be scrolled."""


def foot(view: View, width: int, glyphs: Glyphs, *, most: int) -> list[Line]:
    """At least one line, at most `most`."""
    match view.mode:
        case Filtering():
            return [_typed("filter: ", view.filter, width, glyphs)]
        case Reasoning(drain=drain, text=text):
            return [_typed(f"drain {drain.subject}, reason: ", text, width, glyphs)]
        case Timing(text=text, mistake=mistake):
            asked = f"{mistake}: " if mistake else "for how long (30m, 2h; nothing: until you undrain it): "
            return [_typed(asked, text, width, glyphs)]
        case Confirming(question=question, key=key):
            return _asked(question, key, width, glyphs, most)
    if view.message is not None:
        tone = Tone.BAD if view.message.bad else Tone.STRONG
        return [line(glyphs, width, [(part, tone)]) for part in glyphs.wrap(view.message.text, width, most)]
    if view.filter:
        return [line(glyphs, width, [(f"only `{view.filter}` (Esc: all)  ", Tone.WARN), (KEYS, Tone.FAINT)])]
    return [line(glyphs, width, [(KEYS, Tone.FAINT)])]


def _asked(question: str, key: str, width: int, glyphs: Glyphs, most: int) -> list[Line]:
    """The question, however little of it there is room for, with its answers behind it, or below if narrow."""
    answers: Span = (f" [{key}: yes, else no]", Tone.STRONG)
    if width < NARROW and most > 1:
        parts = [*glyphs.wrap(question, width, most - 1), ""]
    else:
        parts = glyphs.wrap(question, width - cells(answers[0]), most)
    lines = [line(glyphs, width, [(part, Tone.WARN)]) for part in parts[:-1]]
    return [*lines, line(glyphs, width, [(parts[-1], Tone.WARN), answers])]


def _typed(asked: str, text: str, width: int, glyphs: Glyphs) -> Line:
    """The end of what was typed is always to be seen, and half of the line is its own."""
    text = glyphs.safe(text)
    asked = glyphs.squeeze(asked, max(width - cells(text) - 1, width // 2))
    room = width - cells(asked) - 1
    while cells(text) > room:
        text = text[1:]
    return line(glyphs, width, [(asked, Tone.STRONG), (text, Tone.PLAIN), ("_", Tone.STRONG)])
