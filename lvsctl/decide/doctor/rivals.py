"""What is to be said of other programs that write the IPVS table, and of services that others made."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsctl.decide.doctor.facts import Area, Facts, Finding, Level, Rival
from lvsctl.decide.doctor.kernel import AS_ROOT
from lvsctl.decide.doctor.words import listed
from lvsctl.model import AddressKey, ServiceKey


def judge_rivals(facts: Facts) -> Iterator[Finding]:
    """Every other writer of this network namespace; then what they left in the table."""
    spec = facts.configuration.spec
    ours = frozenset() if spec is None else frozenset(service.key for service in spec.services.values())
    for rival in facts.rivals:
        yield _rival(rival, ours, facts.kernel.permitted)
    if not facts.rivals:
        yield Finding(Level.OK, Area.RIVALS, "writers", "no other program that manages IPVS is running")
    if spec is not None and facts.owned is not None:
        yield from _foreign(facts, ours | facts.owned)


def _rival(rival: Rival, ours: frozenset[ServiceKey], permitted: bool) -> Finding:
    def said(level: Level, text: str, mend: str = "") -> Finding:
        return Finding(level, Area.RIVALS, f"writer {rival.name}", f"{rival.name} (pid {rival.pid}) {text}", mend)

    shared = sorted(str(key) for key in rival.claims & ours)
    match rival.writes:
        case False:
            return said(Level.OK, "is running and manages no virtual servers")
        case None:
            look = f"tr '\\0' ' ' < /proc/{rival.pid}/cmdline"
            text = "is running; not checked whether it manages virtual servers here"
            return said(Level.WARNING, text, look if permitted else AS_ROOT)
    if rival.flushes:
        return said(Level.ERROR, "empties the whole IPVS table when it starts or stops", _silence(rival))
    swept = sorted(str(key) for key in ours if rival.sweeps and not _is_spared(key, rival))
    if swept:
        return said(Level.ERROR, f"deletes services that it does not know, such as {listed(swept)}", _silence(rival))
    if shared:
        return said(Level.ERROR, f"manages {listed(shared)} too: each undoes what the other does", _silence(rival))
    return said(Level.WARNING, "writes the IPVS table too: no service may be in both configurations", _silence(rival))


def _is_spared(key: ServiceKey, rival: Rival) -> bool:
    return isinstance(key, AddressKey) and any(key.address in network for network in rival.spares)


def _silence(rival: Rival) -> str:
    match rival.name:
        case "kube-proxy":
            return "kubectl -n kube-system edit configmap kube-proxy   # mode: nftables; or ipvs.excludeCIDRs"
        case "kube-router":
            what = "--run-service-proxy=false; or --excluded-cidrs"
            return f"kubectl -n kube-system edit daemonset kube-router   # {what}"
        case "keepalived" if rival.file:
            keys = "virtual_server|lvs_flush"
            return f"grep -nE '{keys}' {quote(rival.file)}   # remove these, then: systemctl restart keepalived"
    return f"systemctl disable --now {rival.name}"


def _foreign(facts: Facts, ours: frozenset[ServiceKey]) -> Iterator[Finding]:
    others = [str(key) for key in facts.kernel.table if key not in ours]
    if others:
        text = f"in the table and not lvsctl's, left alone: {listed(others)}"
        yield Finding(Level.OK, Area.RIVALS, "foreign services", text)
