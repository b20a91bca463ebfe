"""The status document as text: services, their pools, and a line for every server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvsctl.cli.columns import Row, align, counted, cut, printable
from lvsctl.cli.show_pair import this_director
from lvsctl.errors import LvsctlError

Json = dict[str, Any]

_NARROW = ("SERVER", "HEALTH", "WEIGHT", "ACTIVE", "INACT", "CONNS", "LATENCY", "LAST ANSWER")
_WIDE = (*_NARROW[:6], "LOWER", "PERSIST", *_NARROW[6:7], "SINCE", "WHY", "LAST ANSWER")
_KEPT = "down but kept"
_RIGHT = frozenset({2, 3, 4, 5, 6})
_RIGHT_WIDE = _RIGHT | {7, 8}


def render(status: Json, *, wide: bool, width: int | None) -> str:
    """The whole text. width: of the terminal, where servers' lines are cut unless `wide`; None: no terminal."""
    width = None if wide else width
    rows: list[Row] = [*_daemon(status), _WIDE if wide else _NARROW]
    for service in status["services"]:
        rows.append(_headline(service, wide=wide))
        rows += _spill(service)
        for pool in service["pools"]:
            rows.append(f"  pool {pool['name']}{_pool(pool)}")
            rows += [_server(server, wide=wide, width=width) for server in pool["servers"]]
    rows += _remarks(status)
    return align(rows, right=_RIGHT_WIDE if wide else _RIGHT, width=width)


def _daemon(status: Json) -> Iterator[str]:
    """What concerns all services; what is wrong is said in lines of its own."""
    config, turn = status["config"], status["round"]
    yield f"lvsctl {status['version']}, pid {status['pid']}, since {status['started']}; round {turn['number']}"
    yield f"configuration {config['path']} of {config['loaded']}"
    yield from _pair(status.get("pair"))
    if turn["error"]:
        yield f"ATTENTION: the last round failed: {turn['error']}"
    if not status["ready"]:
        yield "ATTENTION: not ready yet: the first complete round is not done"
    if not config["reload_ok"]:
        yield "ATTENTION: the last reload failed, the configuration before it goes on:"
        yield from (f"  {problem}" for problem in config["problems"])
    yield from _guard(status.get("guard"))
    yield ""


def _pair(pair: Json | None) -> Iterator[str]:
    """The role in the pair, and what is wrong with that. None: there is none, or a daemon that tells nothing of it."""
    if pair is None:
        return
    apart = len({instance["role"] for instance in pair["instances"]}) > 1
    roles = [f"{one['name']} {one['role'] or 'unknown'}" for one in pair["instances"]] if apart else []
    resting = ["keeps no table meanwhile"] if pair["resting"] else []
    yield ", ".join([this_director(pair["role"]), *resting, *roles])
    yield from (f"ATTENTION: {line}" for line in pair["attention"])


def _guard(guard: Json | None) -> Iterator[str]:
    """The canaries, and whether the director suspects itself. None: a daemon that tells nothing of it."""
    if guard is None:
        return
    for canary in guard["canaries"]:
        yield f"canary {canary['name']} is {canary['health']}  {canary['reason']}".rstrip()
    if guard["suspected"]:
        yield f"ATTENTION: this director suspects itself, and takes no server out before {guard['until']}:"
        yield f"  {guard['why']}"
        yield from (f"  {seen}" for seen in guard["seen"])


def _headline(service: Json, *, wide: bool) -> str:
    words = [service["name"], key_text(service["key"]), service["state"], _scheduler(service["scheduler"])]
    if service["persistent"]:
        words.append(f"persistent {service['persistent']}s")
    if service["reason"] and (wide or service["state"] != "ok"):
        words.append(service["reason"])
    return "  ".join(words)


def _spill(service: Json) -> Iterator[str]:
    """Where new connections go, if anybody can be full; a daemon older than this program does not say."""
    spill = service.get("spill")
    if not spill or not any(server["upper"] for pool in service["pools"] for server in pool["servers"]):
        return
    since = f" since {spill['since']}" if spill["since"] else ""
    if spill["exhausted"]:
        yield "  ATTENTION: no server has room, new connections are refused (estimated)"
    elif spill["active"]:
        spilled = f"{counted(spill['spilled'], 'connection')} spilled"
        if not since:  # as after a restart: how many there were before cannot be known
            since, spilled = " since before lvsctl first looked", f"{spilled} after that"
        yield f"  ATTENTION: new connections go to pool {spill['pool']}{since}: {spilled} (estimated)"
    elif spill["pool"]:
        yield f"  new connections go to pool {spill['pool']}{since} (estimated)"


