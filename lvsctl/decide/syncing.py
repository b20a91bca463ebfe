"""Which connection sync daemons ought to run beside the roles of this director, and what that takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from lvsctl.model import OnExit, Role, Spec, SyncDaemon, Syncing, SyncRole

NOTHING: frozenset[SyncRole] = frozenset()


def wanted(roles: Iterable[Role | None]) -> frozenset[SyncRole]:
    """MASTER if any instance is active; BACKUP if any takes part and is not: its connections are made elsewhere.

    roles: of all instances; None: it takes no part.
    """
    found = frozenset(roles)
    due = {SyncRole.MASTER: Role.ACTIVE in found, SyncRole.BACKUP: bool(found & {Role.STANDBY, Role.FAULT})}
    return frozenset(role for role, runs in due.items() if runs)


def left(spec: Spec) -> frozenset[SyncRole]:
    """What goes on when the daemon has ended.

    Where a service's table is kept, so is the backup: what the other director accepts while this one is restarted is
    known here when the role comes back.
    """
    keeps = any(service.on_exit is OnExit.KEEP for service in spec.services.values())
    return frozenset({SyncRole.BACKUP}) if keeps else NOTHING


@dataclass(frozen=True, slots=True)
class Moves:
    """What is to be stopped and then started. foreign: why one cannot run as it ought to, in words."""

    stop: tuple[SyncRole, ...] = ()
    start: tuple[SyncDaemon, ...] = ()
    foreign: Mapping[SyncRole, str] = field(default_factory=dict)


def moves(
    syncing: Syncing,
    want: AbstractSet[SyncRole],
    found: Sequence[SyncDaemon],
    *,
    stale: AbstractSet[SyncRole] = NOTHING,
) -> Moves:
    """The way from `found` to `want`.

    Ours is what runs on our interface with our id. Somebody else's is left alone, wanted or not, and reported where it
    is in the way: two programs that stop each other's daemons would copy nothing at all. stale: those that are to be
    begun anew, because the kernel's daemon holds on to an interface that is not there any more.
    """
    running = {daemon.role: daemon for daemon in found}
    stop: list[SyncRole] = []
    start: list[SyncDaemon] = []
    foreign: dict[SyncRole, str] = {}
    for role in SyncRole:
        there, ought = running.get(role), syncing.daemon(role)
        if there is not None and not _ours(there, syncing):
            if role in want:
                foreign[role] = _in_the_way(there)
            continue
        good = there is not None and role not in stale and ought.accepts(there)
        if there is not None and not (role in want and good):
            stop.append(role)
        if role in want and not good:
            start.append(ought)
    return Moves(tuple(stop), tuple(start), foreign)


def _ours(daemon: SyncDaemon, syncing: Syncing) -> bool:
    return (daemon.interface, daemon.sync_id) == (syncing.interface, syncing.sync_id)


def _in_the_way(daemon: SyncDaemon) -> str:
    return (
        f"a {daemon.role} sync daemon of somebody else runs on {daemon.interface} with id {daemon.sync_id}: stop it "
        f"(ipvsadm --stop-daemon {daemon.role}), or name its interface and id in `pair: sync:`"
    )
