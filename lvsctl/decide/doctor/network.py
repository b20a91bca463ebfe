"""What is to be said of the network: sysctls that conf.d's services depend on, and their addresses on this host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lvsctl.decide.doctor.facts import Area, Facts, Finding, Level, Networking
from lvsctl.decide.doctor.kernel import AT_BOOT
from lvsctl.decide.doctor.words import listed
from lvsctl.decide.ladder import Ladder
from lvsctl.model import (
    PRIORITY_SCHEDULERS,
    Address,
    AddressKey,
    Family,
    Forward,
    OnDown,
    OnExit,
    Service,
    Spec,
)

SYSCTLS_FILE = "/etc/sysctl.d/lvsctl.conf"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A sysctl that some services depend on. bad: the value that harms them; good: the one to set instead.

    beware: what else that changes, "" for nothing.
    """

    name: str
    bad: str
    good: str
    level: Level
    harm: str
    concerns: Callable[[Service, Ladder], bool]
    beware: str = ""


def judge_network(facts: Facts) -> Iterator[Finding]:
    """Nothing without a usable conf.d: what matters depends on it."""
    spec = facts.configuration.spec
    if spec is None:
        return
    for rule in RULES:
        yield from _sysctl(rule, spec, facts)
    yield from _addresses(spec, facts.networking)


def _sysctl(rule: _Rule, spec: Spec, facts: Facts) -> Iterator[Finding]:
    """A sysctl that cannot be read is one that this kernel, or a kernel without ip_vs, does not have."""
    value = facts.networking.sysctls.get(rule.name)
    ladder = Ladder(facts.kernel.missing)
    concerned = [service.name for service in spec.services.values() if rule.concerns(service, ladder)]
    if value is None or not concerned:
        return
    text = f"{rule.name} is {value}"
    if value != rule.bad:
        yield Finding(Level.OK, Area.NETWORK, rule.name, text)
        return
    mend = f"echo '{rule.name} = {rule.good}' >> {SYSCTLS_FILE} && sysctl -p {SYSCTLS_FILE}"
    if rule.name.startswith("net.ipv4.vs.") and not facts.kernel.built_in:
        mend += f" && {AT_BOOT}"  # else there is no such sysctl yet when they are set
    mend += f"   # {rule.beware}" if rule.beware else ""
    yield Finding(rule.level, Area.NETWORK, rule.name, f"{text}: {rule.harm} ({listed(concerned)})", mend)


def _addresses(spec: Spec, networking: Networking) -> Iterator[Finding]:
    """Packets for an address that the host does not take as its own never come to IPVS."""
    if networking.local is None:
        return
    users: dict[Address, list[str]] = {}
    for service in spec.services.values():
        if isinstance(service.key, AddressKey):
            users.setdefault(service.key.address, []).append(service.name)
    moving = {vip.ip for one in spec.pair.instances for vip in one.addresses} if spec.pair else set()
    for address, names in users.items():
        if any(address in network for network in networking.local):
            text = f"{address} is an address of this host ({listed(names)})"
            yield Finding(Level.OK, Area.NETWORK, f"address {address}", text)
            continue
        if address in moving:
            text = f"{address} comes with the active role ({listed(names)})"
            yield Finding(Level.OK, Area.NETWORK, f"address {address}", text)
            continue
        text = f"{address} is no address of this host: nobody is served there, as is right on standby ({listed(names)})"
        interface = networking.outward.get(address, "lo")
        mend = f"ip address add {address}/{address.max_prefixlen} dev {interface}   # on the active director alone"
        yield Finding(Level.WARNING, Area.NETWORK, f"address {address}", text, mend)


# --- which service depends on which sysctl ------------------------------------------------------------------------


def _every(service: Service, ladder: Ladder) -> bool:
    return True


def _masquerades(service: Service) -> bool:
    return any(server.attrs.forward is Forward.MASQUERADE for pool in service.pools for server in pool.servers)


def _masquerades_v4(service: Service, ladder: Ladder) -> bool:
    return service.key.family is Family.INET and _masquerades(service)


def _masquerades_v6(service: Service, ladder: Ladder) -> bool:
    return service.key.family is Family.INET6 and _masquerades(service)


def _tracked_in_vain(service: Service, ladder: Ladder) -> bool:
    return not _masquerades(service)


def _removes(service: Service, ladder: Ladder) -> bool:
    return service.on_down is OnDown.REMOVE


def _quells_persistent(service: Service, ladder: Ladder) -> bool:
    """Whether a server of a persistent service may get weight 0 while it has clients."""
    stands_by = len(service.pools) > 1 and ladder.scheduler(service) not in PRIORITY_SCHEDULERS
    quells = stands_by or service.on_down is OnDown.QUIESCE or service.on_exit is OnExit.DRAIN
    return bool(service.attrs.persistence) and quells


RULES = (
    _Rule("net.ipv4.ip_forward", "0", "1", Level.ERROR, "answers of masqueraded servers go nowhere", _masquerades_v4),
    _Rule(
        "net.ipv6.conf.all.forwarding",
        "0",
        "1",
        Level.ERROR,
        "answers of masqueraded servers go nowhere",
        _masquerades_v6,
        "where routes come from router advertisements: first set accept_ra = 2",
    ),
    _Rule(
        "net.ipv4.vs.expire_nodest_conn",
        "0",
        "1",
        Level.WARNING,
        "connections to a server that was taken out hang until they time out",
        _removes,
    ),
    _Rule(
        "net.ipv4.vs.expire_quiescent_template",
        "0",
        "1",
        Level.WARNING,
        "persistent clients keep coming to a server of weight 0",
        _quells_persistent,
    ),
    _Rule(
        "net.ipv4.vs.conn_reuse_mode",
        "0",
        "1",
        Level.WARNING,
        "a client that uses a port again gets the server it had, drained or full",
        _every,
    ),
    _Rule(
        "net.ipv4.vs.conntrack",
        "1",
        "0",
        Level.WARNING,
        "every connection is tracked twice, which only a stateful firewall needs",
        _tracked_in_vain,
    ),
    _Rule("net.ipv4.vs.drop_packet", "3", "0", Level.WARNING, "a share of all packets is always dropped", _every),
    _Rule("net.ipv4.vs.drop_entry", "3", "0", Level.WARNING, "connections being set up are always dropped", _every),
    _Rule(
        "net.ipv4.vs.run_estimation",
        "0",
        "1",
        Level.WARNING,
        "what the kernel tells of traffic stands still, and a spill between two rounds may be missed",
        _every,
    ),
)
