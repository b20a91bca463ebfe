"""Operators' programs at the transitions of the pair: one after another for each instance, and nobody waits for them.

A program that runs is let to its end when its instance goes on to another role: half a hook may leave behind what
neither role wants. It has until its deadline, as without; then SIGTERM goes to its process group, and SIGKILL a little
later. Of all the transitions that come meanwhile the last one alone is told: what was in between is over. One that
cannot even be killed (it waits for a disk that is gone) holds up its own instance's next one, and no other's.

A program finds its role in its environment: PATH, LANG=C.UTF-8, LVSCTL_INSTANCE, LVSCTL_ROLE (active, standby, fault,
stopped), LVSCTL_PREVIOUS (the same, "" before the first), LVSCTL_PRIORITY, LVSCTL_WHY, and where lvsctl speaks VRRP
itself LVSCTL_INTERFACE and LVSCTL_ADDRESSES, separated by spaces. After its own arguments it gets the four of
keepalived's notify scripts: INSTANCE, the name, MASTER, BACKUP, FAULT or STOP, and the priority. Its stdin is
/dev/null, its directory /; no shell runs it, and this process' ambient capabilities are not inherited. When it ends,
what is left of its group is killed: else that would still act for a role that is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lvsctl.events import HookDone, HookFailed
from lvsctl.model import HookRun, Instance, PairSpec, Role, Transition
from lvsctl.notify.process import PATH, End, Run, ending

AT_ONCE: Final = 8
"""Programs that run at the same time; the deadline of one that has to wait counts from its start."""

GRACE: Final = 2.0
"""Seconds from SIGTERM to SIGKILL, and for what is killed to be gone."""

KEPT: Final = 2048
"""Bytes of the last that a program printed."""

_WORDS: Final = {Role.ACTIVE: "MASTER", Role.STANDBY: "BACKUP", Role.FAULT: "FAULT", None: "STOP"}


def arguments(transition: Transition) -> tuple[str, ...]:
    """What keepalived.conf(5) says of notify scripts: "$1" to "$4"."""
    return ("INSTANCE", transition.instance, _WORDS[transition.role], str(transition.priority))


def environment(instance: Instance | None, transition: Transition) -> dict[str, str]:
    """All that a program finds in its environment. instance: the one that it is about; None: it is another's."""
    facts = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LVSCTL_INSTANCE": transition.instance,
        "LVSCTL_ROLE": transition.role or "stopped",
        "LVSCTL_PREVIOUS": transition.previous or "",
        "LVSCTL_PRIORITY": str(transition.priority),
        "LVSCTL_WHY": transition.why,
    }
    if instance is not None:
        facts["LVSCTL_INTERFACE"] = instance.interface
        facts["LVSCTL_ADDRESSES"] = " ".join(map(str, instance.addresses))
    return {name: str(value).replace("\0", " ") for name, value in facts.items()}


class Hooks:
    """Runs what the Spec says for each transition. tell: hears how it went; must neither block nor raise.

    today: Unix time.
    """

    def __init__(
        self,
        spec: PairSpec,
        tell: Callable[[HookDone | HookFailed], None],
        *,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._spec = spec
        self._instances = _by_name(spec)
        self._tell = tell
        self._today = today
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[str, Transition] = {}  # by the instance, as all that follows
        self._working: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[tuple[str, str], HookRun] = {}  # the last of each instance and hook
        self._closed = False

    @property
    def last(self) -> tuple[HookRun, ...]:
        """The last run of each hook for each instance, what still runs too; the newest first."""
        return tuple(sorted(self._runs.values(), key=lambda run: run.began, reverse=True))

    def take(self, spec: PairSpec) -> None:
        """From the next start of a program on. One that is gone is known still: its last programs are to come."""
        self._spec = spec
        self._instances |= _by_name(spec)
        self._runs = {key: run for key, run in self._runs.items() if run.instance in spec.names}

    def became(self, transition: Transition) -> None:
        """Start its program, or have it wait for the one that runs for this instance; never blocks."""
        if self._closed:
            return
        name = transition.instance
        self._waiting[name] = transition
        if name not in self._working:
            self._working[name] = asyncio.create_task(self._work(name), name=f"hooks of {name}")

    async def close(self) -> None:
        """Wait for what runs and for what waits, the farewell's programs among it; begin nothing else.

        After two deadlines - of one that runs and of one that waits for it - whatever is left is killed.
        """
        self._closed = True
        tasks = list(self._working.values())
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=2 * (self._spec.hooks.timeout + GRACE))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for transition in self._waiting.values():
                if self._spec.hooks.of(transition.role):
                    self._tell(HookFailed(_hook(transition), transition.instance, "not started before the stop"))

    async def _work(self, name: str) -> None:
        """One after another, until nothing waits."""
        try:
            while name in self._waiting:
                async with self._slots:
                    run = await self._serve(self._waiting.pop(name))
                if run is not None:
                    await asyncio.wait([run.ended])
        finally:
            del self._working[name]

    async def _serve(self, transition: Transition) -> Run | None:
        """Run its program, if it has one: until it has ended, or could not even be killed."""
        spec, name = self._spec, transition.instance
        argv = spec.hooks.of(transition.role)
        if not argv:
            return None
        hook = _hook(transition)
        began, start = self._today(), asyncio.get_running_loop().time()
        self._runs[name, hook] = HookRun(hook, name, began)
        run = Run((*argv, *arguments(transition)), environment(self._instances.get(name), transition), keep=KEPT)
        try:
            why = await _outcome(run, argv, spec.hooks.timeout)
        except asyncio.CancelledError:
            self._tell(HookFailed(hook, name, "killed at the stop"))
            raise
        finally:
            run.kill()
        duration = asyncio.get_running_loop().time() - start
        self._runs[name, hook] = HookRun(hook, name, began, duration, why or "")
        if why is None:
            self._tell(HookDone(hook, name, duration))
        else:
            self._tell(HookFailed(hook, name, why, _printed(run)))
        return run


def _by_name(spec: PairSpec) -> dict[str, Instance]:
    return {instance.name: instance for instance in spec.instances}


def _hook(transition: Transition) -> str:
    return f"on_{transition.role or 'stop'}"


async def _outcome(run: Run, argv: tuple[str, ...], deadline: float) -> str | None:
    """What is wrong with it in the end; None: nothing is."""
    await asyncio.wait([run.ended], timeout=deadline)
    if (end := _end(run)) is not None:
        return ending(argv, end)
    run.ask()
    await asyncio.wait([run.ended], timeout=GRACE)
    run.kill()
    await asyncio.wait([run.ended], timeout=GRACE)
    late = f"{Path(argv[0]).name} is not done within {deadline:g} s"
    return late if run.ended.done() else f"{late} and cannot be killed: the next one waits for it"


def _end(run: Run) -> End | OSError | None:
    if not run.ended.done():
        return None
    error = run.ended.exception()
    return error if isinstance(error, OSError) else run.ended.result()


def _printed(run: Run) -> str:
    """The last that it printed, without control characters but for the ends of lines."""
    end = _end(run)
    text = end.printed.decode(errors="replace") if isinstance(end, End) else ""
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in text.splitlines()).strip()
