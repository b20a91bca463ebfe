"""What the peer said last, put together from an answer and from the parts of earlier ones that still hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsctl.daemon.override_file import word_from_json
from lvsctl.daemon.peer.wire import PARTS, Answer
from lvsctl.decide.ledger import shifted
from lvsctl.decide.opinion import Digest
from lvsctl.decide.verdicts import in_a_row, verdicts
from lvsctl.model import InstanceStanding, Word

SKEW = 2.0
"""Seconds: by less than that two clocks are not apart, as far as an answer that was under way can tell."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer. at: when it was asked for, on the loop's clock. skew: seconds by which our time of day is ahead."""

    at: float
    digest: Digest
    version: str
    instances: tuple[InstanceStanding, ...]
    services: Mapping[str, str]
    skew: float


@dataclass(slots=True)
class _Held:
    """The value of a part that was said once, and what was made of it."""

    tokens: dict[str, str] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    letters: str = ""
    verdicts: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


class Memory:
    """known: the tokens of the parts that are held."""

    def __init__(self) -> None:
        self._held = _Held()
        self._words: tuple[Word, ...] = ()

    @property
    def known(self) -> Mapping[str, str]:
        return self._held.tokens

    def forget(self) -> None:
        """Nothing is known: everything is to be said anew."""
        self._held = _Held()
        self._words = ()

    def take(self, answer: Answer, *, at: float, skew: float) -> Heard:
        """Raises ValueError, KeyError or TypeError where the answer makes no sense, and nothing is known then."""
        try:
            return self._taken(answer, at=at, skew=skew)
        except (ValueError, KeyError, TypeError):
            self.forget()
            raise

    def words(self) -> tuple[Word, ...]:
        """What was ordered there and has not been taken in here, on our clock; `obeyed` says that it has been."""
        return self._words

    def obeyed(self) -> None:
        self._words = ()

    def _taken(self, answer: Answer, *, at: float, skew: float) -> Heard:
        held, said = self._held, answer.parts
        for name in PARTS:
            if getattr(said, name) is None and held.tokens.get(name) != answer.tokens[name]:
                raise ValueError(f"{name} are neither said nor known")
        if said.names is not None:
            held.pairs = in_a_row(said.names)
        if said.verdicts is not None:
            held.letters = said.verdicts
        if said.names is not None or said.verdicts is not None:
            held.verdicts = verdicts(held.pairs, held.letters)
        if said.services is not None:
            held.services = said.services
        if said.words is not None:
            ahead = skew if abs(skew) >= SKEW else 0.0
            self._words = tuple(shifted(word_from_json(one), ahead) for one in said.words)
        held.tokens = {name: answer.tokens[name] for name in PARTS}
        digest = Digest(answer.blind, held.verdicts)
        instances = tuple(one.standing for one in answer.instances)
        return Heard(at, digest, answer.version, instances, held.services, skew)
