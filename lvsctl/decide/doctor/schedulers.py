"""What is to be said of the schedulers that conf.d wants."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsctl.decide.doctor import hprio
from lvsctl.decide.doctor.facts import Area, Facts, Finding, Level
from lvsctl.decide.doctor.words import listed
from lvsctl.decide.ladder import Ladder
from lvsctl.model import Service


def judge_schedulers(facts: Facts) -> Iterator[Finding]:
    """Each scheduler once, and the module of `hprio` where that one is wanted."""
    spec = facts.configuration.spec
    if spec is None or facts.kernel.info is None:
        return
    users: dict[str, list[Service]] = {}
    for service in spec.services.values():
        users.setdefault(service.attrs.scheduler, []).append(service)
    for name in sorted(users):
        yield from _scheduler(name, users[name], facts)
    if hprio.NAME in users:
        yield from hprio.judge(facts)


def _scheduler(name: str, users: list[Service], facts: Facts) -> Iterator[Finding]:
    if name in facts.kernel.missing:
        yield from _missing(name, users, facts)
        return
    late = [service.name for service in users if _runs_another(service, facts)]
    if late:
        text = f"{name} is there; not yet used by {listed(late)}"
        yield _said(Level.WARNING, name, text, _take(facts))
    else:
        yield _said(Level.OK, name, f"{name} is there")


def _missing(name: str, users: list[Service], facts: Facts) -> Iterator[Finding]:
    mend = hprio.install(facts) if name == hprio.NAME else f"modprobe ip_vs_{name}"
    ladder = Ladder(facts.kernel.missing)
    instead: dict[str | None, list[str]] = {}
    for service in users:
        instead.setdefault(ladder.scheduler(service), []).append(service.name)
    for used, names in instead.items():
        if used is None:
            yield _said(
                Level.ERROR, name, f"{name} is missing and nothing stands in: not served: {listed(names)}", mend
            )
        else:
            yield _said(Level.WARNING, name, f"{name} is missing: {used} is used in its place by {listed(names)}", mend)


def _take(facts: Facts) -> str:
    """The command that gives every service the best scheduler that there is."""
    if facts.daemon.silence and not facts.daemon.denied:
        return f"lvsctl apply -c {quote(facts.configuration.path)}"
    return f"lvsctl reload --socket {quote(facts.daemon.socket)}"


def _runs_another(service: Service, facts: Facts) -> bool:
    """A service that lvsctl made goes on with a stand-in until the next reload."""
    found = facts.kernel.table.get(service.key)
    return found is not None and found.attrs.scheduler != service.attrs.scheduler


def _said(level: Level, scheduler: str, text: str, mend: str = "") -> Finding:
    return Finding(level, Area.SCHEDULERS, f"scheduler {scheduler}", text, mend)
