"""The kernel's table as Debian's ipvsadm 1.31 prints it with `-L -n`, byte for byte.

Its order is part of that: it compares addresses and marks by a 32-bit difference that can wrap (192.0.2.1 comes before
10.0.0.1, and with 100.64.0.1 between them there is no order at all), so the outcome depends on the order in which the
kernel lists them and on glibc's qsort, which is a merge sort. Hence both are done here in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import unpack
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

_FORWARD = {"masquerade": "Masq", "route": "Route", "tunnel": "Tunnel", "local": "Local"}
_PROTOCOL = {"tcp": 6, "udp": 17, "sctp": 132}
_ONE_PACKET = 0x4
_SCHEDULER_FLAGS = (0x8, 0x10, 0x20)
_FLAG_NAMES = {"sh": ("sh-fallback", "sh-port"), "mh": ("mh-fallback", "mh-port")}
_NO_FLAG_NAMES = ("flag-1", "flag-2", "flag-3")


def render(table: list[Json], *, version: str, size: int) -> str:
    """`ipvsadm -L -n`. table: of the status document, services in the kernel's order; size: of the connection table."""
    return f"IP Virtual Server version {version} (size={size})\n" + listing(table)


def listing(table: list[Json]) -> str:
    """What `ipvsadm -L -n` prints below its first line; with one service, `ipvsadm -L -n -t ADDRESS:PORT` itself."""
    lines = [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    ]
    for service in merge_sorted(table, _compare_services):
        lines.append(_service(service))
        newest_first = service["servers"][::-1]  # as the kernel lists them; the document has the order of adding
        lines += map(_server, merge_sorted(newest_first, _compare_servers))
    return "\n".join(lines) + "\n"


def _service(service: Json) -> str:
    key = service["key"]
    if key["kind"] == "mark":
        ipv6 = key["family"] == "inet6"
        where = f"FWM  {_signed(key['mark'])}" + (" IPv6" if ipv6 else "")
    else:
        ipv6 = ":" in key["address"]
        where = f"{key['protocol'].upper():<4} {_endpoint(key)}"
    words = [where, service["scheduler"], *_scheduler_flags(service)]
    if service["persistence"]:
        words.append(f"persistent {service['persistence']}")
        if service["persistence_prefix"] != (128 if ipv6 else 32):
            words.append(f"mask {_mask(service['persistence_prefix'], ipv6=ipv6)}")
    if service["persistence_engine"]:
        words.append(f"pe {service['persistence_engine']}")
    if service["flags"] & _ONE_PACKET:
        words.append("ops")
    return " ".join(words)


def _scheduler_flags(service: Json) -> list[str]:
    """The names of the scheduler's flags in parentheses; sh and mh have no name for the third."""
    on = [bool(service["flags"] & bit) for bit in _SCHEDULER_FLAGS]
    names = _FLAG_NAMES.get(service["scheduler"], _NO_FLAG_NAMES)
    return [f"({','.join(name for name, is_on in zip(names, on, strict=False) if is_on)})"] if any(on) else []


def _server(server: Json) -> str:
    forward = _FORWARD[server["forward"]]
    counts = f"{server['weight']:<6d} {server['active']:<10d} {server['inactive']:<10d}"
    return f"  -> {_endpoint(server):<28} {forward:<7} {counts}"


def _endpoint(value: Json) -> str:
    address, port = value["address"], value["port"]
    if ":" not in address:
        return f"{address}:{port}"
    return f"[{inet_ntop(AF_INET6, inet_pton(AF_INET6, address))}]:{port}"  # ::1.2.3.4, where Python has ::102:304


def _mask(prefix: int, *, ipv6: bool) -> str:
    return str(prefix) if ipv6 else inet_ntop(AF_INET, (0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF).to_bytes(4, "big"))


# --- ipvsadm's order ----------------------------------------------------------------------------------------------


def _compare_services(one: Json, other: Json) -> int:
    return _first_difference(_rank(one["key"]), _rank(other["key"]))


def _compare_servers(one: Json, other: Json) -> int:
    """By address, as many words of it as the first one's family has; then by port."""
    mine, others = _words(one["address"]), _words(other["address"])
    if ":" not in one["address"]:
        mine, others = mine[:1], others[:1]
    return _first_difference([*mine, one["port"]], [*others, other["port"]])


def _rank(key: Json) -> list[int]:
    """Mark, family, protocol, address and port; services without a mark have mark 0 and come between."""
    if key["kind"] == "mark":
        return [key["mark"], AF_INET6 if key["family"] == "inet6" else AF_INET]
    family = AF_INET6 if ":" in key["address"] else AF_INET
    return [0, family, _PROTOCOL[key["protocol"]], *_words(key["address"]), key["port"]]


def _words(address: str) -> list[int]:
    """The address as four numbers of 32 bits; an IPv4 address is the first."""
    if ":" in address:
        return list(unpack("!4I", inet_pton(AF_INET6, address)))
    return [*unpack("!I", inet_pton(AF_INET, address)), 0, 0, 0]


def _first_difference(one: list[int], other: list[int]) -> int:
    return next((_signed(a - b) for a, b in zip(one, other, strict=False) if a != b), 0)


def _signed(number: int) -> int:
    """The number as a C program prints it that takes its low 32 bits for an int."""
    return (number + 0x80000000) % 0x100000000 - 0x80000000


def merge_sorted(items: list[T], compare: Callable[[T, T], int]) -> list[T]:
    """Merge sort with the first half the smaller one: where `compare` is no order, the outcome is still glibc's."""
    if len(items) < 2:
        return items
    half = len(items) // 2
    left, right = merge_sorted(items[:half], compare), merge_sorted(items[half:], compare)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
