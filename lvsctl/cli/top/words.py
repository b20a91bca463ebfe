"""The short words of the screen: states, numbers, times and what is wrong with whom."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from lvsctl.cli.top.cells import Tone
from lvsctl.cli.top.seen import Happening, Override, Pool, Server, Service

_HEALTH = {
    "up": ("up", Tone.GOOD),
    "down": ("DOWN", Tone.BAD),
    "presumed up": ("up?", Tone.FAINT),
    "not asked yet": ("new", Tone.FAINT),
    "no check": ("-", Tone.PLAIN),
}
_ACTIONS = {"drain": "drain", "disable": "off", "weight": "weight"}
PARTICIPLES = {"drain": "drained", "disable": "disabled", "weight": "given another weight"}
_TONES = {"info": Tone.PLAIN, "warning": Tone.WARN, "error": Tone.BAD}
_UNTOLD = frozenset({"check_up", "check_down", "applied"})  # what they mean is told once more, of servers


def verdict(server: Server) -> tuple[str, Tone]:
    """At most 10 cells: what the checks say, and what keeps the server from being treated like any other."""
    word, tone = _HEALTH.get(server.health, (server.health[:4], Tone.PLAIN))
    if server.override is not None:
        return f"{word} {_ACTIONS.get(server.override.action, server.override.action[:5])}", Tone.WARN
    if server.kept:
        return f"{word} kept", Tone.BAD
    return (f"{word} full", Tone.WARN) if server.overloaded else (word, tone)


AS_IT_SHOULD_BE = {"ok": Tone.GOOD, "idle": Tone.PLAIN}
"""States that call nobody. idle: this director keeps no table while another one is active."""


def trouble(server: Server) -> int:
    """3: down. 2: full. 1: an operator's doing, or not known for sure. 0: as it should be."""
    if server.health == "down":
        return 3
    if server.overloaded:
        return 2
    return 1 if server.override is not None or server.health in ("presumed up", "not asked yet") else 0


def gravity(service: Service) -> int:
    """How soon somebody should look: 6 nobody serves, 5 spills, down to 0 all is well."""
    if service.state in ("down", "refused") or service.spill.exhausted:
        return 6
    worst = max((trouble(server) for pool in service.pools for server in pool.servers), default=0)
    if service.spill.active:
        return 5
    return max(worst, 1 if service.state not in AS_IT_SHOULD_BE else 0)


def service_state(service: Service) -> tuple[str, Tone]:
    """At most 10 cells."""
    if service.spill.exhausted:
        return "EXHAUSTED", Tone.BAD
    if service.state in ("down", "refused"):
        return service.state.upper(), Tone.BAD
    if service.spill.active:
        return "SPILL", Tone.WARN
    return service.state, AS_IT_SHOULD_BE.get(service.state, Tone.WARN)


def pool_state(service: Service, pool: Pool) -> tuple[str, Tone]:
    """At most 10 cells."""
    if pool.full:
        return "full", Tone.WARN
    if service.spill.active and service.spill.pool == pool.name:
        return "takes new", Tone.WARN
    return ("in use", Tone.PLAIN) if pool.active else ("waits", Tone.FAINT)


def serving(servers: list[Server]) -> str:
    """`3/4`: how many take new connections, of how many; a share where that takes more than 5 cells."""
    some = sum(1 for server in servers if server.weight)
    text = f"{some}/{len(servers)}"
    return text if len(text) <= 5 else f"{some * 100 // len(servers)}%"


def overridden(override: Override, now: float) -> str:
    """`drained by alice (uid 1000), 29m left: swap memory`."""
    left = "" if override.until is None else f", {span(max(override.until - now, 0))} left"
    done = PARTICIPLES.get(override.action, override.action)
    return f"{done} by {override.by}{left}" + (f": {override.reason}" if override.reason else "")


def briefly(override: Override, now: float) -> str:
    """`alice 29m: swap memory`: what the state does not say already, for a narrow screen."""
    left = "" if override.until is None else f" {span(max(override.until - now, 0))}"
    return f"{override.by.partition(' (')[0]}{left}" + (f": {override.reason}" if override.reason else "")


def number(value: int, width: int) -> str:
    """The number in at most `width` cells: whole, or rounded with k, M or G behind it."""
    for divisor, unit in ((1, ""), (10**3, "k"), (10**6, "M"), (10**9, "G")):
        text = f"{round(value / divisor)}{unit}"
        if len(text) <= width and (value >= divisor or not value):
            return text
    return "!" * width


def ratio(count: int, limit: int | None, width: int) -> str:
    """`50/100`, or only the count where there is no limit, in at most `width` cells."""
    if not limit:
        return number(count, width)
    text = f"{count}/{limit}"
    half = (width - 1) // 2
    return text if len(text) <= width else f"{number(count, half)}/{number(limit, half)}"


def milliseconds(seconds: float | None) -> str:
    """At most 6 cells: `0.3ms`, `12ms`, `1.20s`, `100s`."""
    if seconds is None:
        return "-"
    if seconds >= 1:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.0f}s"
    return f"{seconds * 1000:.1f}ms" if seconds < 0.0995 else f"{seconds * 1000:.0f}ms"


def span(seconds: float) -> str:
    """A duration in its two greatest units, the second only if there is any of it: `45s`, `3m20s`, `30m`, `2h05m`."""
    whole = max(int(seconds), 0)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    if hours:
        return f"{hours}h" + (f"{minutes % 60:02}m" if minutes % 60 else "")
    if minutes:
        return f"{minutes}m" + (f"{whole % 60:02}s" if whole % 60 else "")
    return f"{whole}s"


def clock(at: float, zone: tzinfo | None) -> str:
    """The time of day in the zone; None: where the operator is."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M:%S")


def tellable(happening: Happening) -> bool:
    """Whether it is worth one of the few lines for events."""
    return happening.event not in _UNTOLD


def told(happening: Happening) -> tuple[str, Tone]:
    """The event in one line, without its time."""
    facts = happening.facts
    answer = " ".join(str(facts[part]) for part in ("code", "detail") if facts.get(part))
    more = answer or next((str(facts[part]) for part in ("why", "reason", "error", "change") if facts.get(part)), "")
    if not more and facts.get("to"):
        more = f"to {facts['to']}"
    where = "" if not happening.where or happening.message.startswith(happening.where) else f"{happening.where} "
    return f"{where}{happening.message}" + (f": {more}" if more else ""), _TONES.get(happening.level, Tone.PLAIN)
