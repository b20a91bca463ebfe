"""What the daemon has told, as nouns: the status document and the events, with what an older daemon leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lvsctl.cli.show_status import endpoint_text, key_text

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator has said of a server. until: Unix time, None for good."""

    action: str
    by: str
    reason: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Server:
    """A real server in a service. latency in seconds, since in Unix time; None where nobody knows.

    name: in conf.d. weight: None out of the table. kept: why it is left in although it is down. "" if there is none.
    """

    endpoint: str
    name: str
    health: str
    reason: str
    why: str
    latency: float | None
    since: float | None
    weight: int | None
    configured: int
    upper: int
    lower: int
    connections: int
    overloaded: bool
    kept: str
    override: Override | None

    @property
    def load(self) -> float:
        """The share of the upper threshold; 0.0 without one."""
        return self.connections / self.upper if self.upper else 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Servers of one priority. capacity: connections that fit in those in use, None where one takes any number."""

    name: str
    active: bool
    full: bool
    connections: int
    capacity: int | None
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class Spill:
    """pool: the one that takes new connections now, "" if unknown or none. since: Unix time."""

    pool: str = ""
    since: float | None = None
    spilled: int = 0
    active: bool = False
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    key: str
    state: str
    reason: str
    scheduler: str
    wanted: str
    spill: Spill
    pools: tuple[Pool, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One status document. remarks: what is wrong with the director itself, the worst first.

    role: in its pair; "" if it has none, or nobody knows yet.
    """

    version: str
    incarnation: str
    remarks: tuple[str, ...]
    services: tuple[Service, ...]
    role: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. at: Unix time. facts: its further fields."""

    number: int
    at: float
    event: str
    level: str
    message: str
    where: str
    facts: Json


def seen(status: Json) -> Seen:
    """The document as nouns. Raises KeyError, TypeError, AttributeError or ValueError if it is no status document."""
    return Seen(
        version=str(status["version"]),
        incarnation=f"{status['pid']} {status['started']}",
        remarks=tuple(_remarks(status)),
        services=tuple(_service(service) for service in status["services"]),
        role=str((status.get("pair") or {}).get("role") or ""),
    )


def happening(line: Json) -> Happening:
    """One line of /v1/events. Raises as `seen` does."""
    service, pool, server = (str(line.get(part) or "") for part in ("service", "pool", "server"))
    known = {"number", "at", "event", "level", "message", "service", "pool", "server"}
    return Happening(
        number=int(line["number"]),
        at=_moment(line["at"]) or 0.0,
        event=str(line["event"]),
        level=str(line["level"]),
        message=str(line["message"]),
        where="/".join(part for part in (service, server or pool) if part),
        facts={name: value for name, value in line.items() if name not in known},
    )


def _remarks(status: Json) -> Iterable[str]:
    guard, config, turn = status.get("guard") or {}, status["config"], status["round"]
    if guard.get("suspected"):
        why = [str(found) for found in (guard.get("why"), *(guard.get("seen") or ())) if found]
        yield f"this director suspects itself, takes no server out: {'; '.join(why)}"
    yield from (str(line) for line in (status.get("pair") or {}).get("attention", ()))
    if turn["error"]:
        yield f"the last round failed: {turn['error']}"
    if not status["ready"]:
        yield "not ready yet: the first complete round is not done"
    for item in turn["refused"][:1]:
        yield f"refused by the kernel{_more(turn['refused'])}: {item['op']}: {item['message']}"
    for item in turn["withheld"][:1]:
        yield f"withheld{_more(turn['withheld'])}: {item['op']}: {item['why']}"
    if not config["reload_ok"]:
        yield f"the last reload failed, the configuration before it goes on: {''.join(config['problems'][:1])}"


def _more(items: list[Any]) -> str:
    return f" (1 of {len(items)})" if len(items) > 1 else ""


def _service(service: Json) -> Service:
    spill = service.get("spill") or {}
    return Service(
        name=str(service["name"]),
        key=key_text(service["key"]),
        state=str(service["state"]),
        reason=str(service["reason"]),
        scheduler=str(service["scheduler"]["used"] or "none"),
        wanted=str(service["scheduler"]["wanted"]),
        spill=Spill(
            pool=str(spill.get("pool") or ""),
            since=_moment(spill.get("since")),
            spilled=int(spill.get("spilled") or 0),
            active=bool(spill.get("active")),
            exhausted=bool(spill.get("exhausted")),
        ),
        pools=tuple(_pool(pool) for pool in service["pools"]),
    )


def _pool(pool: Json) -> Pool:
    servers = tuple(_server(server) for server in pool["servers"])
    used = [server.upper for server in servers if server.weight]
    counted = sum(used) if used and all(used) else None
    return Pool(
        name=str(pool["name"]),
        active=bool(pool["active"]),
        full=bool(pool.get("full")),
        connections=int(pool.get("conns", sum(server.connections for server in servers))),
        capacity=pool.get("capacity", counted) or None,
        servers=servers,
    )


def _server(server: Json) -> Server:
    latency, weight, word = server["latency"], server["weight"], server.get("override")
    return Server(
        endpoint=endpoint_text(dict(server)),
        name=str(server.get("name") or ""),
        health=str(server["health"]),
        reason=str(server["reason"]),
        why=str(server["why"]),
        latency=float(latency) if latency is not None else None,
        since=_moment(server["since"]),
        weight=int(weight) if weight is not None else None,
        configured=int(server["weight_configured"]),
        upper=int(server["upper"]),
        lower=int(server["lower"]),
        connections=int(server["active"]) + int(server["inactive"]),
        overloaded=bool(server.get("overloaded")),
        kept=str(server.get("kept") or ""),
        override=_override(word) if word else None,
    )


def _override(word: Json) -> Override:
    return Override(
        action=str(word["action"]),
        by=str(word.get("by") or "somebody"),
        reason=str(word.get("reason") or ""),
        until=_moment(word.get("until")),
    )


def _moment(value: object) -> float | None:
    """Unix time of an RFC 3339 text, or of a number that is one already."""
    if value is None:
        return None
    return float(value) if isinstance(value, int | float) else datetime.fromisoformat(str(value)).timestamp()
