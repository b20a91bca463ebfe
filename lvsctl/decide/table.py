"""What an operation does to a table, and when two entries are the same to the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsctl.model import (
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Forward,
    Op,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Step,
    Table,
    Tunnel,
)


def after(table: Table, op: Op) -> Table:
    """The table after one operation. One that cannot apply (no such service, already there) leaves it as it is."""
    return _carried_out(table, (op,))


def after_all(table: Table, steps: Iterable[Step]) -> Table:
    """The table after all operations of a plan; as `after`, one by one."""
    return _carried_out(table, (step.op for step in steps))


def _carried_out(table: Table, ops: Iterable[Op]) -> Table:
    entries = dict(table)
    copied: dict[ServiceKey, dict[RealKey, RealAttrs]] = {}  # servers of the services touched so far: ours to change
    for op in ops:
        key = op.service
        if isinstance(op, AddService):
            if key not in entries:
                copied[key] = {}
                entries[key] = Entry(op.attrs, copied[key])
            continue
        if key not in entries:
            continue
        if key not in copied:
            copied[key] = dict(entries[key].servers)
            entries[key] = Entry(entries[key].attrs, copied[key])
        match op:
            case EditService(attrs=attrs):
                entries[key] = Entry(attrs, copied[key])
            case DeleteService():
                del entries[key], copied[key]
            case AddServer(server=server, attrs=real):
                copied[key].setdefault(server, real)
            case EditServer(server=server, attrs=real) if server in copied[key]:
                copied[key][server] = real
            case DeleteServer(server=server):
                copied[key].pop(server, None)
    return entries


def is_live(entry: Entry | None) -> bool:
    """Whether any server of the service takes new connections."""
    return entry is not None and any(attrs.weight > 0 for attrs in entry.servers.values())


def same_service(want: ServiceAttrs, have: ServiceAttrs) -> bool:
    """Whether the kernel would treat both alike: the client prefix counts only with persistence."""
    return want is have or not any(service_changes(have, want))


def same_real(want: RealAttrs, have: RealAttrs) -> bool:
    """Whether the kernel would treat both alike.

    LOCAL on either side equals any forwarding method: the kernel makes it of any server whose address is the
    director's own. Encapsulation counts only with TUNNEL.
    """
    if want is have:
        return True
    if want.weight != have.weight or want.upper != have.upper or want.lower != have.lower:
        return False
    if want.forward is have.forward:
        return want.forward is not Forward.TUNNEL or want.tunnel == have.tunnel
    return Forward.LOCAL in (want.forward, have.forward)


def same_entry(want: Entry, have: Entry) -> bool:
    """Whether two entries hold the same service and the same servers, in whatever order."""
    if len(want.servers) != len(have.servers) or not same_service(want.attrs, have.attrs):
        return False
    for server, attrs in want.servers.items():
        found = have.servers.get(server)
        if found is None or not same_real(attrs, found):
            return False
    return True


def service_changes(old: ServiceAttrs, new: ServiceAttrs) -> Iterator[str]:
    """What differs between two services, in words: `scheduler wrr -> rr`."""
    if old.scheduler != new.scheduler:
        yield f"scheduler {old.scheduler} -> {new.scheduler}"
    if old.flags != new.flags:
        yield f"flags {_flags(old.flags)} -> {_flags(new.flags)}"
    if old.persistence != new.persistence:
        yield f"persistence {old.persistence} s -> {new.persistence} s"
    if old.persistence_prefix != new.persistence_prefix and new.persistence:
        yield f"persistence prefix /{old.persistence_prefix} -> /{new.persistence_prefix}"
    if old.persistence_engine != new.persistence_engine:
        yield f"persistence engine {old.persistence_engine or 'none'} -> {new.persistence_engine or 'none'}"


def real_changes(old: RealAttrs, new: RealAttrs) -> Iterator[str]:
    """What differs between two servers, in words: `weight 5 -> 0`. Says nothing exactly when they are `same_real`."""
    for name, before, now in (
        ("weight", old.weight, new.weight),
        ("upper", old.upper, new.upper),
        ("lower", old.lower, new.lower),
    ):
        if before != now:
            yield f"{name} {before} -> {now}"
    if Forward.LOCAL in (old.forward, new.forward):
        return
    if old.forward is not new.forward:
        yield f"forward {old.forward} -> {new.forward}"
    elif old.forward is Forward.TUNNEL and old.tunnel != new.tunnel:
        yield f"tunnel {_tunnel(old.tunnel)} -> {_tunnel(new.tunnel)}"


def _flags(flags: ServiceFlag) -> str:
    names = [str(flag.name).lower().replace("_", "-") for flag in ServiceFlag if flag in flags]
    return ",".join(names) or "none"


def _tunnel(tunnel: Tunnel) -> str:
    port = f" port {tunnel.port}" if tunnel.port else ""
    return f"{tunnel.type}{port} checksum {tunnel.checksum}"
