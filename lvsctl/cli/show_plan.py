"""A plan, carried out or not, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvsctl.cli.columns import Row, align, counted
from lvsctl.daemon.once import Once
from lvsctl.daemon.state import key_json
from lvsctl.decide.ladder import stand_in
from lvsctl.model import (
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Family,
    Forward,
    Op,
    RealAttrs,
    Refusal,
    ServiceAttrs,
    ServiceFlag,
    Step,
)

Json = dict[str, Any]


# --- for people ---------------------------------------------------------------------------------------------------


def render(once: Once, *, applied: bool) -> str:
    """By service: a line for every operation with its change and its reason; at the end, how many."""
    rows: list[Row] = []
    groups: dict[str, list[list[str]]] = {}
    for step, note in _notes(once):
        groups.setdefault(str(step.op.service), []).append(_line(step, note))
    for service, why in once.refused.items():
        groups.setdefault(str(service), []).append(["  refused", "", why])
    for name, lines in groups.items():
        rows += [name, *lines]
    return align([*rows, *_stand_ins(once), _closing(once, applied=applied)])


def _notes(once: Once) -> Iterator[tuple[Step, str]]:
    """Every step, and what became of it where that is worth a word."""
    results: tuple[Refusal | None, ...] = once.results or (None,) * len(once.plan)
    for step, result in zip(once.plan, results, strict=True):
        yield step, f"REFUSED by the kernel: {result.message}" if result is not None else ""
    for step, why in once.withheld:
        yield step, f"WITHHELD: {why}"


def _stand_ins(once: Once) -> Iterator[str]:
    """What runs in place of what was wanted, also where there is nothing to do."""
    for event in once.schedulers:
        if event.used is not None:
            yield f"{stand_in(event.wanted, event.used)}: {', '.join(event.services)}"


def _line(step: Step, note: str) -> list[str]:
    server = getattr(step.op, "server", None)
    words = step.op.name.replace("-", " ") if server is None else f"{step.op.name.replace('-', ' ')} {server}"
    reason = f"{step.reason} (drift)" if step.drift else step.reason
    return [f"  {words}", step.change or _attributes(step.op), f"{reason}  {note}" if note else reason]


def _attributes(op: Op) -> str:
    """What is added, in words."""
    match op:
        case AddService(key, attrs):
            return ", ".join(_service_words(attrs, 32 if key.family is Family.INET else 128))
        case AddServer(_, _, attrs):
            return ", ".join(_server_words(attrs))
    return ""


def _service_words(attrs: ServiceAttrs, full_prefix: int) -> Iterator[str]:
    yield f"scheduler {attrs.scheduler}"
    flags = [flag.name.lower().replace("_", "-") for flag in ServiceFlag if flag in attrs.flags and flag.name]
    if flags:
        yield "flags " + " ".join(flags)
    if attrs.persistence:
        yield f"persistent {attrs.persistence}s"
    if attrs.persistence_prefix != full_prefix:
        yield f"persistence prefix /{attrs.persistence_prefix}"
    if attrs.persistence_engine:
        yield f"persistence engine {attrs.persistence_engine}"


def _server_words(attrs: RealAttrs) -> Iterator[str]:
    yield f"{attrs.forward} {attrs.tunnel.type}" if attrs.forward is Forward.TUNNEL else str(attrs.forward)
    yield f"weight {attrs.weight}"
    if attrs.upper:
        yield f"thresholds {attrs.upper}/{attrs.lower}"


def _closing(once: Once, *, applied: bool) -> str:
    refused = sum(result is not None for result in once.results)
    counts = [counted(len(once.plan) - refused, "operation") + (" done" if applied else " to do")]
    counts += [f"{refused} refused by the kernel"] if refused else []
    counts += [f"{len(once.withheld)} withheld"] if once.withheld else []
    counts += [f"{counted(len(once.refused), 'service')} refused"] if once.refused else []
    settled = not once.plan and len(counts) == 1
    return "nothing to do: the table is as it ought to be" if settled else ", ".join(counts)


# --- for programs -------------------------------------------------------------------------------------------------


def document(once: Once, *, applied: bool) -> Json:
    """`lvsctl/v1`, kind Plan or Applied: the operations in the order in which they are, or were, carried out."""
    results = once.results or (None,) * len(once.plan)
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Applied" if applied else "Plan",
        "items": [
            {**_item(step), "result": _result(result) if applied else None}
            for step, result in zip(once.plan, results, strict=True)
        ],
        "withheld": [{**_item(step), "why": why} for step, why in once.withheld],
        "refused": [{"service": key_json(key), "why": why} for key, why in once.refused.items()],
        "schedulers": [
            {"wanted": event.wanted, "used": event.used, "services": list(event.services)} for event in once.schedulers
        ],
        "warnings": [str(problem) for problem in once.warnings],
    }


def _item(step: Step) -> Json:
    server = getattr(step.op, "server", None)
    return {
        "op": step.op.name,
        "service": key_json(step.op.service),
        "server": None if server is None else {"address": str(server.address), "port": server.port},
        "attrs": _attributes_json(step.op),
        "change": step.change,
        "reason": step.reason,
        "drift": step.drift,
    }


def _result(refusal: Refusal | None) -> Json:
    if refusal is None:
        return {"done": True}
    return {"done": False, "errno": refusal.errno, "message": refusal.message}


def _attributes_json(op: Op) -> Json | None:
    match op:
        case AddService(_, attrs) | EditService(_, attrs):
            return {
                "scheduler": attrs.scheduler,
                "flags": int(attrs.flags),
                "persistence": attrs.persistence,
                "persistence_prefix": attrs.persistence_prefix,
                "persistence_engine": attrs.persistence_engine,
            }
        case AddServer(_, _, real) | EditServer(_, _, real):
            tunnel = {"type": str(real.tunnel.type), "port": real.tunnel.port, "checksum": str(real.tunnel.checksum)}
            return {
                "forward": str(real.forward),
                "weight": real.weight,
                "upper": real.upper,
                "lower": real.lower,
                "tunnel": tunnel if real.forward is Forward.TUNNEL else None,
            }
        case DeleteService() | DeleteServer():
            return None
