"""Short ways to write specs, healths and tables down, and hypothesis strategies that make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import strategies as st

from lvsctl.decide.table import after
from lvsctl.model import (
    AddressKey,
    AddServer,
    Check,
    CheckId,
    EditServer,
    Entry,
    Family,
    Forward,
    Health,
    MarkKey,
    OnDown,
    OnExit,
    Op,
    Outcome,
    Pool,
    Protocol,
    Question,
    QuestionId,
    RealAttrs,
    RealKey,
    Server,
    Service,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Spec,
    Table,
    Target,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    Verdict,
)

PASS = Outcome(Verdict.PASS, "L7OK", "200 OK", 0.003)
FAIL = Outcome(Verdict.FAIL, "L4CON", "connection refused", 0.001)
UNKNOWN = Outcome(Verdict.UNKNOWN, "ASKERR", "no file descriptor left", 0.0)
OUTCOMES = {"P": PASS, "F": FAIL, "U": UNKNOWN}

VIP = AddressKey(ip_address("192.0.2.1"), 80, Protocol.TCP)
OTHER_VIP = AddressKey(ip_address("192.0.2.2"), 80, Protocol.TCP)
ROUTE = RealAttrs(Forward.ROUTE, 5, 50, 20)


def real(number: int) -> RealKey:
    return RealKey(ip_address("10.0.0.0") + number, 80)


def entry(weights: Mapping[int, int], scheduler: str = "wrr") -> Entry:
    """Servers 10.0.0.N with these weights."""
    return Entry(ServiceAttrs(scheduler), {real(n): replace(ROUTE, weight=w) for n, w in weights.items()})


def weights(table: Table, key: ServiceKey = VIP) -> dict[int, int] | None:
    """The inverse of `entry`; None without the service."""
    if key not in table:
        return None
    return {int(server.address) & 255: attrs.weight for server, attrs in table[key].servers.items()}


def check_of(server: int, name: str = "http") -> CheckId:
    return CheckId(f"{name} {real(server)} 2/3")


def server(number: int, *, weight: int = 5, checks: Iterable[str] = ("http",)) -> Server:
    return Server(real(number), replace(ROUTE, weight=weight), tuple(check_of(number, name) for name in checks))


def service(
    *pools: Iterable[Server],
    name: str = "web",
    key: ServiceKey = VIP,
    scheduler: str = "wrr",
    fallback: str | None = "rr",
    on_down: OnDown = OnDown.REMOVE,
    floor: int = 0,
) -> Service:
    """A service with the pools `a`, `b`, ..."""
    made = tuple(Pool(letter, tuple(servers), floor) for letter, servers in zip("abc", pools, strict=False))
    return Service(name, key, ServiceAttrs(scheduler), made, fallback, on_down, OnExit.KEEP)


def spec(*services: Service) -> Spec:
    """A Spec of these services; every check has rise 2 and fall 3."""
    ids = {check for s in services for p in s.pools for server in p.servers for check in server.checks}
    checks = {i: Check(i, QuestionId(i.removesuffix(" 2/3")), 2, 3) for i in sorted(ids)}
    questions = {check.question: question(check.question) for check in checks.values()}
    return Spec({s.name: s for s in services}, questions, checks)


def question(name: str = "http 10.0.0.1:80", **times: float) -> Question:
    asked = {"timeout": 1.0, "interval": 2.0, "fast_interval": 0.5, "down_interval": 5.0} | times
    return Question(QuestionId(name), "http", Target(ip_address("10.0.0.1"), 80), (), **asked)


UP = Health(up=True, answered=True, last=PASS)
PRESUMED = Health(up=True)
UNHEARD = Health(up=False)
UNASKED = Health(up=False, last=UNKNOWN)
DOWN = Health(up=False, answered=True, last=FAIL, since=1.0)
HEALTHS = {"U": UP, "P": PRESUMED, "N": UNHEARD, "?": UNASKED, "D": DOWN}


def healths(letters: str) -> dict[CheckId, Health]:
    """Health of server 1, 2, ... by letter: up, presumed up, never heard of, asked in vain, down."""
    return {check_of(number): HEALTHS[letter] for number, letter in enumerate(letters, start=1)}


# --- a kernel that makes LOCAL of the director's own addresses --------------------------------------------------------

OWN = {ip_address("10.0.0.1"), ip_address("2001:db8::1")}


def as_kernel(key: RealKey, attrs: RealAttrs) -> RealAttrs:
    return replace(attrs, forward=Forward.LOCAL, tunnel=Tunnel()) if key.address in OWN else attrs


def kernel_after(table: Table, op: Op) -> Table:
    if isinstance(op, AddServer | EditServer):
        op = replace(op, attrs=as_kernel(op.server, op.attrs))
    return after(table, op)


def kernel_after_all(table: Table, ops: Iterable[Op]) -> Table:
    for op in ops:
        table = kernel_after(table, op)
    return table


# --- strategies -------------------------------------------------------------------------------------------------------

SERVICE_KEYS: list[ServiceKey] = [
    VIP,
    replace(VIP, protocol=Protocol.UDP),
    AddressKey(ip_address("2001:db8::100"), 443, Protocol.SCTP),
    MarkKey(Family.INET, 20),
    MarkKey(Family.INET6, 20),
]
REAL_KEYS = [real(1), real(2), real(3), RealKey(ip_address("2001:db8::1"), 80), RealKey(ip_address("2001:db8::2"), 0)]

tunnels = st.builds(Tunnel, st.sampled_from(TunnelType), st.sampled_from([0, 5555]), st.sampled_from(TunnelChecksum))
real_attrs = st.builds(
    RealAttrs,
    st.sampled_from([Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL]),
    st.sampled_from([0, 0, 1, 5]),
    st.sampled_from([0, 50]),
    st.sampled_from([0, 20]),
    tunnels,
)
service_attrs = st.builds(
    ServiceAttrs,
    st.sampled_from(["wrr", "hprio"]),
    st.sampled_from([ServiceFlag(0), ServiceFlag.ONE_PACKET, ServiceFlag.SCHED_1 | ServiceFlag.SCHED_2]),
    st.sampled_from([0, 150]),
    st.sampled_from([24, 32]),
    st.sampled_from(["", "sip"]),
)
entries = st.builds(Entry, service_attrs, st.dictionaries(st.sampled_from(REAL_KEYS), real_attrs))
tables = st.dictionaries(st.sampled_from(SERVICE_KEYS), entries)


def _found(table: Table) -> Table:
    return {
        key: Entry(held.attrs, {server: as_kernel(server, attrs) for server, attrs in held.servers.items()})
        for key, held in table.items()
    }


kernel_tables = tables.map(_found)
owned_keys = st.frozensets(st.sampled_from(SERVICE_KEYS))


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Services that share real servers and checks, with every scheduler, fallback and way of going down."""
    services = []
    for index in range(draw(st.integers(1, 3))):
        numbers = draw(st.lists(st.integers(1, 5), min_size=1, unique=True))
        checks = st.sampled_from([(), ("http",), ("http", "tcp"), ("tcp",)])
        servers = [server(n, weight=draw(st.sampled_from([0, 1, 5])), checks=draw(checks)) for n in numbers]
        cut = draw(st.integers(1, len(servers)))
        services.append(
            service(
                *(pool for pool in (servers[:cut], servers[cut:]) if pool),
                name=f"s{index}",
                key=replace(VIP, port=80 + index),
                scheduler=draw(st.sampled_from(["wrr", "hprio"])),
                fallback=draw(st.sampled_from([None, "wrr", "fo"])),
                on_down=draw(st.sampled_from(OnDown)),
                floor=draw(st.integers(0, 3)),
            )
        )
    return spec(*services)


def any_health(wanted: Spec) -> st.SearchStrategy[dict[CheckId, Health]]:
    return st.fixed_dictionaries({check: st.sampled_from(list(HEALTHS.values())) for check in wanted.checks})


def any_idle(wanted: Spec) -> st.SearchStrategy[frozenset[tuple[ServiceKey, RealKey]]]:
    subjects = [(s.key, server.key) for s in wanted.services.values() for p in s.pools for server in p.servers]
    return st.frozensets(st.sampled_from(subjects))


def any_found(wanted: Spec) -> st.SearchStrategy[Table]:
    """A table that the kernel might hold when this Spec is loaded: its services and their servers, more or less."""
    servers = st.dictionaries(
        st.sampled_from([real(n) for n in range(1, 7)]), st.builds(replace, st.just(ROUTE), weight=st.integers(0, 5))
    )
    held = st.builds(Entry, st.builds(ServiceAttrs, st.sampled_from(["wrr", "hprio", "fo"])), servers)
    return st.dictionaries(st.sampled_from([s.key for s in wanted.services.values()]), held)
