"""One round by itself, over a kernel in which something happens between two questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from lvsctl.daemon.reconcile import act, look_and_decide
from lvsctl.decide.inquiry import Inquiry
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.quiet import Since
from lvsctl.decide.reprieve import Fallen
from lvsctl.decide.suspicion import TRUSTED, Trust
from lvsctl.kernel.connections import End
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import (
    CheckId,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Health,
    Limits,
    Override,
    RealCounters,
    RealKey,
    Seen,
    ServiceAttrs,
    ServiceKey,
    Share,
    Spec,
    Table,
    Traffic,
)
from tests.decide.making import (
    DOWN,
    OTHER_VIP,
    PRESUMED,
    UNKNOWN,
    UP,
    VIP,
    check_of,
    entry,
    healths,
    real,
    server,
    service,
    spec,
    weights,
)

CLIENT = IPv4Address("198.51.100.1")


@dataclass
class View:
    spec: Spec
    health: dict[CheckId, Health]
    owned: frozenset[ServiceKey] = field(init=False)
    left: Table | None = None
    ladder: Ladder = field(default_factory=Ladder)
    overrides: Sequence[Override] = ()
    quiet: Since = field(default_factory=dict)
    settled: float | None = None
    trust: Trust = TRUSTED
    fallen: Fallen = field(default_factory=dict)
    answered: dict[CheckId, float] = field(default_factory=dict)
    removed: dict[RealKey, float] = field(default_factory=dict)
    inquiry: Inquiry | None = None
    resting: bool = False

    def __post_init__(self) -> None:
        self.owned = frozenset(service.key for service in self.spec.services.values())


class Kernel(MemoryIpvs):
    """Does something when it is looked at, as the world does while one waits for an answer."""

    meanwhile: Callable[[], None] | None = None

    async def look(self) -> Seen:
        found = await super().look()
        if self.meanwhile is not None:
            self.meanwhile()
        return found


async def one_round(view: View, ipvs: MemoryIpvs) -> Mapping[int, int] | None:
    done = await act(await look_and_decide(view, ipvs, 0.0), ipvs)
    assert done.refused == ()
    return weights(await ipvs.read())


async def test_a_pool_that_gives_way_first_gets_no_more_and_leaves_when_it_is_idle() -> None:
    view = View(spec(service([server(1)], [server(2)], scheduler="wlc", fallback=None)), healths("UU"))
    ipvs = Kernel({VIP: entry({2: 5}, "wlc")})
    persistent = ServiceAttrs("wlc", persistence=60)
    await ipvs.apply([EditService(VIP, persistent)])
    assert ipvs.connect(VIP, CLIENT, 1024, now=0) == real(2)
    assert await one_round(view, ipvs) == {1: 5, 2: 0}
    assert ipvs.end(VIP, CLIENT, 1024, End.RST, now=30)
    assert await one_round(view, ipvs) == {1: 5, 2: 0}
    ipvs.pass_time(50)  # the connection is gone, its template is not
    assert (await ipvs.look()).counters[VIP].servers[real(2)] == RealCounters(
        persistent=1, traffic=Traffic(connections=1)
    )
    assert await one_round(view, ipvs) == {1: 5}


async def test_a_server_is_not_taken_for_idle_because_nobody_asked() -> None:
    """The upper pool comes back while the kernel is looked at: its lower pool has connections."""
    two = spec(
        service([server(1)], [server(2)], scheduler="wlc", fallback=None),
        service([server(3)], [server(4)], name="two", key=OTHER_VIP, scheduler="wlc", fallback=None),
    )
    view = View(two, {**healths("UUUU"), check_of(1): DOWN})
    ipvs = Kernel({VIP: entry({2: 5}, "wlc"), OTHER_VIP: entry({3: 5, 4: 0}, "wlc")})
    assert ipvs.connect(VIP, CLIENT, 1024, now=0) == real(2)
    await ipvs.apply([EditServer(VIP, real(2), replace(server(2).attrs, weight=0))])
    ipvs.meanwhile = lambda: view.health.update({check_of(1): UP})
    assert await one_round(view, ipvs) == {1: 5, 2: 0}
    assert weights(await ipvs.read(), OTHER_VIP) == {3: 5}


async def test_a_reload_while_the_kernel_is_looked_at_takes_nothing_for_idle() -> None:
    pools = service([server(1)], [server(2)], scheduler="wlc", fallback=None)
    two = service([server(3)], [server(4)], name="two", key=OTHER_VIP, scheduler="wlc", fallback=None)
    view = View(spec(replace(pools, pools=pools.pools[1:]), two), healths("UUUU"))
    ipvs = Kernel({VIP: entry({2: 5}, "wlc"), OTHER_VIP: entry({3: 5, 4: 0}, "wlc")})
    assert ipvs.connect(VIP, CLIENT, 1024, now=0) == real(2)

    def reload() -> None:
        view.spec = spec(pools, two)

    ipvs.meanwhile = reload
    assert await one_round(view, ipvs) == {1: 5, 2: 0}


async def test_a_service_whose_checks_never_answer_is_restored_with_its_servers() -> None:
    """Presumed up on start, asked in vain ever since; then somebody clears the whole table."""
    presumed = {check_of(number): replace(PRESUMED, last=UNKNOWN) for number in (1, 2)}
    view = View(spec(service([server(1), server(2)], fallback=None)), presumed)
    ipvs = Kernel({VIP: entry({1: 5, 2: 5})})
    view.left = await ipvs.read()
    await ipvs.apply([DeleteService(VIP)])
    assert await one_round(view, ipvs) == {1: 5, 2: 5}


async def test_who_waits_for_the_end_of_a_period_goes_when_it_ends() -> None:
    """Whatever rounds there were meanwhile, each of which puts the next one off."""
    view = View(spec(service([server(n) for n in range(1, 9)])), healths("DDDDUUUU"))
    view.removed = {real(1): 100.0, real(2): 101.0, real(3): 101.0, real(4): 90.0}
    kernel = MemoryIpvs({VIP: entry(dict.fromkeys(range(4, 9), 5))}, schedulers=("wrr",))
    view.spec = replace(view.spec, guard=Limits(max_removed=Share(count=3)))
    waits = await look_and_decide(view, kernel, 104.0)
    assert (waits.plan, waits.due) == ((), 105.0)
    goes = await look_and_decide(view, kernel, 105.0)
    assert [step.op for step in goes.plan] == [DeleteServer(VIP, real(4))]
    assert goes.due is None
