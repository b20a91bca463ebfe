"""The status document: what is wanted, believed and there, as JSON values (shape: `lvsctl/v1`, kind Status)."""

from __future__ import annotations

import os
from typing import Any

from lvsctl import __version__
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.ordered import ordered_json
from lvsctl.daemon.pair_document import pair_in_short, pair_seen
from lvsctl.daemon.state import key_json
from lvsctl.decide.desired import Desired
from lvsctl.decide.explain.evidence import state
from lvsctl.decide.health import deciding
from lvsctl.decide.ladder import lacks, there_now
from lvsctl.decide.overrides import orders
from lvsctl.decide.record import describe
from lvsctl.decide.spill.load import ServiceLoad
from lvsctl.decide.suspicion import named
from lvsctl.model import (
    CheckId,
    Counters,
    Entry,
    Health,
    Pool,
    RealCounters,
    RealKey,
    Seen,
    Server,
    Service,
    ServiceKey,
)
from lvsctl.model.moment import rfc3339

Json = dict[str, Any]
_NO_COUNT = RealCounters()


async def status(daemon: Daemon, *, with_table: bool = True) -> Json:
    """The whole document, or all but the kernel's table as it is; reads table and counters. Raises KernelError."""
    info = await daemon.ipvs.info()
    seen = await daemon.ipvs.look()
    daemon.world.looked(seen)  # what is told now, such as since when, is what all later looks go by
    table, counters = seen.table, seen.counters
    load = daemon.last_load
    teller = _Teller(daemon, seen)
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Status",
        "version": __version__,
        "pid": os.getpid(),
        "started": rfc3339(daemon.started),
        "ready": daemon.ready,
        "config": {
            "path": str(daemon.config),
            "loaded": rfc3339(load.at),
            "reload_ok": load.ok,
            "problems": [str(problem) for problem in load.problems],
        },
        "kernel": {"version": info.version, "table_size": info.table_size, "written": daemon.ipvs.written},
        "round": _round(daemon),
        "guard": _guard(daemon),
        "pair": _pair(daemon),
        "services": [teller.service(service) for service in daemon.world.spec.services.values()],
        "foreign": [str(key) for key in table if key not in daemon.world.owned],
        "table": [_entry(key, entry, counters) for key, entry in table.items()] if with_table else [],
    }


def _round(daemon: Daemon) -> Json:
    done = daemon.last.round
    return {
        "number": daemon.last.number,
        "at": rfc3339(daemon.last.at),
        "error": daemon.last.error,
        "refused": [{"op": describe(s), "message": r.message} for s, r in done.refused] if done else [],
        "withheld": [{"op": describe(step), "why": why} for step, why in done.withheld] if done else [],
        "drift": [f"{found.service}: {found.what}" for found in done.decision.drift] if done else [],
    }


def _guard(daemon: Daemon) -> Json:
    """Whether this director suspects itself, what it sees of itself, and what its canaries say."""
    world, clock = daemon.world, daemon.clock
    suspicion = world.trust.suspicion
    return {
        "suspected": suspicion is not None,
        "since": rfc3339(clock.at(suspicion.since)) if suspicion is not None else None,
        "until": rfc3339(clock.at(suspicion.until)) if suspicion is not None else None,
        "why": suspicion.why if suspicion is not None else None,
        "seen": list(daemon.doubt.seen),
        "max_removed": str(world.spec.guard.max_removed),
        "canaries": [_canary(daemon, check) for check in world.spec.guard.canaries],
    }


def _pair(daemon: Daemon) -> Json | None:
    view = pair_seen(daemon)
    return None if view is None else pair_in_short(view)


def _canary(daemon: Daemon, check: CheckId) -> Json:
    belief, passed = daemon.world.health[check], daemon.world.answered.get(check)
    return {
        "name": named(check, daemon.world.spec),
        "health": _health(belief),
        "reason": f"{belief.last.code} {belief.last.detail}" if belief.last is not None else "",
        "answered": rfc3339(daemon.clock.at(passed)) if passed is not None else None,
    }


