"""Asks the daemon, in threads of its own: a daemon that is slow or gone never holds up the keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeAlias
from urllib.parse import quote

from lvsctl.cli import answers, client
from lvsctl.cli.show_status import endpoint_text
from lvsctl.cli.top.scene import EVENTS
from lvsctl.cli.top.seen import Happening, Seen, happening, seen
from lvsctl.cli.top.view import Drain, Undrain
from lvsctl.cli.top.words import PARTICIPLES
from lvsctl.errors import LvsctlError

TELLING = 3.0  # seconds that the events may take: the status is there already


@dataclass(frozen=True, slots=True)
class Answered:
    """news: events since the last answer."""

    seen: Seen
    news: tuple[Happening, ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    error: LvsctlError


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a wish."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the daemon did not grant a wish, and what it would grant."""

    why: str
    again: Drain | Undrain


@dataclass(frozen=True, slots=True)
class Broken:
    """A bug in a thread, for the main one to die of."""

    error: Exception


Report: TypeAlias = Answered | Unanswered | Done | Refused | Broken


class Asker:
    """socket: of the daemon. interval: seconds between an answer and the next question. wake: called from the threads
    when there is something in `reports`."""

    def __init__(self, socket: str, interval: float, wake: Callable[[], None]) -> None:
        self.reports: SimpleQueue[Report] = SimpleQueue()
        self._socket, self._interval, self._wake = socket, interval, wake
        self._hurry, self._over = threading.Event(), False
        self._incarnation, self._heard = "", 0

    def start(self) -> None:
        """Ask again and again, until `end`. A process need not wait for the threads: what they hold closes with it."""
        threading.Thread(target=self._poll, daemon=True).start()

    def hurry(self) -> None:
        """Ask now."""
        self._hurry.set()

    def end(self) -> None:
        """Ask no more."""
        self._over = True
        self._hurry.set()

    def do(self, wish: Drain | Undrain) -> None:
        """Have it done; what came of it will be reported."""
        threading.Thread(target=self._report, args=(lambda: self._do(wish),), daemon=True).start()

    def _poll(self) -> None:
        while not self._over:
            self._report(self._look)
            self._hurry.wait(self._interval)
            self._hurry.clear()

    def _report(self, work: Callable[[], Report]) -> None:
        try:
            self.reports.put(work())
        except Exception as error:  # it must not die unseen in a thread
            self.reports.put(Broken(error))
        self._wake()

    def _look(self) -> Report:
        try:
            body = answers.told(self._socket, "GET", "/v1/status?table=no")
            with answers.expected(self._socket, body):
                now = seen(body)
        except LvsctlError as error:
            return Unanswered(error)
        return Answered(now, self._news(now))

    def _news(self, now: Seen) -> tuple[Happening, ...]:
        """What was not told before by this daemon; each numbers its events from 1.

        The status is there already, and is shown though its events should fail.
        """
        if now.incarnation != self._incarnation:
            self._incarnation, self._heard = now.incarnation, 0
        try:
            resource = f"/v1/events?since={self._heard}&limit={EVENTS}"
            with client.following(self._socket, resource, timeout=TELLING, patience=TELLING) as stream:
                news = tuple(happening(line) for line in stream.lines)
        except (LvsctlError, OSError, KeyError, TypeError, ValueError):
            return ()
        self._heard = max((event.number for event in news), default=self._heard)
        return news

    def _do(self, wish: Drain | Undrain) -> Report:
        try:
            with answers.expected(self._socket):
                return self._drain(wish) if isinstance(wish, Drain) else self._undrain(wish)
        except LvsctlError as error:
            return Done(str(error), bad=True)
        finally:
            self.hurry()

    def _drain(self, wish: Drain) -> Report:
        body = {"subjects": [wish.subject], "action": "drain", "for": wish.seconds}
        answer = client.ask(
            self._socket, "POST", "/v1/overrides", body={**body, "reason": wish.reason, "force": wish.force}
        )
        if answer.status == 409 and not wish.force:
            return Refused(client.refusal(answer).removesuffix(": it needs --force"), replace(wish, force=True))
        return _done(answer, f"{wish.subject} is drained")

    def _undrain(self, wish: Undrain) -> Report:
        answer = client.ask(self._socket, "DELETE", f"/v1/overrides?subject={quote(wish.subject, safe='')}")
        if answer.status == 409 and not wish.force and (wider := self._wider(wish)):
            return Refused(client.refusal(answer), Undrain(wider, wish.servers, force=True))
        words = {PARTICIPLES.get(str(order["action"]), "overridden") for order in answer.body.get("ended", [])}
        return _done(answer, f"{wish.subject} is no longer {' and '.join(sorted(words))}")

    def _wider(self, wish: Undrain) -> str | None:
        """The subject of an order that is of all the servers meant, and of others too."""
        for order in answers.told(self._socket, "GET", "/v1/overrides")["overrides"]:
            held = {(server["service"], endpoint_text(server)) for server in order["servers"]}
            if order["file"] is None and held > set(wish.servers):
                return str(order["subject"])
        return None


def _done(answer: client.Answer, done: str) -> Done:
    """What to say: that it is done and what else the daemon has to say to it, or why it is not."""
    if answer.status != 200:
        return Done(client.refusal(answer), bad=True)
    warnings = [str(warning) for warning in answer.body.get("warnings", [])]
    return Done("; ".join([done, *warnings]), bad=bool(warnings))
