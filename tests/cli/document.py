"""Parts of the status document, to build one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def key(address: str, port: int = 80, protocol: str = "tcp") -> Json:
    return {"kind": "address", "address": address, "port": port, "protocol": protocol}


def mark(number: int, family: str = "inet") -> Json:
    return {"kind": "mark", "mark": number, "family": family}


def entry(key: Json, *servers: Json, **attributes: Any) -> Json:
    prefix = 128 if ":" in key.get("address", "") or key.get("family") == "inet6" else 32
    defaults = {"scheduler": "rr", "flags": 0, "persistence": 0, "persistence_prefix": prefix}
    return {"key": key, **defaults, "persistence_engine": "", "servers": list(servers), **attributes}


def real(address: str, port: int = 80, **attributes: Any) -> Json:
    counts = {"active": 0, "inactive": 0, "persistent": 0}
    defaults = {"forward": "masquerade", "weight": 1, "upper": 0, "lower": 0, **counts}
    return {"address": address, "port": port, **defaults, **attributes}


def server(address: str, **attributes: Any) -> Json:
    return {
        "address": address,
        "port": 80,
        "health": "up",
        "reason": "L7OK 200 OK",
        "latency": 0.0031,
        "since": "2026-11-22T09:00:00.000Z",
        "in_table": True,
        "weight": 5,
        "weight_configured": 5,
        "upper": 50,
        "lower": 20,
        "active": 12,
        "inactive": 3,
        "persistent": 1,
        "why": "up: L7OK 200 OK",
        **attributes,
    }


def service(name: str = "shop", **attributes: Any) -> Json:
    spare = server("192.0.2.13", weight=1, weight_configured=1, upper=0, lower=0, active=0, inactive=0)
    return {
        "name": name,
        "key": key("192.0.2.20"),
        "scheduler": {"wanted": "hprio", "used": "hprio", "reason": ""},
        "state": "ok",
        "reason": "configuration",
        "persistent": 150,
        "pools": [
            {"name": "service", "active": True, "servers": [server("192.0.2.21"), server("192.0.2.22")]},
            {"name": "spillover", "active": True, "servers": [spare]},
        ],
        **attributes,
    }


def status(*services: Json, **attributes: Any) -> Json:
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Status",
        "version": "0.1.0",
        "pid": 4711,
        "started": "2026-11-22T09:00:00.000Z",
        "ready": True,
        "config": {
            "path": "/etc/lvsctl/conf.d",
            "loaded": "2026-11-22T09:00:00.000Z",
            "reload_ok": True,
            "problems": [],
        },
        "kernel": {"version": "1.2.1", "table_size": 4096},
        "round": {
            "number": 12,
            "at": "2026-11-22T09:01:00.000Z",
            "error": None,
            "refused": [],
            "withheld": [],
            "drift": [],
        },
        "services": list(services),
        "foreign": [],
        "table": [],
        **attributes,
    }


def instance(name: str = "web4", **attributes: Any) -> Json:
    return {
        "name": name,
        "role": "active",
        "since": "2026-11-22T18:28:14.980Z",
        "why": "nobody was heard for 3.6 s",
        "priority": 150,
        "base": 150,
        "reasons": [],
        "interface": "eth0",
        "addresses": ["192.0.2.20/24"],
        "neighbour": None,
        "faults": [],
        "peer": {"role": "standby", "priority": 120},
        "counts": {"sent": 12, "heard": 3},
        "refused": {},
        "odd": {},
        **attributes,
    }


def peer(**attributes: Any) -> Json:
    return {
        "address": "192.0.2.3:10588",
        "heard": 0.42,
        "lost": "",
        "deaf": "",
        "version": "0.1.0",
        "blind": "",
        "common": 12,
        "here": 12,
        "there": 12,
        "disagreements": [],
        "services": {"shop": "ok"},
        "lowering": {"penalty": 0, "why": ""},
        "skew": 0.01,
        "counts": {"asked": 12},
        **attributes,
    }


def pair(*instances: Json, **attributes: Any) -> Json:
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Pair",
        "provider": "vrrp",
        "standby": "program",
        "role": "active",
        "resting": False,
        "trouble": "",
        "attention": [],
        "objections": [],
        "instances": list(instances) or [instance()],
        "sync": {"interface": "eth1", "id": 1, "wanted": ["master"], "running": [], "trouble": ""},
        "peer": peer(),
        "hooks": [],
        **attributes,
    }


def paired(role: str | None, *, resting: bool = False, attention: Sequence[str] = (), **roles: str | None) -> Json:
    """What the status has of a pair. roles: of its instances, by name."""
    instances = [{"name": name, "role": role} for name, role in roles.items()]
    alike = {"provider": "vrrp", "resting": resting, "attention": list(attention)}
    return {"role": role, "instances": instances, **alike}
