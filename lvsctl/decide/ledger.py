"""What was last said of each subject, by the operators of both directors: two ledgers merge in any order.

Each word has a stamp, and of two words about one subject the later stamp holds (last writer wins). Stamps count up
from everything that their director knew, and from its clock in milliseconds where that is ahead: who has heard a word
and answers it always comes later, whatever the clocks say; of words that were said apart - the directors could not
hear one another, or one has lost its disk - the one holds that was said later by the clocks.

Moments are Unix time on the clock of the director that keeps them: what is heard is told on ours (`shifted`), so that
`--for 30m` lasts as long on both, however far apart their clocks are. An order whose time is over on one director is
over on the other, too: where a clock jumps ahead both lose it, and both tables stay alike.

What was ended stays as a word without an order, so that a director that was away does not bring it back. It is
forgotten after KEPT, or when there are more than MOST of them: a director that was away for longer than that does
bring back what was ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lvsctl.decide.overrides import over
from lvsctl.model import Override, OverrideSubject, Stamp, Word

KEPT = 30 * 86400.0
"""Seconds for which it is known that something was ended."""

MOST = 1000
"""Subjects of which it is known that something was ended."""

MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Ledger:
    """words: one for each subject. counter: of the latest stamp that this director has seen."""

    words: Mapping[OverrideSubject, Word] = field(default_factory=dict)
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What a ledger says of one subject where it said something else before; one of the two has an order, or both."""

    before: Word | None
    after: Word


@dataclass(frozen=True, slots=True)
class Speaker:
    """Where words are said. origin: of this run of the director, unlike every other. director: its host."""

    origin: str
    director: str = ""


def ordered(ledger: Ledger, orders: Sequence[Override], speaker: Speaker, today: float) -> Ledger:
    """With these orders in place of what was said of their subjects before. today: Unix time."""
    counter = _next(ledger, today)
    stamp = Stamp(counter, speaker.origin)
    words = (Word(one.subject, stamp, one, one.since, director=speaker.director) for one in orders)
    return Ledger({**ledger.words, **{word.subject: word for word in words}}, counter)


def ended(ledger: Ledger, subjects: Collection[OverrideSubject], speaker: Speaker, by: str, today: float) -> Ledger:
    """Without the orders about these subjects."""
    counter = _next(ledger, today)
    stamp = Stamp(counter, speaker.origin)
    words = {one: Word(one, stamp, None, today, by, speaker.director) for one in subjects if one in ledger.words}
    return Ledger({**ledger.words, **words}, counter) if words else ledger


def expired(ledger: Ledger, today: float) -> Ledger:
    """Without the orders whose time is over. Nobody says so: their stamps stay, and an order that is later holds."""
    done = [word for word in ledger.words.values() if word.order is not None and over(word.order, today)]
    if not done:
        return ledger
    return replace(
        ledger, words={**ledger.words, **{word.subject: replace(word, order=None, at=today) for word in done}}
    )


def merged(ledger: Ledger, words: Iterable[Word]) -> Ledger:
    """With what another ledger says, where that is later; the same one if nothing is."""
    news = {word.subject: word for word in words if _is_later(word, ledger.words.get(word.subject))}
    if not news:
        return ledger
    newest = max(word.stamp.counter for word in news.values())
    return Ledger({**ledger.words, **news}, max(ledger.counter, newest))


def pruned(ledger: Ledger, today: float) -> Ledger:
    """Without what was ended so long ago, or before so much else, that nobody need know; orders stay."""
    over_with = sorted((word for word in ledger.words.values() if word.order is None), key=lambda word: word.stamp)
    kept = {word.subject for word in over_with[-MOST:] if today - word.at < KEPT}
    if len(kept) == len(over_with):
        return ledger
    words = {subject: word for subject, word in ledger.words.items() if word.order is not None or subject in kept}
    return replace(ledger, words=words)


def changes(before: Ledger, after: Ledger) -> tuple[Change, ...]:
    """What holds no longer, and what holds now, for whoever is to be told."""
    found = ((before.words.get(subject), word) for subject, word in after.words.items())
    return tuple(
        Change(old, new)
        for old, new in found
        if new is not old and (new.order is not None or (old is not None and old.order is not None))
    )


def shifted(word: Word, seconds: float) -> Word:
    """The same, told on a clock that is so far ahead."""
    order = word.order
    if order is not None:
        until = None if order.until is None else order.until + seconds
        order = replace(order, since=order.since + seconds, until=until)
    return replace(word, order=order, at=word.at + seconds)


def _is_later(word: Word, known: Word | None) -> bool:
    """Of one order and its end by time, which have the same stamp, the end is the later."""
    if known is None:
        return True
    return (word.stamp, word.order is None) > (known.stamp, known.order is None)


def _next(ledger: Ledger, today: float) -> int:
    return max(ledger.counter + 1, int(today * MILLISECONDS))