def _pool(pool: Json) -> str:
    if not pool["active"]:
        return " (not in use)"
    capacity = pool.get("capacity")
    held = f": {pool['conns']} of {capacity} connections" if capacity else ""
    return held + (" (full)" if pool.get("full") else "")


def _scheduler(scheduler: Json) -> str:
    wanted, used = scheduler["wanted"], scheduler["used"]
    if used == wanted:
        return f"scheduler {used}"
    reason = f": {scheduler['reason']}" if scheduler["reason"] else ""
    return f"scheduler {used or 'none'} (wanted {wanted}{reason})"


def _server(server: Json, *, wide: bool, width: int | None) -> list[str]:
    total = server["active"] + server["inactive"]
    cells = [
        _who(server, width),
        _KEPT if server.get("kept") else server["health"],
        _weight(server),
        str(server["active"]),
        str(server["inactive"]),
        _held(total, server),
    ]
    latency = _latency(server["latency"])
    if not wide:
        last = "" if server.get("override") else server["reason"]  # who took it out matters more than its last answer
        return [*cells, latency, last or server["why"]]
    more = [str(server["lower"] or "-"), str(server["persistent"]), latency, server["since"] or "-"]
    return [*cells, *more, server["why"] or "-", server["reason"]]


def _who(server: Json, width: int | None) -> str:
    """The address is whole; a long name has a third of the terminal: what is wrong with the server matters more."""
    endpoint = f"    {endpoint_text(server)}"
    name = f" {server['name']}" if server.get("name") else ""
    return endpoint + (name if width is None else cut(printable(name), max(width // 3 - len(endpoint), 0)))


def _held(total: int, server: Json) -> str:
    """The kernel holds all entries against the threshold."""
    if not server["upper"]:
        return str(total)
    return f"{total}/{server['upper']}" + (" full" if server.get("overloaded") else "")


def _weight(server: Json) -> str:
    """As it is in the table; "-" out of it, and the configured one behind it where they differ."""
    weight = "-" if server["weight"] is None else str(server["weight"])
    return weight if server["weight"] == server["weight_configured"] else f"{weight} ({server['weight_configured']})"


def _latency(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f}ms" if seconds < 1 else f"{seconds:.2f}s"


def _remarks(status: Json) -> Iterator[str]:
    """What the last round met with, and what lvsctl keeps its hands off."""
    turn = status["round"]
    notes = [f"refused by the kernel: {item['op']}: {item['message']}" for item in turn["refused"]]
    notes += [f"withheld: {item['op']}: {item['why']}" for item in turn["withheld"]]
    notes += [f"changed by somebody else, put right: {what}" for what in turn["drift"]]
    notes += [f"not lvsctl's, left alone: {key}" for key in status["foreign"]]
    if status["config"]["reload_ok"] and status["config"]["problems"]:
        notes.append(f"{counted(len(status['config']['problems']), 'warning')} of conf.d: lvsctl validate shows them")
    if notes:
        yield ""
        yield from notes


def key_text(key: Json) -> str:
    """As model.ServiceKey writes it: `tcp 192.0.2.1:80`, `mark 20 ipv6`."""
    if key["kind"] == "mark":
        return f"mark {key['mark']}" + (" ipv6" if key["family"] == "inet6" else "")
    return f"{key['protocol']} {endpoint_text(key)}"


def endpoint_text(value: Json) -> str:
    """As model.endpoint writes it; that module costs more to import than `status` may take."""
    address, port = value["address"], value["port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def only(status: Json, wanted: str) -> Json:
    """The document with one service: by name, or as `tcp 192.0.2.1:80`, `192.0.2.1:80`, `mark 20`.

    Raises LvsctlError when there is no such service, naming the nearest.
    """
    named = [service for service in status["services"] if service["name"] == wanted]
    services = named or [service for service in status["services"] if _is(service["key"], wanted)]
    keys = [service["key"] for service in services]
    table = [entry for entry in status["table"] if (entry["key"] in keys if keys else _is(entry["key"], wanted))]
    if not services and not table:
        raise LvsctlError(f"there is no service `{wanted[:60]}`{_nearest(status, wanted)}")
    return {**status, "services": services, "table": table}


def _is(key: Json, wanted: str) -> bool:
    return wanted == key_text(key) or (key["kind"] == "address" and wanted == endpoint_text(key))


def _nearest(status: Json, wanted: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for this error

    names = [service["name"] for service in status["services"]]
    near = get_close_matches(wanted, names, n=1)
    return f": did you mean `{near[0]}`?" if near else ": `lvsctl status` lists them"
