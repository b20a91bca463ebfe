"""Which scheduler each service is given: the wanted one, the one that stands in for it, or none."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from lvsctl.events import SchedulerAppeared
from lvsctl.model import SchedulerUpgrade, Service, ServiceKey, Spec, Table

NO_TABLE: Table = {}


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the kernel lacks, and who does not climb although it lacks it no more.

    missing: schedulers named in conf.d that the kernel neither has nor can load. kept: services that go on with this
    stand-in until the next reload, because theirs appeared while they ran. A ladder with nothing kept is that of a
    configuration just read: a start reads it as a reload does, so after either every service has the best there is.
    """

    missing: frozenset[str] = frozenset()
    kept: Mapping[ServiceKey, str] = field(default_factory=dict)

    def scheduler(self, service: Service) -> str | None:
        """What the service is given; None: it is refused."""
        return self.kept[service.key] if self.waits(service) else scheduler_in_effect(service, self.missing)

    def waits(self, service: Service) -> bool:
        """Whether the wanted scheduler is there, and the service takes it at the next reload only."""
        stand_in = self.kept.get(service.key)
        return stand_in is not None and not {stand_in, service.attrs.scheduler} & self.missing


def scheduler_in_effect(service: Service, missing: AbstractSet[str]) -> str | None:
    """The wanted scheduler, else its fallback, else None: the service is refused."""
    if service.attrs.scheduler not in missing:
        return service.attrs.scheduler
    return None if service.fallback in missing else service.fallback


def climb(
    spec: Spec, before: Ladder, missing: frozenset[str], have: Table = NO_TABLE
) -> tuple[Ladder, tuple[SchedulerAppeared, ...]]:
    """The ladder now that the kernel lacks `missing`, and what has appeared since `before`.

    A service that had no scheduler takes what there is: what the kernel may hold for it was out of our hands. One that
    has a stand-in changes it by itself only if conf.d says so. have: the kernel's table, as far as it is known: what is
    in use there is not missing, and who has been given the best by somebody else keeps it.
    """
    missing = missing - {entry.attrs.scheduler for entry in have.values()}
    kept: dict[ServiceKey, str] = {}
    news: dict[tuple[str, str], list[str]] = {}
    for service in spec.services.values():
        had, best = before.scheduler(service), scheduler_in_effect(service, missing)
        found = have.get(service.key)
        if best is None or best in (had, found and found.attrs.scheduler):
            continue
        used = best
        if had is not None and had not in missing and service.upgrade is SchedulerUpgrade.RELOAD:
            kept[service.key] = used = had
        if had in (None, service.fallback) and not before.waits(service):
            news.setdefault((best, used), []).append(service.name)
    events = (SchedulerAppeared(best, used, tuple(names)) for (best, used), names in news.items())
    return Ladder(missing, kept), tuple(events)


def way_out(scheduler: str) -> str:
    """What gives the kernel this scheduler, in words. hprio is in no kernel: the module comes with lvsctl."""
    return "install the module (deploy/ip-vs-hprio)" if scheduler == "hprio" else f"try modprobe ip_vs_{scheduler}"


def lacks(wanted: str) -> str:
    """`the kernel has no scheduler mh`."""
    return f"the kernel has no scheduler {wanted}"


def stand_in(wanted: str, used: str) -> str:
    """What to say of a service that has its fallback."""
    return f"{lacks(wanted)}, {used} is used in its place"


def there_now(wanted: str, used: str) -> str:
    """What to say of a service that waits for the next reload."""
    return f"{wanted} is there now; the service goes on with {used} until the next reload"
