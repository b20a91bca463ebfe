"""Two tables -> ordered operations that turn one into the other, making before breaking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from lvsctl.decide.table import (
    after_all,
    is_live,
    real_changes,
    same_entry,
    same_real,
    same_service,
    service_changes,
)
from lvsctl.decide.why import Subject
from lvsctl.events import DriftFound
from lvsctl.model import (
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Op,
    Plan,
    RealAttrs,
    ServiceKey,
    Step,
    Table,
)

_CONFIGURATION = "configuration"

SWITCH_MOMENT = "new connections are refused while the kernel changes it: about 20 ms, at worst 130 ms as measured"
"""What changing the scheduler of a service costs.

The kernel takes the old scheduler away, waits until no CPU can be using it (synchronize_rcu), and only then binds the
new one; packets of established connections pass meanwhile. Measured on Debian's kernels with two CPUs, 50 switches
each: medians of 16 to 28 ms (tests/stock, program `moment`, prints them); with one CPU it is next to nothing
(tests/bench/switch.py).
"""


def diff(
    want: Table,
    have: Table,
    *,
    owned: AbstractSet[ServiceKey],
    left: Table | None = None,
    why: Mapping[Subject, str] | None = None,
    hold: AbstractSet[ServiceKey] = frozenset(),
    eased: AbstractSet[Subject] = frozenset(),
) -> Plan:
    """The operations that turn `have` into `want`, each with its reason.

    What is taken away comes last, so a service with a live server before and after has one throughout. A service
    that is not wanted is deleted only if `owned` and not on `hold`. left: the table as the last round left it, or
    None if unknown; a step that goes back to it undoes somebody else's change. eased: servers with a weight that is
    neither 0 nor the configured one, which has a reason of its own.
    """
    reasons = why or {}
    steps: list[Step] = []
    for key, entry in want.items():
        found = have.get(key)
        if found is None or not same_entry(entry, found):
            was = left.get(key) if left else None
            steps += _service_steps(key, entry, found, was, reasons)
            steps += _server_steps(key, entry, found, was, reasons, eased=eased)
    for key in have:
        if key in owned and key not in want and key not in hold:
            added = left is not None and key not in left
            reason = "somebody added it" if added else reasons.get((key, None), "not in the configuration")
            steps.append(Step(DeleteService(key), "", reason, drift=added))
    return tuple(sorted(steps, key=lambda step: _rank(step.op)))


def _service_steps(
    key: ServiceKey, want: Entry, have: Entry | None, was: Entry | None, why: Mapping[Subject, str]
) -> Iterator[Step]:
    drift = was is not None and same_service(want.attrs, was.attrs)
    if have is None:
        reason = "somebody deleted it" if drift else why.get((key, None), _CONFIGURATION)
        yield Step(AddService(key, want.attrs), "", reason, drift)
    elif not same_service(want.attrs, have.attrs):
        change = ", ".join(service_changes(have.attrs, want.attrs))
        reason = why.get((key, None), _CONFIGURATION)
        if was is not None and drift:
            reason = "somebody changed " + ", ".join(service_changes(was.attrs, have.attrs))
        if want.attrs.scheduler != have.attrs.scheduler:
            reason += f"; {SWITCH_MOMENT}"
        yield Step(EditService(key, want.attrs), change, reason, drift)


def _server_steps(
    key: ServiceKey,
    want: Entry,
    have: Entry | None,
    was: Entry | None,
    why: Mapping[Subject, str],
    *,
    eased: AbstractSet[Subject],
) -> Iterator[Step]:
    present = have.servers if have else {}
    for server, attrs in want.servers.items():
        found = present.get(server)
        if found is None:
            yield _step(AddServer(key, server, attrs), found, was, why.get((key, server), _CONFIGURATION))
        elif not same_real(attrs, found):
            special = (attrs.weight > 0) != (found.weight > 0) or (key, server) in eased
            reason = why.get((key, server), _CONFIGURATION) if special else _CONFIGURATION
            yield _step(EditServer(key, server, attrs), found, was, reason)
    for server, found in present.items():
        if server not in want.servers:
            yield _step(DeleteServer(key, server), found, was, why.get((key, server), "not in the configuration"))


def _step(op: AddServer | EditServer | DeleteServer, have: RealAttrs | None, was: Entry | None, reason: str) -> Step:
    """A step on one server: back to what was left there, and then it undoes what somebody did; or for `reason`."""
    want = None if isinstance(op, DeleteServer) else op.attrs
    change = ", ".join(real_changes(have, want)) if have and want else ""
    if was is None:
        return Step(op, change, reason)
    before = was.servers.get(op.server)
    drift = before is want if before is None or want is None else same_real(want, before)
    return Step(op, change, _somebody(before, have) if drift else reason, drift)


def _somebody(before: RealAttrs | None, now: RealAttrs | None) -> str:
    """What somebody else did to a server."""
    if before is None:
        return "somebody added it"
    if now is None:
        return "somebody deleted it"
    return "somebody changed " + ", ".join(real_changes(before, now))


def subject_of(step: Step) -> Subject:
    """What it is about: a server of a service, or the service itself."""
    op = step.op
    return op.service, op.server if isinstance(op, AddServer | EditServer | DeleteServer) else None


def takes(op: Op) -> bool:
    """Whether an operation can only take capacity away."""
    return isinstance(op, DeleteService | DeleteServer) or (isinstance(op, EditServer) and op.attrs.weight == 0)


def _rank(op: Op) -> int:
    """Place in a plan."""
    match op:
        case AddService():
            return 0
        case EditService():
            return 1
        case AddServer():
            return 2
        case EditServer():
            return 3 if takes(op) else 2
        case DeleteServer():
            return 4
        case DeleteService():
            return 5


def split(plan: Plan) -> tuple[Plan, Plan]:
    """The plan's two halves: what makes, and what breaks."""
    return tuple(step for step in plan if not takes(step.op)), tuple(step for step in plan if takes(step.op))


