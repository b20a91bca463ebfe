"""What is believed of a check: rise and fall, and the presumptions that hold until it has an answer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum

from lvsctl.model import (
    Check,
    CheckId,
    Health,
    Outcome,
    Question,
    QuestionId,
    Server,
    ServiceKey,
    Spec,
    Table,
    Verdict,
)

JITTER = 0.1
"""Probes start up to this share of their interval early or late, so that they do not march in step."""

NEVER = Health(up=False)
"""A check that nothing is known of."""

_PASS, _UNKNOWN = Verdict.PASS, Verdict.UNKNOWN  # looking a member up on its class costs 0.1 us, and judge is hot


class Standing(StrEnum):
    """What all checks of one server say together."""

    UP = "up"  # every check passes; also a server without checks
    PRESUMED = "presumed up"  # nothing speaks against it, but not every check has answered
    UNPROVEN = "unproven"  # at least one check has never answered and is not presumed up; none has failed
    DOWN = "down"  # at least one check has answered and is down


def judge(check: Check, health: Health, outcome: Outcome, now: float) -> Health:
    """The belief after one more outcome; `now` becomes `since` if `up` changes.

    UNKNOWN changes nothing but `last`. The first answer of a check that is not presumed up decides: one pass is
    enough to start with. A check presumed up stays up until `fall` fails in a row.
    """
    verdict = outcome.verdict
    if verdict is _UNKNOWN:
        return Health(health.up, health.answered, health.streak, outcome, health.since, health.failing)
    passed = verdict is _PASS
    if passed is health.up:
        return Health(passed, True, 0, outcome, health.since, health.failing)
    failing = now if health.up and not health.streak else health.failing
    needed = check.fall if health.up else check.rise if health.answered else 1
    if health.streak + 1 >= needed:
        return Health(passed, True, 0, outcome, now, failing)
    return Health(health.up, health.answered, health.streak + 1, outcome, health.since, failing)


def standing(checks: Iterable[CheckId], health: Mapping[CheckId, Health]) -> Standing:
    """What the checks of one server say together: the worst of them decides."""
    worst = Standing.UP
    for check in checks:
        belief = health.get(check, NEVER)
        if not belief.up:
            if belief.answered:
                return Standing.DOWN
            worst = Standing.UNPROVEN
        elif not belief.answered and worst is Standing.UP:
            worst = Standing.PRESUMED
    return worst


def deciding(checks: Iterable[CheckId], health: Mapping[CheckId, Health]) -> Health | None:
    """The belief that a server's standing is told by: the first that is not up, else the last; None without checks."""
    decisive: Health | None = None
    for check in checks:
        decisive = health.get(check, NEVER)
        if not decisive.up:
            break
    return decisive


def presume(spec: Spec, table: Table) -> dict[CheckId, Health]:
    """Health presumed from a table found in the kernel: up where a server that uses the check is live in it."""
    presumed = dict.fromkeys(spec.checks, NEVER)
    for service, server in _servers(spec):
        entry = table.get(service)
        found = entry.servers.get(server.key) if entry else None
        if found and found.weight > 0:
            presumed.update(dict.fromkeys(server.checks, Health(up=True)))
    return presumed


def assume_up(spec: Spec) -> dict[CheckId, Health]:
    """Every check taken as passed without being asked: what `--no-checks` means."""
    return dict.fromkeys(spec.checks, Health(up=True, answered=True))


def carry(
    old: Spec, new: Spec, health: Mapping[CheckId, Health], *, have: Table | None = None
) -> dict[CheckId, Health]:
    """The beliefs that survive a reload from `old` to `new`: one for every check of `new`.

    The same check: kept as it is. The same question with another rise or fall: belief kept, streak reset. Another
    question about a server that was there before: its last verdict is presumed until the new question is answered,
    so what is up stays, and what is down stays out. A new server: as `presume` has it of the table `have`.
    """
    carried = presume(new, have or {})
    carried |= {check: _agreed(claims) for check, claims in _verdicts_before(old, new, health).items()}
    asked: dict[QuestionId, list[Health]] = {}
    for check in old.checks.values():
        asked.setdefault(check.question, []).append(health.get(check.id, NEVER))
    for check in new.checks.values():
        if check.id in old.checks:
            carried[check.id] = health.get(check.id, NEVER)
        elif check.question in asked:
            carried[check.id] = replace(_agreed(asked[check.question]), streak=0)
    return carried


def _verdicts_before(old: Spec, new: Spec, health: Mapping[CheckId, Health]) -> dict[CheckId, list[Health]]:
    """For each check of `new`: what was believed of each server that uses it and was there before, as presumptions."""
    before = {(service, server.key): server.checks for service, server in _servers(old)}
    claims: dict[CheckId, list[Health]] = {}
    for service, server in _servers(new):
        checks = before.get((service, server.key))
        if checks is None:
            continue
        beliefs = [health.get(check, NEVER) for check in checks]
        up = all(belief.up for belief in beliefs)
        decisive = [belief for belief in beliefs if belief.up is up]
        since = max((belief.since for belief in decisive), default=0.0)
        failing = 0.0 if up else min((belief.failing for belief in decisive if belief.failing), default=0.0)
        for check in server.checks:
            claims.setdefault(check, []).append(Health(up=up, since=since, failing=failing))
    return claims


def _agreed(claims: list[Health]) -> Health:
    """The belief that all claims share. Where they differ, presumed up: that leaves every server as it was found."""
    return claims[0] if all(claim.up is claims[0].up for claim in claims) else Health(up=True)


def _servers(spec: Spec) -> Iterator[tuple[ServiceKey, Server]]:
    for service in spec.services.values():
        for pool in service.pools:
            for server in pool.servers:
                yield service.key, server


def pace(question: Question, healths: Iterable[Health]) -> float:
    """Seconds from the start of this probe to the start of the next: the shortest that any asker's belief calls for."""
    shortest = None
    for health in healths:
        if health.streak or not health.answered:
            wanted = question.fast_interval
        else:
            wanted = question.interval if health.up else question.down_interval
        if shortest is None or wanted < shortest:
            shortest = wanted
    return question.interval if shortest is None else shortest


def worst_detection(check: Check, question: Question) -> float:
    """Seconds from a server's death just after a probe until it is taken down, at the worst.

    interval * 1.1                                  until the first failing probe starts
    + (fall - 1) * max(fast_interval * 1.1, timeout)  between the starts of the failing probes, none overlapping
    + timeout                                       until the last of them has failed
    """
    first = question.interval * (1 + JITTER)
    between = max(question.fast_interval * (1 + JITTER), question.timeout)
    return first + (check.fall - 1) * between + question.timeout
