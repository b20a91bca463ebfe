"""The contract of a check kind; the only lvsctl module that a kind may import.

A kind is one file in `healthchecks/` (or in anybody's package, found through the entry-point group
`lvsctl.healthchecks`) with three names:

    class Params(checkapi.Params): ...        what an operator may write under `http:` in conf.d
    async def run(ask: Ask[Params]) -> Outcome: ...   ask once
    KIND = checkapi.Kind(name="http", summary="...", params=Params, run=run)

`run` lives under one total deadline: when the time is up it is cancelled, and the runner makes that a FAIL whose code
is `ask.timeout_code`. It cleans up in `finally`, without waiting long: after once more the timeout it is cancelled
again. It returns `ask.passed(...)` or `ask.failed(...)` for an answer, raises `CannotAsk` when the question could not
be asked (no file descriptor, no source address), and raises nothing else on purpose: any other exception is a bug in
the kind, is reported as UNKNOWN, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from lvsctl.model import Outcome, Target, Verdict

__all__ = ["RESERVED", "AnyKind", "Ask", "CannotAsk", "Kind", "Outcome", "Params", "Target", "Verdict", "Watch"]


class Params(BaseModel):
    """Base of every kind's parameters: unknown keys are errors, values are frozen and hashable (use tuples)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Values may be secrets: a log line or a traceback shows only which parameters were given."""
        return ((None, name) for name in sorted(self.model_fields_set))


P = TypeVar("P", bound=Params)


class CannotAsk(Exception):
    """The question could not be asked; the message says why in one line. The verdict becomes UNKNOWN."""


class Watch(Protocol):
    """Waits for one descriptor. Not for two things at once. Close it before the descriptor."""

    def readable(self) -> Awaitable[None]:
        """Until there is something to read, or the far end closed, or an error is there to be fetched."""

    def writable(self) -> Awaitable[None]:
        """Until something can be written, or an error is there to be fetched."""

    def close(self) -> None: ...


class Ask(Generic[P]):
    """One question being asked.

    watch: makes a Watch for a non-blocking descriptor, cheaper than the event loop's own readers and writers.

    memory: empty at the first probe of a question; what the kind puts in is there at the next.
    timeout_code: the reason code if the deadline strikes now; a kind moves it on ("L4TOUT", then "L7TOUT").
    trace: None, or the list of (seconds since the start, text) that `lvsctl check` prints; write it through `note`.
    """

    __slots__ = ("memory", "params", "started", "target", "timeout_code", "trace", "watch")

    def __init__(
        self,
        target: Target,
        params: P,
        *,
        watch: Callable[[int], Watch],
        trace: list[tuple[float, str]] | None = None,
        memory: dict[str, Any] | None = None,
    ) -> None:
        self.target = target
        self.params = params
        self.watch = watch
        self.trace = trace
        self.memory = {} if memory is None else memory
        self.timeout_code = "L4TOUT"
        self.started = perf_counter()

    def note(self, text: str) -> None:
        """Remember a step for the trace; costs nothing when nobody watches."""
        if self.trace is not None:
            self.trace.append((perf_counter() - self.started, text))

    def passed(self, code: str, detail: str) -> Outcome:
        return Outcome(Verdict.PASS, code, detail, perf_counter() - self.started)

    def failed(self, code: str, detail: str) -> Outcome:
        return Outcome(Verdict.FAIL, code, detail, perf_counter() - self.started)


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of check. params: the pydantic model of its keys in conf.d. summary: half a line for `lvsctl check`.

    usual_port: the port that is asked where neither the check nor the server has one (firewall marks); 0 if the kind
    needs none, None if one must be given.
    """

    name: str
    summary: str
    params: type[P]
    run: Callable[[Ask[P]], Awaitable[Outcome]]
    usual_port: Callable[[P], int | None] = lambda _: None


AnyKind = Kind[Any]

RESERVED = frozenset(
    {"interval", "timeout", "rise", "fall", "fast_interval", "down_interval", "port", "address", "none"}
)
"""What no kind may be called: it means something else where a kind stands in conf.d."""