class _Teller:
    """Says what is to be said of services, pools and servers, from one reading of everything."""

    def __init__(self, daemon: Daemon, seen: Seen) -> None:
        self.world = daemon.world
        self.desired: Desired | None = daemon.last.round.decision.desired if daemon.last.round else None
        self.seen = seen
        self.table = seen.table
        self.counters = seen.counters
        self.clock = daemon.clock
        held = daemon.last.round.decision.held if daemon.last.round else ()
        self.kept = {(step.op.service, getattr(step.op, "server", None)): why for step, why in held}
        self.orders = orders(daemon.world.spec, daemon.world.overrides)

    def service(self, service: Service) -> Json:
        found, reason = state(service, self.desired, self.table.get(service.key))
        load = self.world.load_of(service, self.seen)
        return {
            "name": service.name,
            "key": key_json(service.key),
            "scheduler": self._scheduler(service),
            "state": found,
            "reason": reason,
            "persistent": service.attrs.persistence,
            "pools": [self._pool(service, pool, load) for pool in service.pools],
            "spill": self._spill(load),
        }

    def _spill(self, load: ServiceLoad) -> Json:
        """Which pool takes new connections now, since when, and how many were spilled since the higher one was full."""
        return {
            "pool": load.taking,
            "since": rfc3339(self.clock.at(load.since)) if load.since is not None else None,
            "spilled": load.spilled,
            "active": load.spilling,
            "exhausted": load.exhausted,
            "estimated": True,
        }

    def _scheduler(self, service: Service) -> Json:
        wanted, used = service.attrs.scheduler, self.world.ladder.scheduler(service)
        reason = "" if used == wanted else lacks(wanted)
        if used is not None and self.world.ladder.waits(service):
            reason = there_now(wanted, used)
        return {"wanted": wanted, "used": used, "available": wanted not in self.world.ladder.missing, "reason": reason}

    def _pool(self, service: Service, pool: Pool, load: ServiceLoad) -> Json:
        servers = [self._server(service, server, load) for server in pool.servers]
        found = next(one for one in load.pools if one.name == pool.name)
        return {
            "name": pool.name,
            "active": any(server["weight"] for server in servers),
            "full": found.full,
            "conns": found.conns,
            "capacity": found.capacity,
            "servers": servers,
        }

    def _server(self, service: Service, server: Server, load: ServiceLoad) -> Json:
        entry = self.table.get(service.key)
        found = entry.servers.get(server.key) if entry is not None else None
        count = _count(self.counters, service.key, server.key)
        known = load.servers.get(server.key)
        order = self.orders.get((service.key, server.key))
        decisive = deciding(server.checks, self.world.health)
        last = decisive.last if decisive is not None else None
        return {
            "address": str(server.key.address),
            "port": server.key.port,
            "health": _health(decisive),
            "reason": f"{last.code} {last.detail}" if last is not None else "",
            "latency": round(last.latency, 6) if last is not None else None,
            "since": self._since(decisive),
            "in_table": found is not None,
            "weight": found.weight if found is not None else None,
            "weight_configured": server.attrs.weight,
            "upper": server.attrs.upper,
            "lower": server.attrs.lower,
            "active": count.active,
            "inactive": count.inactive,
            "persistent": count.persistent,
            "name": server.name,
            "override": None if order is None else ordered_json(order),
            "connections_total": count.traffic.connections,
            "overloaded": known.overloaded if found is not None and known is not None else None,
            "why": self.desired.why.get((service.key, server.key), "") if self.desired is not None else "",
            "kept": self.kept.get((service.key, server.key)),
        }

    def _since(self, health: Health | None) -> str | None:
        """When a belief that rests on an answer changed; None where it is the first, or was presumed before."""
        if health is None or not health.answered or not health.since:
            return None
        return rfc3339(self.clock.at(health.since))


def _health(health: Health | None) -> str:
    if health is None:
        return "no check"
    if health.answered:
        return "up" if health.up else "down"
    return "presumed up" if health.up else "not asked yet"


def _count(counters: Counters, service: ServiceKey, server: RealKey) -> RealCounters:
    found = counters.get(service)
    return found.servers.get(server, _NO_COUNT) if found is not None else _NO_COUNT


def _entry(key: ServiceKey, entry: Entry, counters: Counters) -> Json:
    attrs = entry.attrs
    return {
        "key": key_json(key),
        "scheduler": attrs.scheduler,
        "flags": int(attrs.flags),
        "persistence": attrs.persistence,
        "persistence_prefix": attrs.persistence_prefix,
        "persistence_engine": attrs.persistence_engine,
        "servers": [
            {
                "address": str(server.address),
                "port": server.port,
                "forward": str(real.forward),
                "weight": real.weight,
                "upper": real.upper,
                "lower": real.lower,
                "active": (count := _count(counters, key, server)).active,
                "inactive": count.inactive,
                "persistent": count.persistent,
            }
            for server, real in entry.servers.items()
        ],
    }
