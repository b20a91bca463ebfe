"""What operators ordered, by command or by a file of the maintenance directory, and until when.

Of a pair with a `peer` both directors obey the commands that either is given; a file of the maintenance directory
stands for the director on which it is, and for that alone, as `rm` there is what ends it.
"""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from lvsctl.daemon.maintenance import Maintenance
from lvsctl.daemon.override_file import load, save
from lvsctl.daemon.reconcile import Round, View
from lvsctl.decide import ledger as ledgers
from lvsctl.decide.dark import Dark, Scene, left_dark
from lvsctl.decide.ledger import Ledger, Speaker
from lvsctl.decide.overrides import idle, in_words, over
from lvsctl.errors import LvsctlError
from lvsctl.events import Event, OverrideEnded, OverrideSet
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import AddServer, DeleteServer, EditServer, Override, OverrideSubject, Spec, Word

FORCE = "force"
"""The first word of a file that may drain the last server of a service."""

Judge = Callable[[Sequence[Override], Sequence[Override]], list[Dark]]
"""Services that a change from the first to the second would leave without a server that takes connections."""

log = structlog.get_logger("lvsctl")


class Overrides:
    """Every order there is. A command's is on the disk before it holds; a file's is on the disk as a file.

    ordered: by command, on this director or on its peer, the oldest first. by_file: by subject, with the file. Each
    subject has at most one of each. ledger: what was last said of each subject by command.
    """

    def __init__(
        self, file: Path, *, today: Callable[[], float], tell: Callable[[Event], None], director: str | None = None
    ) -> None:
        """file: overrides.json; raises LvsctlError if it is damaged. today: gives Unix time.

        director: what this one is called on its peer; None: the name of its host.
        """
        self.speaker = Speaker(secrets.token_hex(8), socket.gethostname() if director is None else director)
        self._hold(load(file))
        self.by_file: Mapping[OverrideSubject, tuple[Override, Path]] = {}
        self._file = file
        self._today = today
        self._tell = tell
        self._maintenance = Maintenance(today)
        self._looked = self._is_news = False
        self._refused: frozenset[Path] = frozenset()  # files that have been warned of
        self._idle: frozenset[Override] = frozenset()  # orders that have been warned of

    def in_force(self) -> tuple[Override, ...]:
        """All whose time is not over."""
        today = self._today()
        ordered = (override for override in self.ordered if not over(override, today))
        return (*ordered, *(override for override, _ in self.by_file.values()))

    def next_end(self) -> float | None:
        """Unix time at which the next of them ends by itself."""
        return min((one.until for one in self.ordered if one.until is not None), default=None)

    def say_idle(self, spec: Spec) -> None:
        """Warn of those that name nothing in conf.d any more; each once for as long as it is so."""
        now = frozenset(idle(spec, self.in_force()))
        for override in sorted(now - self._idle, key=lambda one: one.since):
            words = "an order matches nothing in conf.d: it holds again when that is back; lvsctl enable ends it"
            log.warning(words, subject=str(override.subject), order=in_words(override))
        self._idle = now

    # --- by command ---------------------------------------------------------------------------------------------

    def with_orders(self, new: Sequence[Override]) -> tuple[Override, ...]:
        """`in_force`, were these ordered."""
        subjects = {one.subject for one in new}
        others = (one for one in self.in_force() if one.subject not in subjects or one not in self.ordered)
        return (*others, *new)

    def order(self, new: Sequence[Override]) -> None:
        """Take them down and tell of them; they replace what was ordered of their subjects.

        Raises LvsctlError, and then none of them holds.
        """
        self._keep(ledgers.ordered(self.ledger, new, self.speaker, self._today()))

    def end(self, ended: Sequence[Override], by: str) -> None:
        """These hold no longer; raises LvsctlError, and then they still do."""
        subjects = [one.subject for one in ended]
        self._keep(ledgers.ended(self.ledger, subjects, self.speaker, by, self._today()))

    def hear(self, words: Iterable[Word]) -> bool:
        """Take in what was said on the peer, as far as it is later; whether there was such a thing.

        Nothing of it is refused: who ordered it was asked there for --force. Raises LvsctlError, and then nothing of
        it holds.
        """
        heard = ledgers.merged(self.ledger, words)
        if heard is self.ledger:
            return False
        today = self._today()
        self._keep(ledgers.pruned(ledgers.expired(heard, today), today))
        return True

    def expire(self) -> None:
        """End what has had its time."""
        today = self._today()
        left = ledgers.pruned(ledgers.expired(self.ledger, today), today)
        if left is self.ledger:
            return
        try:
            self._keep(left)
        except LvsctlError as error:  # after a restart its time is over, too
            log.error("an override that is over could not be struck out", error=str(error))
            self._take(left)

    def _keep(self, ledger: Ledger) -> None:
        if ledger != self.ledger:
            save(self._file, ledger)
            self._take(ledger)

    def _take(self, ledger: Ledger) -> None:
        before = self.ledger
        self._hold(ledger)
        for change in ledgers.changes(before, ledger):
            if change.after.order is not None:
                self._tell(OverrideSet(self._shown(change.after, change.after.order)))
            elif change.before is not None and change.before.order is not None:
                by = self._named(change.after.by, change.after)
                self._tell(OverrideEnded(self._shown(change.before, change.before.order), by))

    def _hold(self, ledger: Ledger) -> None:
        self.ledger = ledger
        orders = [self._shown(word, word.order) for word in ledger.words.values() if word.order is not None]
        self.ordered = tuple(sorted(orders, key=lambda one: one.since))

    def _shown(self, word: Word, order: Override) -> Override:
        return replace(order, by=self._named(order.by, word))

    def _named(self, by: str, word: Word) -> str:
        """Who it was, and where, if that was elsewhere: a user is known by another number there."""
        foreign = by and word.director and word.director != self.speaker.director
        return f"{by} on {word.director}" if foreign else by

    # --- by file ------------------------------------------------------------------------------------------------

    async def look(self, spec: Spec) -> bool:
        """Look into the maintenance directory; whether a file asks for something that does not hold yet."""
        await self._maintenance.look(spec)
        self._is_news, self._looked = self._looked, True
        files = self._maintenance.files
        for subject, (override, path) in self.by_file.items():
            if subject not in files:
                end = f"names {subject} no longer" if self._maintenance.has(path) else "was removed"
                self._tell(OverrideEnded(override, f"{override.by}: {path.name} {end}"))
        self.by_file = {subject: files[subject] for subject in self.by_file if subject in files}
        return files.keys() != self.by_file.keys()

    def obey(self, left: Judge) -> None:
        """Let the files hold, each by itself, but none that takes the last server of a service without being told to.

        What stood there before the program started is no news, and whom the table shows without connections has none
        to lose: a start does not undo what was drained while there were others.
        """
        refused: set[Path] = set()
        for subject, (override, path) in self._maintenance.files.items():
            if subject in self.by_file:
                continue
            before = self.in_force()
            forced = re.match(rf"{FORCE}\b", override.reason) is not None
            after = (*before, override)
            dark = [] if forced else left(before if self._is_news else after, after)
            if dark:
                refused.add(path)
                if path not in self._refused:
                    self._say_refused(path, dark)
                continue
            self.by_file = {**self.by_file, subject: (override, path)}
            if self._is_news:
                self._tell(OverrideSet(override))
        self._refused = frozenset(refused)

    @staticmethod
    def _say_refused(path: Path, dark: Sequence[Dark]) -> None:
        log.warning(
            "a file of the maintenance directory asks for the last server that takes connections: it waits until there "
            f"is another, or write `{FORCE}` into the file",
            file=str(path),
            services=[str(one) for one in dark],
        )


async def heed(overrides: Overrides, view: View, ipvs: Ipvs, last: Round | None) -> tuple[Override, ...]:
    """What holds now, the files of the maintenance directory included. last: the round before; raises KernelError."""
    if await overrides.look(view.spec):
        now = await scene(view, ipvs, last)
        overrides.obey(lambda before, after: left_dark(now, before, after))
    return overrides.in_force()


async def scene(view: View, ipvs: Ipvs, last: Round | None) -> Scene:
    """What the consequences of an order are judged by; reads the kernel's table. Raises KernelError."""
    have = await ipvs.read()
    kept = frozenset(
        (step.op.service, step.op.server)
        for step, _ in (last.withheld if last is not None else ())
        if isinstance(step.op, AddServer | EditServer | DeleteServer)
    )
    return Scene(view.spec, view.health, have, left=view.left, ladder=view.ladder, kept=kept)
