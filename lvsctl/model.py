"""The nouns: keys, attributes, tables, questions, verdicts, health and the Spec.

All are small frozen values, compared by content. Identity (a key) is kept apart from attributes. Units: seconds
for every duration, bytes and packets for counters. The kernel's limits are quoted from net/netfilter/ipvs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntFlag, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, NewType, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


class Family(StrEnum):
    """Address family of a firewall-mark service; address services have the family of their address."""

    INET = "inet"
    INET6 = "inet6"


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class Forward(StrEnum):
    """How packets reach a real server. LOCAL is never wanted: the kernel makes it of a server with a local address."""

    MASQUERADE = "masquerade"
    ROUTE = "route"
    TUNNEL = "tunnel"
    LOCAL = "local"


class TunnelType(StrEnum):
    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelChecksum(StrEnum):
    NONE = "none"
    CHECKSUM = "checksum"
    REMOTE = "remote"


class ServiceFlag(IntFlag):
    """Flags of a service that an operator chooses. Persistence is a timeout here, and `hashed` is the kernel's own."""

    ONE_PACKET = 0x4
    SCHED_1 = 0x8  # sh-fallback, mh-fallback
    SCHED_2 = 0x10  # sh-port, mh-port
    SCHED_3 = 0x20


NO_FLAGS = ServiceFlag(0)


# --- the table: one type for wanted and for found ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddressKey:
    """A virtual service reached by address, port (0: every port, persistent only) and protocol."""

    address: Address
    port: int
    protocol: Protocol

    @property
    def family(self) -> Family:
        return Family.INET if self.address.version == 4 else Family.INET6

    def __str__(self) -> str:
        return f"{self.protocol} {endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class MarkKey:
    """A virtual service reached by the firewall mark on its packets (1 to 2^32-1)."""

    family: Family
    mark: int

    def __str__(self) -> str:
        return f"mark {self.mark}" + (" ipv6" if self.family is Family.INET6 else "")


ServiceKey: TypeAlias = AddressKey | MarkKey


@dataclass(frozen=True, slots=True)
class RealKey:
    """A real server within a service. The port is 0 only in firewall-mark services and services for every port.

    A round looks thousands of these up, and hashing an address is slow Python: the hash is computed once.
    """

    address: Address
    port: int
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.address, self.port)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


def endpoint(address: Address, port: int) -> str:
    """`192.0.2.1:80` or `[2001:db8::1]:80`."""
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


@dataclass(frozen=True, slots=True)
class ServiceAttrs:
    """Attributes of a virtual service.

    persistence: seconds; 0 means not persistent. persistence_prefix: length of the client prefix that shares a
    template (32 or 128: each client alone); meaningless, and kept at the full length, without persistence.
    persistence_engine: "" or "sip".
    """

    scheduler: str
    flags: ServiceFlag = NO_FLAGS
    persistence: int = 0
    persistence_prefix: int = 32
    persistence_engine: str = ""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Encapsulation of a tunnel server. port: UDP port, for gue only, else 0."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: TunnelChecksum = TunnelChecksum.NONE


@dataclass(frozen=True, slots=True)
class RealAttrs:
    """Attributes of a real server. upper/lower: connection thresholds, 0 is none. tunnel: only with Forward.TUNNEL."""

    forward: Forward
    weight: int
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = Tunnel()


MAX_WEIGHT = 2**31 - 1  # the kernel keeps it in an int: ERANGE above
MAX_THRESHOLD = 2**31 - 1  # newer kernels refuse more


@dataclass(frozen=True, slots=True)
class Entry:
    """A service and its real servers, in the order in which they were, or are to be, added."""

    attrs: ServiceAttrs
    servers: Mapping[RealKey, RealAttrs]


Table: TypeAlias = Mapping[ServiceKey, Entry]


# --- what can be done to a table --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddService:
    name: ClassVar[str] = "add-service"
    service: ServiceKey
    attrs: ServiceAttrs


@dataclass(frozen=True, slots=True)
class EditService:
    name: ClassVar[str] = "edit-service"
    service: ServiceKey
    attrs: ServiceAttrs


@dataclass(frozen=True, slots=True)
class DeleteService:
    name: ClassVar[str] = "delete-service"
    service: ServiceKey


@dataclass(frozen=True, slots=True)
class AddServer:
    name: ClassVar[str] = "add-server"
    service: ServiceKey
    server: RealKey
    attrs: RealAttrs


@dataclass(frozen=True, slots=True)
class EditServer:
    name: ClassVar[str] = "edit-server"
    service: ServiceKey
    server: RealKey
    attrs: RealAttrs


@dataclass(frozen=True, slots=True)
class DeleteServer:
    name: ClassVar[str] = "delete-server"
    service: ServiceKey
    server: RealKey


Op: TypeAlias = AddService | EditService | DeleteService | AddServer | EditServer | DeleteServer


@dataclass(frozen=True, slots=True)
class Refusal:
    """The kernel's answer to an operation that it did not carry out. errno: as in errno.h."""

    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a plan and, in words for the operator, what it changes and why."""

    op: Op
    change: str  # e.g. "weight 5 -> 0"; "" where the operation says it all
    reason: str
    drift: bool = False  # undoes what somebody else did


Plan: TypeAlias = tuple[Step, ...]


# --- what the kernel counts -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traffic:
    """Cumulative since the service or server was added (or zeroed); they lag up to 2 s and lose nothing."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class RealCounters:
    """Connection entries of one real server at this moment: established, in any other state, persistence templates."""

    active: int = 0
    inactive: int = 0
    persistent: int = 0
    traffic: Traffic = Traffic()