def still_safe(breaks: Plan, table: Table, want: Table) -> tuple[Plan, tuple[tuple[Step, str], ...]]:
    """Which breaks may go ahead, and which are withheld, with the reason.

    table: as it is after the makes, some of which the kernel may have refused. A service that has a live server now
    and ought to have one keeps its live servers while the breaks would leave it without any; a service that has
    others is not held up by a refused addition.
    """
    end = after_all(table, breaks)
    dark = {
        key
        for key in {step.op.service for step in breaks}
        if is_live(want.get(key)) and is_live(table.get(key)) and not is_live(end.get(key))
    }
    allowed: list[Step] = []
    withheld: list[tuple[Step, str]] = []
    for step in breaks:
        if step.op.service in dark and touches_live(step.op, table):
            withheld.append((step, "the kernel refused what was to take its place: it stays until that succeeds"))
        else:
            allowed.append(step)
    return tuple(allowed), tuple(withheld)


def touches_live(op: Op, table: Table) -> bool:
    """Whether an operation is about a server that takes connections now."""
    if not isinstance(op, EditServer | DeleteServer) or op.service not in table:
        return False
    attrs = table[op.service].servers.get(op.server)
    return attrs is not None and attrs.weight > 0


def drift(left: Table | None, have: Table, owned: AbstractSet[ServiceKey]) -> tuple[DriftFound, ...]:
    """What somebody else changed of what is ours since the last round left it, in words."""
    if left is None:
        return ()
    found: list[DriftFound] = []
    for key, was in left.items():
        now = have.get(key)
        if key in owned and now is None:
            found.append(DriftFound(key, f"service {key} is gone"))
        elif key in owned and now is not None and not same_entry(was, now):
            found += [DriftFound(key, what) for what in _differences(key, was, now)]
    found += [DriftFound(key, f"service {key} was added") for key in have if key in owned and key not in left]
    return tuple(found)


def _differences(key: ServiceKey, was: Entry, now: Entry) -> Iterator[str]:
    changes = ", ".join(service_changes(was.attrs, now.attrs))
    if changes:
        yield f"service {key}: {changes}"
    for server, before in was.servers.items():
        attrs = now.servers.get(server)
        if attrs is None:
            yield f"server {server} is gone"
        elif not same_real(before, attrs):
            yield f"server {server}: {', '.join(real_changes(before, attrs))}"
    for server in now.servers:
        if server not in was.servers:
            yield f"server {server} was added"
