"""What operators ordered, and what of it was ended, as a file of the state directory.

`overrides.json`: {"version": 2, "counter": N, "overrides": [...], "ended": [...]}, one object each as `word_json`
writes it: what holds, and what is only known to have been ended. Version 1 had the orders alone, without stamps; it is
still read, and a lvsctl that knows only version 1 finds the orders of version 2. It is written whole, and is on the
disk when `save` comes back: whoever was told "drained" is not surprised by a restart.
"""

from __future__ import annotations

import hashlib
import json
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any

from lvsctl.daemon.state import write_down
from lvsctl.decide.ledger import Ledger
from lvsctl.errors import LvsctlError
from lvsctl.model import Action, NewWeight, Override, OverrideSubject, PoolSubject, ServerSubject, Stamp, Word

Json = dict[str, Any]

HIGHEST = 2**53
"""Above every counter: JSON numbers are exact up to here."""


def load(file: Path) -> Ledger:
    """What was saved, nothing if nothing was. Raises LvsctlError on a file that cannot be understood.

    To go on without it could send clients to a server that somebody has taken apart.
    """
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        raise LvsctlError(f"cannot read {file}: {error.strerror}") from error
    try:
        return _ledger(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LvsctlError(
            f"{file} is damaged: move it away and start again; what was drained, disabled or given another weight is "
            "as conf.d says then, until it is ordered anew"
        ) from error


def save(file: Path, ledger: Ledger) -> None:
    """Write all of it down; raises LvsctlError if that fails, and the file is as it was."""
    words = sorted(ledger.words.values(), key=lambda word: word.stamp)
    document = {
        "version": 2,
        "counter": ledger.counter,
        "overrides": [word_json(word) for word in words if word.order is not None],
        "ended": [word_json(word) for word in words if word.order is None],
    }
    write_down(file, json.dumps(document, indent=1) + "\n")


def _ledger(document: Json) -> Ledger:
    if document["version"] == 1:
        words = [_first_version(item, number) for number, item in enumerate(document["overrides"], start=1)]
        return Ledger({word.subject: word for word in words}, len(words))
    words = [word_from_json(item) for item in (*document["overrides"], *document["ended"])]
    newest = max((word.stamp.counter for word in words), default=0)
    return Ledger({word.subject: word for word in words}, max(_whole(document["counter"]), newest))


def _first_version(value: Json, number: int) -> Word:
    """Of version 1, with a stamp that is the same at every start, and another than the peer's are."""
    order = _override(value)
    origin = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
    return Word(order.subject, Stamp(number, origin), order, order.since)


def word_json(word: Word) -> Json:
    """The subject, what was ordered of it if anything, and the stamp; as the file and the peer are told."""
    told: Json = {"subject": _subject_json(word.subject)} if word.order is None else _json(word.order)
    end = {"ended": word.at, "ended_by": word.by} if word.order is None else {}
    return told | end | {"stamp": [word.stamp.counter, word.stamp.origin], "director": word.director}


def word_from_json(value: Json) -> Word:
    """The inverse of `word_json`; raises ValueError, KeyError or TypeError on anything else."""
    counter, origin = value["stamp"]
    if not _whole(counter) < HIGHEST:
        raise ValueError("no counter")
    stamp, director = Stamp(counter, _text(origin)), _text(value["director"])
    if "ended" in value:
        at, by = _moment(value["ended"]), _text(value["ended_by"])
        return Word(_subject(value["subject"]), stamp, None, at, by, director)
    order = _override(value)
    return Word(order.subject, stamp, order, order.since, director=director)


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
