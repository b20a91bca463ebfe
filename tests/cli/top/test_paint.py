"""What a terminal is sent: only what has changed, and colours only where they are wanted."""

from __future__ import annotations

import re

from lvsctl.cli.top.cells import Line, Tone
from lvsctl.cli.top.paint import Painter

ONE, TWO = Line((("one", Tone.GOOD),)), Line((("two", Tone.PLAIN),))


def test_the_first_picture_is_whole_and_then_only_what_changed() -> None:
    painter = Painter(coloured=True)
    assert painter.paint([ONE, TWO]) == "\x1b[0m\x1b[2J\x1b[1;1H\x1b[32mone\x1b[0m\x1b[2;1Htwo"
    assert painter.paint([ONE, TWO]) == ""
    assert painter.paint([TWO, TWO]) == "\x1b[1;1Htwo"
    assert painter.paint([TWO, TWO], anew=True) == "\x1b[0m\x1b[2J\x1b[1;1Htwo\x1b[2;1Htwo"
    assert painter.paint([TWO]).startswith("\x1b[0m\x1b[2J")  # another height: what was below must go


def test_without_colour_nothing_is_lost() -> None:
    lines = [Line(((tone, tone),), chosen=chosen) for tone in Tone for chosen in (False, True)]
    sent = Painter(coloured=False).paint(lines)
    codes = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", sent) for code in codes.split(";")}
    assert codes == {"0", "1", "2", "7"}  # bold, faint, reversed


def test_colours_are_of_the_sixteen() -> None:
    sent = Painter(coloured=True).paint([Line(((tone, tone),)) for tone in Tone])
    assert set(re.findall(r"3[0-9]|[34]8;[0-9;]*", sent)) == {"31", "32", "33"}
