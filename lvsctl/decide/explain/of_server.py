"""Why a real server has the weight that it has."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.explain import links, load
from lvsctl.decide.explain.evidence import Evidence, Explanation, Link
from lvsctl.decide.explain.times import span
from lvsctl.decide.health import NEVER, Standing, standing
from lvsctl.decide.overrides import in_words
from lvsctl.decide.table import real_changes
from lvsctl.model import CheckId, Forward, OnDown, Pool, RealCounters, Server, Service, Verdict


def explain_server(evidence: Evidence, service: Service, server: Server) -> Explanation:
    """The chain goes from conf.d to the kernel."""
    subject = f"{service.name}/{server.key}"
    reason = _reason(evidence, service, server)
    answer = f"{subject} {links.place(evidence, service, server.key)}" + (f": {reason}" if reason else "")
    return Explanation(subject, answer, tuple(_links(evidence, service, server)))


def _reason(evidence: Evidence, service: Service, server: Server) -> str:
    """What decided: the guard before the checks, and before both that the service itself is not made."""
    held = _held(evidence, service, server)
    if held:
        return held
    found, why = links.standing(evidence, service)
    if found in links.UNMADE:
        return f"the service is {found}: {why}"
    failed = next((f"the kernel {link.says}" for link in links.refused(evidence, service, server.key)), "")
    return failed or evidence.why(service.key, server.key)


def _held(evidence: Evidence, service: Service, server: Server) -> str:
    """Why a guard withholds a step of this server, "" where it does not."""
    subject = service.key, server.key
    found = (why for step, why in evidence.withheld if (step.op.service, getattr(step.op, "server", None)) == subject)
    return next(found, "")


def _links(evidence: Evidence, service: Service, server: Server) -> Iterator[Link]:
    index, pool = next((index, pool) for index, pool in enumerate(service.pools) if server in pool.servers)
    yield Link("configuration", _configuration(service, index, pool, server))
    yield from _thresholds(evidence, service, server)
    yield from links.soft_thresholds(service, limited=server.attrs.upper > 0)
    for check in server.checks:
        yield Link("check", _check(evidence, check))
    yield Link("health", _health(evidence, service, server))
    order = evidence.orders.get((service.key, server.key))
    if order is not None:
        yield Link("override", f"{in_words(order)} (ordered of {order.subject})")
    yield links.scheduler(evidence, service)
    yield links.pools(evidence, service)
    yield from load.of_server(evidence, service, server)
    if pool.floor:
        yield Link("floor", f"checks alone leave at least {pool.floor} of the servers of pool {pool.name}")
    yield from links.withheld(evidence, service, server.key)
    yield from links.role(evidence)
    yield from links.refused(evidence, service, server.key)
    yield Link("kernel", _kernel(evidence, service, server))


def _configuration(service: Service, index: int, pool: Pool, server: Server) -> str:
    order = f" ({index + 1} of {len(service.pools)} in order of priority)" if len(service.pools) > 1 else ""
    tunnel = f" {server.attrs.tunnel.type}" if server.attrs.forward is Forward.TUNNEL else ""
    name = f"{server.name}, " if server.name else ""
    return f"{name}pool {pool.name}{order}, weight {server.attrs.weight}, forward {server.attrs.forward}{tunnel}"


def _thresholds(evidence: Evidence, service: Service, server: Server) -> Iterator[Link]:
    """The kernel takes three quarters of the upper threshold, rounded up, for a lower one of 0."""
    upper, lower = server.attrs.upper, server.attrs.lower
    if not upper:
        return
    counted = evidence.counters.get(service.key)
    count = counted.servers.get(server.key, RealCounters()) if counted is not None else RealCounters()
    below = str(lower) if lower else f"{upper - upper // 4} (75% of it, as no lower one is set)"
    now = f"{count.total} now, of which {count.active} are established"
    yield Link("thresholds", f"full at {upper} connections, takes new ones again below {below}; {now}")


def _check(evidence: Evidence, check: CheckId) -> str:
    judged, belief = evidence.spec.checks[check], evidence.health.get(check, NEVER)
    question = evidence.spec.questions[judged.question]
    words = f"{question.kind} {question.target} every {question.interval:g} s: "
    if not belief.answered:
        words += "no answer yet, presumed up as it was in the table" if belief.up else "no answer yet"
    else:
        words += "up" if belief.up else "down"
        words += f" for {span(evidence.now - belief.since)}" if belief.since else ""
    if belief.last is not None:
        asked = "could not be asked" if belief.last.verdict is Verdict.UNKNOWN else "last answer"
        words += f", {asked} {belief.last.code} {belief.last.detail}".rstrip()
    turn, needed = ("fails take it down", judged.fall) if belief.up else ("passes bring it up", judged.rise)
    return f"{words}; {belief.streak} of {needed} {turn}"


def _health(evidence: Evidence, service: Service, server: Server) -> str:
    if not server.checks:
        return "up: no checks"
    match standing(server.checks, evidence.health):
        case Standing.UP:
            return "up: every check passes"
        case Standing.PRESUMED:
            return "presumed up: it stays as it was found until its checks have answered"
        case Standing.UNPROVEN:
            return "unproven: a server enters only after its checks have passed"
        case Standing.DOWN if evidence.desired is not None and (service.key, server.key) in evidence.desired.spared:
            return f"down: stays in the table (on_down {service.on_down}) while this director suspects itself"
        case Standing.DOWN if service.on_down is OnDown.QUIESCE:
            return "down: weight 0, so that its connections may finish (on_down quiesce)"
        case Standing.DOWN:
            return "down: does not belong in the table (on_down remove)"


def _kernel(evidence: Evidence, service: Service, server: Server) -> str:
    """What it has, held against what the newest round wanted."""
    found, entry = evidence.found(service.key, server.key), evidence.wanted(service.key)
    wanted = entry.servers.get(server.key) if entry is not None else None
    has = "has it not" if found is None else f"has it with weight {found.weight}"
    if evidence.desired is None:
        return f"{has}; there was no round yet"
    if entry is None:
        return f"{has}; the newest round wanted nothing of this service"
    if _held(evidence, service, server):
        return f"{has}; what would change that is withheld"
    if found is None or wanted is None:
        todo = "" if found is wanted else f"; a round {'removes' if wanted is None else 'adds'} it"
        return has + (todo or ", as wanted")
    changes = ", ".join(real_changes(found, wanted))
    return f"{has}; a round changes {changes}" if changes else f"{has}, as wanted"
