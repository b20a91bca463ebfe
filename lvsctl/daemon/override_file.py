"""What operators ordered, as a file of the state directory.

`overrides.json`: {"version": 1, "overrides": [...]}, one object each as `_json` writes it. It is written whole, and is
on the disk when `save` comes back: whoever was told "drained" is not surprised by a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any

from lvsctl.daemon.state import write_down
from lvsctl.errors import LvsctlError
from lvsctl.model import Action, NewWeight, Override, OverrideSubject, PoolSubject, ServerSubject

Json = dict[str, Any]


def load(file: Path) -> tuple[Override, ...]:
    """What was saved, nothing if nothing was. Raises LvsctlError on a file that cannot be understood.

    To go on without it could send clients to a server that somebody has taken apart.
    """
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise LvsctlError(f"cannot read {file}: {error.strerror}") from error
    try:
        return tuple(_override(item) for item in json.loads(text)["overrides"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LvsctlError(
            f"{file} is damaged: move it away and start again; what was drained, disabled or given another weight is "
            "as conf.d says then, until it is ordered anew"
        ) from error


def save(file: Path, overrides: Iterable[Override]) -> None:
    """Write all of them down; raises LvsctlError if that fails, and the file is as it was."""
    document = {"version": 1, "overrides": [_json(override) for override in overrides]}
    write_down(file, json.dumps(document, indent=1) + "\n")


def _json(override: Override) -> Json:
    weight = override.weight
    return {
        "subject": _subject_json(override.subject),
        "action": str(override.action),
        "by": override.by,
        "reason": override.reason,
        "since": override.since,
        "until": override.until,
        "weight": None if weight is None else {"value": weight.value, "percent": weight.percent},
    }


def _subject_json(subject: OverrideSubject) -> Json:
    match subject:
        case PoolSubject(service, pool):
            return {"service": service, "pool": pool}
        case ServerSubject(in_service, address, port):
            return {"service": in_service, "address": str(address), "port": port}


def _override(value: Json) -> Override:
    """The inverse of `_json`; raises ValueError, KeyError or TypeError on anything else."""
    action, weight = Action(value["action"]), value["weight"]
    if (action is Action.WEIGHT) is (weight is None):
        raise ValueError("a weight and nothing else has a weight")
    return Override(
        _subject(value["subject"]),
        action,
        _text(value["by"]),
        _text(value["reason"]),
        _moment(value["since"]),
        None if value["until"] is None else _moment(value["until"]),
        None if weight is None else NewWeight(_whole(weight["value"]), weight["percent"] is True),
    )


def _subject(value: Json) -> OverrideSubject:
    if "pool" in value:
        return PoolSubject(_text(value["service"]), _text(value["pool"]))
    service, port = value["service"], value["port"]
    return ServerSubject(
        None if service is None else _text(service),
        ip_address(_text(value["address"])),
        None if port is None else _whole(port),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("no number")
    return value


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("no time")
    return float(value)
