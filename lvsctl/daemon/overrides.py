"""What operators ordered, by command or by a file of the maintenance directory, and until when."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from lvsctl.daemon.maintenance import Maintenance
from lvsctl.daemon.override_file import load, save
from lvsctl.daemon.reconcile import Round, View
from lvsctl.decide.dark import Dark, Scene, left_dark
from lvsctl.decide.overrides import idle, in_words, over
from lvsctl.errors import LvsctlError
from lvsctl.events import Event, OverrideEnded, OverrideSet
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import AddServer, DeleteServer, EditServer, Override, OverrideSubject, Spec

FORCE = "force"
"""The first word of a file that may drain the last server of a service."""

Judge = Callable[[Sequence[Override], Sequence[Override]], list[Dark]]
"""Services that a change from the first to the second would leave without a server that takes connections."""

log = structlog.get_logger("lvsctl")


class Overrides:
    """Every order there is. A command's is on the disk before it holds; a file's is on the disk as a file.

    ordered: by command, the oldest first. by_file: by subject, with the file. Each subject has at most one of each.
    """

    def __init__(self, file: Path, *, today: Callable[[], float], tell: Callable[[Event], None]) -> None:
        """file: overrides.json; raises LvsctlError if it is damaged. today: gives Unix time."""
        self.ordered = load(file)
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
        subjects = {one.subject for one in new}
        self._keep((*(one for one in self.ordered if one.subject not in subjects), *new))
        for override in new:
            self._tell(OverrideSet(override))

    def end(self, ended: Sequence[Override], by: str) -> None:
        """These hold no longer; raises LvsctlError, and then they still do."""
        self._keep(tuple(one for one in self.ordered if one not in ended))
        for override in ended:
            self._tell(OverrideEnded(override, by))

    def expire(self) -> None:
        """End what has had its time."""
        today = self._today()
        ended = [one for one in self.ordered if over(one, today)]
        if not ended:
            return
        left = tuple(one for one in self.ordered if one not in ended)
        try:
            self._keep(left)
        except LvsctlError as error:  # after a restart its time is over, too
            log.error("an override that is over could not be struck out", error=str(error))
            self.ordered = left
        for override in ended:
            self._tell(OverrideEnded(override))

    def _keep(self, ordered: tuple[Override, ...]) -> None:
        save(self._file, ordered)
        self.ordered = ordered

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
