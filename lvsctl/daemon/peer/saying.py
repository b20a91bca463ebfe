"""What this director says when it is asked: made anew only as far as it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lvsctl import __version__
from lvsctl.daemon.override_file import word_json
from lvsctl.daemon.overrides import Overrides
from lvsctl.daemon.peer.sight import Sight
from lvsctl.daemon.peer.wire import Part, body_of, part_of


class Saying:
    """today: gives Unix time."""

    def __init__(self, sight: Sight, overrides: Overrides, today: Callable[[], float]) -> None:
        self._sight = sight
        self._overrides = overrides
        self._today = today
        self._made: dict[str, tuple[object, Part]] = {}

    def answer(self, known: Mapping[str, str]) -> bytes:
        """All there is to say, without the parts whose tokens are known."""
        head = {
            "wire": 1,
            "origin": self._overrides.speaker.origin,
            "director": self._overrides.speaker.director,
            "version": __version__,
            "today": self._today(),
            "blind": self._sight.blind,
            "instances": [
                {"name": one.name, "role": one.role, "priority": one.priority} for one in self._sight.instances()
            ],
        }
        return body_of(head, self._parts(), known)

    def _parts(self) -> dict[str, Part]:
        told, services, ledger = self._sight.told(), self._sight.services(), self._overrides.ledger
        return {
            "names": self._part("names", told.roll.names, lambda: told.roll.names),
            "verdicts": self._part("verdicts", told.letters, lambda: told.letters),
            "services": self._part("services", services, lambda: services),
            "words": self._part("words", ledger, lambda: [word_json(word) for word in ledger.words.values()]),
        }

    def _part(self, name: str, of: object, value: Callable[[], object]) -> Part:
        """The part that was made of this; a new one if that was another."""
        made = self._made.get(name)
        if made is None or (made[0] is not of and made[0] != of):
            made = of, part_of(value())
            self._made[name] = made
        return made[1]
