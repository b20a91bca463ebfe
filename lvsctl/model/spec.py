"""What the operator wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor

from lvsctl.model.alerting import Alerting
from lvsctl.model.health import Check, CheckId, Question, QuestionId
from lvsctl.model.metrics import NO_METRICS, MetricsSpec
from lvsctl.model.pair import PairSpec
from lvsctl.model.table import RealAttrs, RealKey, ServiceAttrs, ServiceKey


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
    """A real server as configured; attrs.weight is its weight while up. checks: all must pass; empty: always up.

    name: what an operator may call it, unique within its service; "" where it has none.
    """

    key: RealKey
    attrs: RealAttrs
    checks: tuple[CheckId, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """Servers of one priority. floor: how many servers checks alone must leave in the table (0: no limit)."""

    name: str
    servers: tuple[Server, ...]
    floor: int = 0


@dataclass(frozen=True, slots=True)
class CapacityWarning:
    """Said of a pool that holds at least this share (between 0 and 1) of its upper thresholds for so many seconds."""

    share: float
    lasting: float


PRIORITY_SCHEDULERS = frozenset({"hprio", "fo"})
"""With these the kernel itself takes the highest weight that has room, so all pools are in the table at once."""


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service as configured; attrs.scheduler is the one that is wanted. pools: highest priority first.

    fallback: the scheduler used where the kernel lacks the wanted one, or None to refuse the service. upgrade: when the
    wanted one takes the fallback's place, if it appears while the service runs. slow_start: seconds in which a server
    that has come up gets its weight, 0 for at once. drain_timeout: seconds after which a server that was taken to
    weight 0 leaves the table even if it has connections (and before that once it has none); None: it stays.
    capacity_warning: None for no warning. spill_quiet: seconds that a spill must be over before that is told.
    """

    name: str
    key: ServiceKey
    attrs: ServiceAttrs
    pools: tuple[Pool, ...]
    fallback: str | None
    on_down: OnDown
    on_exit: OnExit
    upgrade: SchedulerUpgrade = SchedulerUpgrade.RELOAD
    slow_start: float = 0.0
    drain_timeout: float | None = None
    capacity_warning: CapacityWarning | None = None
    spill_quiet: float = 10.0


@dataclass(frozen=True, slots=True)
class Share:
    """A number of servers, or a percentage of them."""

    count: int = 0
    percent: float = 0.0

    def of(self, total: int) -> int:
        """How many of `total`, as the least that there must be; a percentage is rounded up."""
        return max(self.count, ceil(total * self.percent / 100))

    def within(self, total: int) -> int:
        """How many of `total`, as the most that there may be: a percentage is rounded down, but never to 0."""
        return self.count or max(1, floor(total * self.percent / 100))

    def beyond(self, total: int) -> int:
        """How many of `total` are more than it: the fewest."""
        return max(self.count, floor(total * self.percent / 100)) + 1

    def __str__(self) -> str:
        return f"{self.percent:g}%" if self.percent else str(self.count)


SMALL = 4
"""Live servers from which on a percentage limits how many may go at once: half of two or three is no crowd."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much checks alone may take away at once.

    services, share: this director suspects itself when so many unrelated services, and more than this share of the
    servers that were up, fail together; hold: seconds for which it then takes nobody out. canaries: checks of
    what is no server, one pass of which shows that the director is well. max_removed: the most servers that go within
    one period, of those that are live; as a percentage it counts from SMALL on.
    """

    services: int = 3
    share: Share = Share(percent=50)
    hold: float = 60.0
    canaries: tuple[CheckId, ...] = ()
    max_removed: Share = Share(percent=50)

    def removable(self, live: int) -> int:
        """How many of `live` servers may go within one period."""
        return live if self.max_removed.percent and live < SMALL else self.max_removed.within(live)


@dataclass(frozen=True, slots=True)
class Spec:
    """The compiled configuration: names resolved, defaults filled, ids given.

    period: seconds between rounds. maintenance: a directory whose files' names are servers to be drained, or "".
    questions, checks: those of the servers and those of the canaries. pair: None for a director that stands alone.
    """

    services: Mapping[str, Service]
    questions: Mapping[QuestionId, Question]
    checks: Mapping[CheckId, Check]
    period: float = 5.0
    maintenance: str = ""
    metrics: MetricsSpec = NO_METRICS
    alerting: Alerting = Alerting()  # noqa: RUF009 - frozen
    guard: Limits = Limits()
    pair: PairSpec | None = None
