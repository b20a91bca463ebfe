"""Compile services: who each is and how it works, from what it says itself and what the defaults say for it."""

from __future__ import annotations

from typing import Any

from lvsctl.config.document import Place, shown
from lvsctl.config.merge import Merged
from lvsctl.config.pools import Level, PoolCompiler, inherited, pools_of
from lvsctl.config.questions import Questions
from lvsctl.config.schema import Service
from lvsctl.config.wording import did_you_mean
from lvsctl.model import (
    NO_FLAGS,
    PRIORITY_SCHEDULERS,
    AddressKey,
    CapacityWarning,
    Family,
    MarkKey,
    OnDown,
    OnExit,
    Problem,
    Protocol,
    SchedulerUpgrade,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Severity,
)
from lvsctl.model import Service as ServiceSpec

DEFAULT_SCHEDULER = "wlc"
DEFAULT_SPILL_QUIET = 10.0

_SCHEDULERS = ("dh", "fo", "hprio", "lblc", "lblcr", "lc", "mh", "nq", "ovf", "rr", "sed", "sh", "twos", "wlc", "wrr")
_FLAGS = {
    "sched-1": ServiceFlag.SCHED_1,
    "sched-2": ServiceFlag.SCHED_2,
    "sched-3": ServiceFlag.SCHED_3,
    "sh-fallback": ServiceFlag.SCHED_1,
    "sh-port": ServiceFlag.SCHED_2,
    "mh-fallback": ServiceFlag.SCHED_1,
    "mh-port": ServiceFlag.SCHED_2,
}


