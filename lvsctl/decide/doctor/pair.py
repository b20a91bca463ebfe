"""What is to be said of the sysctls that a director pair depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lvsctl.decide.doctor.facts import Area, Finding, Level
from lvsctl.decide.doctor.network import SYSCTLS_FILE
from lvsctl.model import Family, PairSpec


@dataclass(frozen=True, slots=True)
class PairNeeds:
    """What a pair does on this host.

    copies: connections are synchronised. virtual: interfaces below a virtual MAC that has IPv4 addresses. six:
    interfaces with a virtual router of IPv6.
    """

    copies: bool = False
    virtual: tuple[str, ...] = ()
    six: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedSysctl:
    """bad: the values that harm; good: the one to set instead. A name has a slash where an interface's has a dot.

    beside: another sysctl, or "": of the two the greater value is in force.
    """

    name: str
    bad: frozenset[str]
    good: str
    level: Level
    harm: str
    beside: str = ""


def needs_of(pair: PairSpec) -> PairNeeds:
    """What conf.d asks for."""
    virtual = [one.interface for one in pair.instances if one.virtual_mac and one.family is Family.INET]
    six = [one.interface for one in pair.instances if one.family is Family.INET6]
    return PairNeeds(pair.sync is not None, tuple(dict.fromkeys(virtual)), tuple(dict.fromkeys(six)))


def wanted_sysctls(needs: PairNeeds) -> tuple[WantedSysctl, ...]:
    """In the order in which they are told."""
    wanted: list[WantedSysctl] = []
    if needs.copies:
        harm = "after a takeover, connections that were not copied yet are cut"
        wanted.append(WantedSysctl("net.ipv4.vs.sloppy_tcp", frozenset("0"), "1", Level.WARNING, harm))
    if needs.virtual:
        harm = "packets to a virtual MAC are dropped, for the way back is by the interface below"
        wanted.append(WantedSysctl("net.ipv4.conf.all.rp_filter", frozenset("1"), "2", Level.ERROR, harm))
    for interface in needs.virtual:
        below = f"net.ipv4.conf.{interface.replace('.', '/')}"
        wanted.append(_arp(below, "arp_ignore", frozenset("0345678"), "1", "it answers ARP for virtual addresses"))
        wanted.append(_arp(below, "arp_announce", frozenset("01"), "2", "it sends ARP from virtual addresses"))
    for interface in needs.six:
        name = f"net.ipv6.conf.{interface.replace('.', '/')}.disable_ipv6"
        wanted.append(WantedSysctl(name, frozenset("1"), "0", Level.ERROR, "there is no IPv6 for a virtual router"))
    return tuple(wanted)


def sysctls_of(needs: PairNeeds) -> Iterator[str]:
    """The names of all that have to be read for `judge_pair`."""
    for wanted in wanted_sysctls(needs):
        yield from (wanted.name, wanted.beside) if wanted.beside else (wanted.name,)


def _arp(below: str, setting: str, bad: frozenset[str], good: str, harm: str) -> WantedSysctl:
    """On the interface below a virtual one, which has the virtual MAC."""
    both = f"{harm} with its own MAC, beside the virtual one"
    return WantedSysctl(f"{below}.{setting}", bad, good, Level.ERROR, both, f"net.ipv4.conf.all.{setting}")


def judge_pair(needs: PairNeeds, sysctls: Mapping[str, str]) -> Iterator[Finding]:
    """sysctls: name -> value, of those that could be read."""
    for wanted in wanted_sysctls(needs):
        value = sysctls.get(wanted.name)
        if value is None:
            continue
        text = f"{wanted.name} is {value}"
        beside = sysctls.get(wanted.beside, "")
        if beside > value:  # one digit each
            value, text = beside, f"{text}, and {wanted.beside} is {beside}"
        if value not in wanted.bad:
            yield Finding(Level.OK, Area.PAIR, wanted.name, text)
            continue
        mend = f"echo '{wanted.name} = {wanted.good}' >> {SYSCTLS_FILE} && sysctl -p {SYSCTLS_FILE}"
        yield Finding(wanted.level, Area.PAIR, wanted.name, f"{text}: {wanted.harm}", mend)
