"""The nouns of `lvsctl doctor`: what was found out about this host, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from lvsctl.model import Address, Generation, Info, Interfaces, Problem, ServiceKey, Spec, Table

Network: TypeAlias = IPv4Network | IPv6Network


# --- what is said -------------------------------------------------------------------------------------------------


class Level(StrEnum):
    """ERROR: something that is configured does not work. WARNING: it works, and will not always, or was not seen."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Area(StrEnum):
    """In the order in which they are shown."""

    KERNEL = "kernel"
    SCHEDULERS = "schedulers"
    NETWORK = "network"
    PAIR = "pair"
    RIVALS = "other writers"
    LVSCTL = "lvsctl"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. subject: stable, for programs. mend: a shell command as it can be pasted, "" where nothing is due."""

    level: Level
    area: Area
    subject: str
    text: str
    mend: str = ""


# --- what was found out -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configuration:
    """conf.d. spec: None if it cannot be used. problems: as `validate` tells them; only warnings if it can."""

    path: str
    spec: Spec | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """IPVS of this network namespace.

    info: None if it could not be asked, for the reason in `refusal`. present: whether ip_vs is in the kernel, with or
    without an answer. permitted: whether we have CAP_NET_ADMIN. loadable: whether modprobe could find ip_vs, None if
    that is unknown. built_in: ip_vs is no module. resizes: it sizes its connection table by itself. entries: connection
    entries now. generation: of its rules for thresholds, None if that cannot be told. missing: schedulers of conf.d
    that it neither has nor can load.
    """

    release: str
    info: Info | None = None
    refusal: str = ""
    present: bool = True
    permitted: bool = True
    loadable: bool | None = None
    built_in: bool = False
    resizes: bool = False
    table: Table = field(default_factory=dict)
    entries: int = 0
    generation: Generation | None = None
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Build:
    """A line of `dkms status`. kernel: a release, "" where it is only added. state: added, built, installed."""

    version: str
    kernel: str
    state: str


@dataclass(frozen=True, slots=True)
class DkmsSilent:
    """dkms is installed and does not tell, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Modules:
    """What is installed for one kernel. hprio: modprobe finds ip_vs_hprio. headers: a module can be built for it."""

    release: str
    hprio: bool
    headers: bool


@dataclass(frozen=True, slots=True)
class Hprio:
    """The module. loaded: its version, "" if unknown or not loaded. builds: None without dkms. kernels: installed ones.
    signed_only: the running kernel takes no module without a signature that it knows (Secure Boot)."""

    loaded: str = ""
    builds: tuple[Build, ...] | DkmsSilent | None = None
    kernels: tuple[Modules, ...] = ()
    signed_only: bool = False


@dataclass(frozen=True, slots=True)
class Networking:
    """This network namespace. sysctls: dotted name -> value, those that could be read. local: what the host takes as
    its own, None if unknown. outward: by which interface a service's address is reached, where that is known."""

    sysctls: Mapping[str, str]
    local: tuple[Network, ...] | None = None
    outward: Mapping[Address, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vrrp:
    """What a keepalived does besides IPVS.

    routers: by interface and virtual router id. instances, groups: their names. fifos: where it tells transitions.
    syncs: it starts and stops the kernel's sync daemon.
    """

    routers: frozenset[tuple[str, int]] = frozenset()
    instances: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    fifos: frozenset[str] = frozenset()
    syncs: bool = False


@dataclass(frozen=True, slots=True)
class Rival:
    """Another program that writes, or may write, the IPVS table of this network namespace.

    writes: None if that could not be found out. claims: services that it manages, as far as is known. flushes: it
    empties the whole table at times. sweeps: it deletes services that it does not know, except those with an address in
    `spares`. file: its configuration, "" if unknown. vrrp: None if it speaks none, or nobody knows.
    """

    name: str
    pid: int
    writes: bool | None
    claims: frozenset[ServiceKey] = frozenset()
    flushes: bool = False
    sweeps: bool = False
    spares: frozenset[Network] = frozenset()
    file: str = ""
    vrrp: Vrrp | None = None


@dataclass(frozen=True, slots=True)
class Daemon:
    """Who answers on the control socket. silence: why nobody does, "" if somebody does. denied: we may not ask.

    trouble: why its last round failed, "" if it did not.
    """

    socket: str
    silence: str = ""
    denied: bool = False
    version: str = ""
    pid: int = 0
    ready: bool = True
    reload_ok: bool = True
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Paired:
    """What conf.d's `pair` names, as it is on this host.

    interfaces: those that could be asked for. programs: path of a hook -> what is wrong with it, "" for nothing. raw:
    whether the daemon has CAP_NET_RAW; None if it does not run, or that is unknown.
    """

    interfaces: Interfaces = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    raw: bool | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything. version: of this lvsctl. owned: services lvsctl made, as written in `state_file`, None if unknown for
    the reason in `amnesia`."""

    version: str
    configuration: Configuration
    kernel: Kernel
    hprio: Hprio
    networking: Networking
    rivals: tuple[Rival, ...]
    daemon: Daemon
    owned: frozenset[ServiceKey] | None = frozenset()
    amnesia: str = ""
    state_file: str = ""
    paired: Paired = Paired()
