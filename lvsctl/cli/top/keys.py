"""What was typed: bytes of a terminal -> names of keys."""

from __future__ import annotations

import codecs
import re

_CONTROL = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x02": "ctrl-b",
    "\x03": "ctrl-c",
    "\x06": "ctrl-f",
    "\x0c": "ctrl-l",
    "\x15": "ctrl-u",
    "\x17": "ctrl-w",
}
_FINAL = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "P": "f1", "M": "enter"}
_NUMBERED = {"1": "home", "4": "end", "5": "pgup", "6": "pgdn", "7": "home", "8": "end", "11": "f1"}
_SEQUENCE = re.compile(r"\x1b(?:\[\[[A-E]|\[([0-9;?<>=]*)[ -/]*([@-~])|O([ -~]))")
_BEGUN = re.compile(r"\x1b(?:\[\[?[0-9;?<>= -/]*|O)?")


class Keyboard:
    """Keeps what is not yet a whole key; a slow line may split one."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    @property
    def waits(self) -> bool:
        """Whether the next bytes decide what was typed: a lone Esc, or the beginning of another key."""
        return bool(self._begun)

    def feed(self, received: bytes) -> list[str]:
        """The keys, each a character or a name such as "enter", "esc", "up", "pgdn", "ctrl-c"."""
        text, keys = self._begun + self._decoder.decode(received), list[str]()
        self._begun = ""
        while text:
            if text[0] == "\x1b":
                if _BEGUN.fullmatch(text):
                    self._begun = text
                    break
                key, text = _sequence(text)
            else:
                key, text = _CONTROL.get(text[0], text[0] if text[0].isprintable() else ""), text[1:]
            keys += [key] if key else []
        return keys

    def flush(self) -> list[str]:
        """Nothing followed in time: the Esc was a key of its own."""
        begun, self._begun = self._begun, ""
        return ["esc"] if begun else []


def _sequence(text: str) -> tuple[str, str]:
    """The key that the text begins with, "" for one of no use here, and the rest."""
    found = _SEQUENCE.match(text)
    if found is None:
        return "esc", text[1:]
    numbers, final, application = found.groups()
    if final == "~":
        key = _NUMBERED.get((numbers or "").partition(";")[0], "")
    else:
        key = _FINAL.get(application or final or "", "")
    return key, text[found.end() :]