@dataclass(frozen=True, slots=True)
class ServiceCounters:
    traffic: Traffic
    servers: Mapping[RealKey, RealCounters]


Counters: TypeAlias = Mapping[ServiceKey, ServiceCounters]


class Generation(StrEnum):
    """The code that keeps OVERLOAD was rewritten inside the stable series of Linux (kernel/overload.py has the rules).

    OLD: an edit of the thresholds leaves the flag alone, or clears it without looking; it is brought up to date when
    the next connection is bound or unbound. NEW: an edit of the thresholds brings it up to date at once.

    Nothing that the kernel exports tells the two apart but its version, and only where that is the stable series' own:
    see kernel/generation.py.
    """

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Info:
    """What IPVS says of itself. version: e.g. "1.2.1". table_size: buckets of the connection table."""

    version: str
    table_size: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that an idle connection entry lives."""

    tcp: int
    tcp_fin: int
    udp: int


# --- questions and answers --------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """PASS and FAIL are answers. UNKNOWN: the question could not be asked; health stays as it was."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer.

    code: a short stable reason in HAProxy's vocabulary (L4OK, L4CON, L4TOUT, L6RSP, L6TOUT, L7OK, L7STS, L7RSP, L7TOUT,
    PROCOK, PROCERR, PROCTOUT, and ASKERR for UNKNOWN). detail: one line for people. latency: seconds.
    """

    verdict: Verdict
    code: str
    detail: str
    latency: float


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a check asks. The port is that of the check if it names one, else the real server's."""

    address: Address
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


QuestionId = NewType("QuestionId", str)
CheckId = NewType("CheckId", str)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom, and how often: asked once, however many services wait for the answer.

    id: derived from kind, target, params and timeout, so it survives restarts and reloads. params: the kind's own
    frozen Params. timeout: one total deadline per probe. interval, fast_interval (while a verdict is in transition)
    and down_interval (while down): the shortest that any of the askers wants.
    """

    id: QuestionId
    kind: str
    target: Target
    params: Hashable
    timeout: float
    interval: float
    fast_interval: float
    down_interval: float


@dataclass(frozen=True, slots=True)
class Check:
    """How the answers to a question are judged: `rise` passes in a row bring up, `fall` fails in a row take down."""

    id: CheckId
    question: QuestionId
    rise: int
    fall: int


@dataclass(frozen=True, slots=True)
class Health:
    """What is believed of one check.

    up: the belief. answered: whether it rests on an answer (else presumed, see decide.health). streak: answers in a
    row that contradict the belief. last: the newest outcome, UNKNOWN included. since: when `up` last changed (the
    clock that the caller uses for `now`, seconds).
    """

    up: bool
    answered: bool = False
    streak: int = 0
    last: Outcome | None = None
    since: float = 0.0


# --- what the operator wants ------------------------------------------------------------------------------------


class OnDown(StrEnum):
    """What becomes of a server that is down: out of the table, or in it with weight 0 (its connections may finish)."""

    REMOVE = "remove"
    QUIESCE = "quiesce"


class OnExit(StrEnum):
    """What the daemon does with a service when it stops."""

    KEEP = "keep"
    DRAIN = "drain"
    FLUSH = "flush"


class SchedulerUpgrade(StrEnum):
    """When a service that another scheduler stands in for takes the wanted one, once the kernel has it.

    The kernel refuses new connections for a moment while a service changes its scheduler, so it is not done unasked.
    """

    RELOAD = "reload"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Server:
    """A real server as configured; attrs.weight is its weight while up. checks: all must pass; empty: always up."""

    key: RealKey
    attrs: RealAttrs
    checks: tuple[CheckId, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Servers of one priority. floor: how many servers checks alone must leave in the table (0: no limit)."""

    name: str
    servers: tuple[Server, ...]
    floor: int = 0


PRIORITY_SCHEDULERS = frozenset({"hprio", "fo"})
"""With these the kernel itself takes the highest weight that has room, so all pools are in the table at once."""


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service as configured; attrs.scheduler is the one that is wanted. pools: highest priority first.

    fallback: the scheduler used where the kernel lacks the wanted one, or None to refuse the service. upgrade: when the
    wanted one takes the fallback's place, if it appears while the service runs.
    """

    name: str
    key: ServiceKey
    attrs: ServiceAttrs
    pools: tuple[Pool, ...]
    fallback: str | None
    on_down: OnDown
    on_exit: OnExit
    upgrade: SchedulerUpgrade = SchedulerUpgrade.RELOAD


@dataclass(frozen=True, slots=True)
class Spec:
    """The compiled configuration: names resolved, defaults filled, ids given. period: seconds between rounds."""

    services: Mapping[str, Service]
    questions: Mapping[QuestionId, Question]
    checks: Mapping[CheckId, Check]
    period: float = 5.0


# --- what is wrong with a file ----------------------------------------------------------------------------------


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in conf.d. file: as the operator named it. line and column: from 1; 0 for the file as a whole."""

    file: str
    line: int
    column: int
    path: str  # "services.shop.pools.service", "" for the document
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        warning = "warning: " if self.severity is Severity.WARNING else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}: {warning}{path}{self.message}"