class ServiceCompiler:
    """Compiles one service. Its methods return None for what cannot be known because of a mistake, which is said."""

    def __init__(
        self, form: Service, place: Place, merged: Merged, questions: Questions, problems: list[Problem]
    ) -> None:
        self._form = form
        self._place = place
        self._levels = (
            Level(form, place),
            Level(merged.defaults, place, merged.default_places),
        )
        self._questions = questions
        self._problems = problems

    def compile(self, name: str) -> ServiceSpec | None:
        scheduler, fallback = self._scheduler()
        persistence = self._value("persistent", 0)
        self._one_of_two("servers", "pools", missing="add `servers: […]`, or `pools:`")
        key = self._key(persistence)
        if key is None:
            return None
        attrs = ServiceAttrs(
            scheduler=scheduler,
            flags=self._flags(scheduler, fallback, key),
            persistence=persistence,
            persistence_prefix=self._prefix(key, persistence),
            persistence_engine=self._engine(persistence),
        )
        priority = next((one for one in (scheduler, fallback) if one in PRIORITY_SCHEDULERS), None)
        compiled = PoolCompiler(key, self._levels, priority, self._questions, self._problems).compile(
            self._form, self._place
        )
        if persistence and compiled.thresholds:
            self._soft_thresholds()
        if compiled.unchecked:
            message = "has servers without a check, which are taken to be up: add `check`, or say `check: none`"
            self._say(self._place, message, severity=Severity.WARNING)
        return ServiceSpec(
            name,
            key,
            attrs,
            compiled.pools,
            fallback,
            on_down=OnDown(self._value("on_down", OnDown.REMOVE)),
            on_exit=OnExit(self._value("on_exit", OnExit.KEEP)),
            upgrade=self._upgrade(fallback),
            slow_start=self._slow_start(priority),
            drain_timeout=self._value("drain_timeout", 0.0) or None,
            capacity_warning=self._capacity_warning(limited=compiled.thresholds),
            spill_quiet=self._spill_quiet(limited=compiled.thresholds),
        )

    # --- who it is ----------------------------------------------------------------------------------------------

    def _key(self, persistence: int) -> ServiceKey | None:
        form = self._form
        if not self._one_of_two("address", "mark", missing="add `address: 192.0.2.1:80`, or `mark: 20`"):
            return None
        if form.mark is not None:
            if form.protocol is not None:
                message = "does nothing beside `mark`: marked packets of every protocol match"
                self._say(self._place.at("protocol"), message, severity=Severity.WARNING)
            family = form.family or self._family_of_servers()
            return None if family is None else MarkKey(family, form.mark)
        if form.family is not None:
            self._say(self._place.at("family"), "is for a firewall-mark service only: remove it")
        assert form.address is not None  # noqa: S101 - one of the two is written
        if form.address.port is None:
            self._say(self._place.at("address"), 'has no port: write it like 192.0.2.1:80, or "[2001:db8::1]:80"')
            return None
        if form.address.port == 0 and not persistence:
            self._say(self._place.at("address"), "port 0 (every port) needs `persistent`: add that, or write a port")
        return AddressKey(form.address.address, form.address.port, form.protocol or Protocol.TCP)

    def _family_of_servers(self) -> Family | None:
        found = {
            server.address.address.version
            for _, pool, _ in pools_of(self._form, self._place)
            for server in pool.servers
        }
        if len(found) == 2:
            self._say(self._place.at("mark"), "has IPv4 and IPv6 servers: write `family: inet` or `family: inet6`")
        if len(found) != 1:
            return None
        return Family.INET if found == {4} else Family.INET6

    def _one_of_two(self, one: str, other: str, *, missing: str) -> bool:
        written = [key for key in (one, other) if getattr(self._form, key) is not None]
        if len(written) == 2:
            self._say(self._place.at(other), f"`{one}` and `{other}` exclude each other: remove one", key=True)
        elif not written:
            self._say(self._place, f"has neither `{one}` nor `{other}`: {missing}")
        return len(written) == 1

    # --- how it works -------------------------------------------------------------------------------------------

    def _scheduler(self) -> tuple[str, str | None]:
        """The wanted scheduler and the one that stands in for it; `fo` has the pool switch of `hprio`."""
        scheduler, where = inherited(self._levels, "scheduler")
        fallback, fallback_where = inherited(self._levels, "scheduler_fallback")
        scheduler = scheduler or DEFAULT_SCHEDULER
        for name, at, also in ((scheduler, where, ""), (fallback, fallback_where, "none")):
            if at is not None and name not in (*_SCHEDULERS, also):
                meant = did_you_mean(name, list(_SCHEDULERS))
                hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(_SCHEDULERS)}"
                message = f"`{shown(name)}` is not a scheduler that lvsctl knows: {hint}"
                self._say(at, message, severity=Severity.WARNING)
        if fallback is None:
            fallback = "fo" if scheduler == "hprio" else "none"
        return scheduler, None if fallback in ("none", scheduler) else fallback

    def _upgrade(self, fallback: str | None) -> SchedulerUpgrade:
        upgrade, where = inherited(self._levels, "scheduler_upgrade")
        if where is not None and fallback is None and where.path[0] == "services":
            self._say(where, "does nothing without `scheduler_fallback`: add that, or remove this")
        return SchedulerUpgrade(upgrade or SchedulerUpgrade.RELOAD)

    def _capacity_warning(self, *, limited: bool) -> CapacityWarning | None:
        wanted = self._about_thresholds("capacity_warning", limited=limited)
        return CapacityWarning(wanted.share.percent / 100, wanted.for_) if wanted is not None and limited else None

    def _spill_quiet(self, *, limited: bool) -> float:
        seconds = self._about_thresholds("spill_quiet", limited=limited)
        return DEFAULT_SPILL_QUIET if seconds is None else float(seconds)

    def _about_thresholds(self, key: str, *, limited: bool) -> Any:
        """What is said under `key`, which is for services with thresholds; the defaults may say it for all."""
        wanted, where = inherited(self._levels, key)
        if where is not None and not limited and where.path[0] == "services":
            self._say(where, "does nothing without `thresholds`: add those, or remove this", key=True)
        return wanted

    def _slow_start(self, priority: str | None) -> float:
        """A lower weight is a lower priority there. What the defaults say is for the other services."""
        seconds, where = inherited(self._levels, "slow_start")
        if not (seconds and priority):
            return float(seconds or 0.0)
        if where is not None and where.path[0] == "services":
            message = (
                f"with {priority} the weight is the priority, so a server would start in another pool: write "
                "`slow_start: 0s`, or a scheduler without priorities, such as wlc"
            )
            self._say(where, message)
        return 0.0

    def _flags(self, scheduler: str, fallback: str | None, key: ServiceKey) -> ServiceFlag:
        flags = NO_FLAGS
        for index, name in enumerate(self._form.flags or ()):
            owner = name.partition("-")[0]
            if owner != "sched" and owner not in (scheduler, fallback):
                message = f"`{name}` is a flag of the scheduler {owner}, not of {scheduler}: remove it"
                self._say(self._place.at("flags", index), message)
            flags |= _FLAGS[name]
        if self._form.one_packet:
            if isinstance(key, AddressKey) and key.protocol is not Protocol.UDP:
                self._say(self._place.at("one_packet"), "works with `protocol: udp` only: change that, or remove this")
            flags |= ServiceFlag.ONE_PACKET
        return flags

    def _prefix(self, key: ServiceKey, persistence: int) -> int:
        full = 32 if key.family is Family.INET else 128
        prefix, where = inherited(self._levels, "persistence_netmask")
        if where is None:
            return full
        if not persistence:
            if where.path[0] == "services":
                self._say(where, "does nothing without `persistent`: add that, or remove this")
            return full
        if prefix > full:
            self._say(where, f"`{prefix}` is longer than an IPv4 address: write 32 or less")
        elif full == 128 and isinstance(where.value, str):
            self._say(where, "is an IPv4 netmask and the service is IPv6: write a prefix length, such as 64")
        return int(min(prefix, full))

    def _engine(self, persistence: int) -> str:
        engine = self._form.persistence_engine or ""
        if engine and not persistence:
            at = self._place.at("persistence_engine")
            self._say(at, "does nothing without `persistent`: add that, or remove this")
        return engine

    def _soft_thresholds(self) -> None:
        message = (
            "the thresholds of this service are soft: a client that persistence remembers goes to its server even if "
            "that is full, and stays on a lower pool until it is forgotten"
        )
        self._say(self._place.at("persistent"), message, severity=Severity.WARNING)

    def _value(self, key: str, default: Any) -> Any:
        value, _ = inherited(self._levels, key)
        return default if value is None else value

    def _say(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> None:
        self._problems.append(place.problem(message, key=key, severity=severity))
