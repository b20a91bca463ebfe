"""What is to be said of a host that a director pair runs on: interfaces, rights, hooks, a keepalived beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from shlex import quote

from lvsctl.decide.doctor.facts import Area, Facts, Finding, Level, Rival, Vrrp
from lvsctl.decide.doctor.pair import judge_pair, needs_of
from lvsctl.decide.doctor.words import listed
from lvsctl.model import (
    Address,
    Family,
    Hooks,
    Instance,
    Interface,
    Interfaces,
    PairSpec,
    Provider,
    ServiceKey,
    Table,
)

KEEPALIVED = "keepalived"


def judge_pair_host(facts: Facts) -> Iterator[Finding]:
    """Nothing without `pair` in a usable conf.d."""
    spec = facts.configuration.spec
    if spec is None or spec.pair is None:
        return
    pair = spec.pair
    yield from judge_pair(needs_of(pair), facts.networking.sysctls)
    yield from _interfaces(pair, facts.paired.interfaces)
    moving = {address.ip for one in pair.instances for address in one.addresses}
    for one in pair.instances:
        yield from _source(one, moving, facts.paired.interfaces.get(one.interface))
    yield from _synchronised(pair, facts.paired.interfaces, facts.kernel.table)
    yield from _programs(pair.hooks, facts.paired.programs)
    yield from _keepaliveds(pair, facts)
    if pair.provider is Provider.VRRP and facts.paired.raw is False:
        yield _powerless(facts.daemon.pid)


def _said(level: Level, subject: str, text: str, mend: str = "") -> Finding:
    return Finding(level, Area.PAIR, subject, text, mend)


# --- interfaces ---------------------------------------------------------------------------------------------------


def interfaces_of(pair: PairSpec) -> Mapping[str, tuple[str, ...]]:
    """What conf.d names, each with what it is for, in words."""
    users: dict[str, list[str]] = {}
    for one in pair.instances:
        for name in (one.interface, *one.track):
            users.setdefault(name, []).append(one.name)
    for vip in pair.follows.vips if pair.follows else ():
        users.setdefault(vip.interface, []).append(KEEPALIVED)
    if pair.sync is not None:
        users.setdefault(pair.sync.interface, []).append("sync")
    return {name: tuple(dict.fromkeys(uses)) for name, uses in users.items()}


def _interfaces(pair: PairSpec, found: Interfaces) -> Iterator[Finding]:
    for name, users in interfaces_of(pair).items():
        if name not in found:
            continue
        one, subject, whose = found[name], f"interface {name}", f"({listed(users)})"
        look = f"ip -details link show dev {quote(name)}"
        if one is None:
            mend = "ip -brief link   # then write the right name into conf.d"
            yield _said(Level.ERROR, subject, f"there is no interface {name} {whose}", mend)
        elif not one.up:
            yield _said(Level.ERROR, subject, f"{name} is down {whose}", f"ip link set {quote(name)} up")
        elif not one.carrier:
            yield _said(Level.WARNING, subject, f"{name} has no carrier: it leads nowhere {whose}", look)
        else:
            yield _said(Level.OK, subject, f"{name} is up {whose}")


def _source(instance: Instance, moving: Collection[Address], on: Interface | None) -> Iterator[Finding]:
    """An address for adverts to come from; a virtual one will not do, for it may be gone the next moment."""
    if on is None:
        return
    subject, look = f"source {instance.name}", f"ip -brief address show dev {quote(on.name)}"
    if instance.source is not None and not on.holds(instance.source):
        text = f"{instance.source}, the source of {instance.name}, is not on {on.name}: it will be in fault"
        yield _said(Level.ERROR, subject, text, f"{look}   # then correct `source` in conf.d")
        return
    own = [held.ip for held in on.addresses if held.ip not in moving and _family(held.version) is instance.family]
    kind = "IPv4"
    if instance.family is Family.INET6:  # as the speaker chooses it
        local = all(peer.is_link_local for peer in instance.peers)
        own = [address for address in own if address.is_link_local is local]
        kind = "link-local IPv6" if local else "routed IPv6"
    if instance.source is None and not own:
        text = f"{on.name} has no {kind} address that stays: {instance.name} will be in fault"
        yield _said(Level.ERROR, subject, text, f"{look}   # give it one")


def _family(version: int) -> Family:
    return Family.INET if version == 4 else Family.INET6


# --- connections are copied ---------------------------------------------------------------------------------------


def _synchronised(pair: PairSpec, found: Interfaces, table: Table) -> Iterator[Finding]:
    if pair.sync is None:
        return
    on, group = found.get(pair.sync.interface), pair.sync.group
    if on is not None and not any(held.version == group.version for held in on.addresses):
        text = f"{on.name} has no IPv{group.version} address: no connection can be copied to {group}"
        mend = f"ip -brief address show dev {quote(on.name)}   # give it one"
        yield _said(Level.ERROR, "sync", text, mend)
    mixed = [
        str(key) for key, entry in table.items() if any(_mixes(key, real.address.version) for real in entry.servers)
    ]
    if mixed:
        text = f"the kernel runs no sync daemon while a service has servers of the other family: {listed(mixed)}"
        yield _said(Level.ERROR, "sync families", text, "lvsctl status   # give those servers a service of their own")


def _mixes(key: ServiceKey, version: int) -> bool:
    return key.family is not _family(version)


# --- programs -----------------------------------------------------------------------------------------------------


def programs_of(hooks: Hooks) -> tuple[str, ...]:
    """Their paths."""
    every = (hooks.on_active, hooks.on_standby, hooks.on_fault, hooks.on_stop)
    return tuple(dict.fromkeys(hook[0] for hook in every if hook))


def _programs(hooks: Hooks, wrong: Mapping[str, str]) -> Iterator[Finding]:
    for program in programs_of(hooks):
        trouble = wrong.get(program)
        if trouble:
            mend = f"ls -l {quote(program)}   # it must be there, and executable for the user of lvsctl"
            yield _said(Level.ERROR, f"hook {program}", f"the hook {program} {trouble}", mend)
        elif trouble is not None:
            yield _said(Level.OK, f"hook {program}", f"the hook {program} can be run")


def _powerless(pid: int) -> Finding:
    text = f"the daemon (pid {pid}) has no CAP_NET_RAW: it can neither speak VRRP nor announce addresses"
    mend = "cp deploy/systemd/lvsctl.service /etc/systemd/system/ && systemctl daemon-reload && "
    return _said(Level.ERROR, "rights", text, f"{mend}systemctl restart lvsctl   # in lvsctl's source")


# --- keepalived ---------------------------------------------------------------------------------------------------


def _keepaliveds(pair: PairSpec, facts: Facts) -> Iterator[Finding]:
    found = [rival for rival in facts.rivals if rival.name == KEEPALIVED]
    for rival in found:
        if rival.vrrp is not None:
            yield from _beside(pair, rival, rival.vrrp)
    if not found and pair.provider is Provider.KEEPALIVED:
        text = "no keepalived is running, and conf.d has the role from it"
        yield _said(Level.ERROR, KEEPALIVED, text, f"systemctl enable --now {KEEPALIVED}")


def _beside(pair: PairSpec, rival: Rival, vrrp: Vrrp) -> Iterator[Finding]:
    def wrong(text: str, words: str, what: str) -> Finding:
        mend = f"grep -nE '{words}' {quote(rival.file)}   # {what}, then: systemctl restart keepalived"
        return _said(Level.ERROR, KEEPALIVED, f"keepalived (pid {rival.pid}) {text}", mend)

    for one in pair.instances:
        if (one.interface, one.vrid) in vrrp.routers:
            text = f"is virtual router {one.vrid} on {one.interface} too: {one.name} would be active beside it"
            yield wrong(text, "vrrp_instance|virtual_router_id", "remove this one")
    if pair.sync is not None and vrrp.syncs:
        yield wrong("starts and stops the sync daemon too", "lvs_sync_daemon", "remove this")
    followed = pair.follows
    if followed is None:
        return
    kind = "vrrp_sync_group" if followed.group else "vrrp_instance"
    if followed.name not in (vrrp.groups if followed.group else vrrp.instances):
        yield wrong(f"has no {kind} {followed.name}", kind, "add it, or correct conf.d")
    if followed.fifo and followed.fifo not in vrrp.fifos:
        yield wrong(f"does not tell its roles to {followed.fifo}", "notify_fifo", f"vrrp_notify_fifo {followed.fifo}")
