"""The scalars of conf.d: durations, addresses, netmasks, shares. Each parser raises ValueError with the reason."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

from lvsctl.config.document import shown
from lvsctl.model import Address, Listener, Share
from lvsctl.model.moment import unix_time

MAX_DURATION = 31 * 86400.0  # what ipvsadm accepts for persistence; no timing needs more
MAX_PORT = 65535
SUGGESTED_METRICS_PORT = 10587  # 9100 to 9999 are all given to exporters, and 32768 and up to outgoing connections

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}  # in the order in which they may be combined
DURATION = r"(?=[0-9])" + "".join(rf"([0-9]{{1,12}}(\.[0-9]{{1,9}})?{unit})?" for unit in _SECONDS)
_PART = re.compile(r"([0-9.]+)([a-z]+)")
_ENDPOINT = re.compile(r"\[(?P<v6>[^\[\]]*)\](?::(?P<port6>.*))?|(?P<v4>[^:\[\]]*)(?::(?P<port4>[^:]*))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, with a port if one was written."""

    address: Address
    port: int | None


def duration(value: object) -> float:
    """Seconds in `500ms`, `2s`, `5m`, `1h30m`, `7d`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"`{shown(value)}` has no unit: write {shown(value)}s, {shown(value)}ms or {shown(value)}m")
    if not isinstance(value, str) or re.fullmatch(DURATION, value, re.ASCII) is None:
        raise ValueError(f"`{shown(value)}` is not a duration: write it like 500ms, 2s, 5m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
    if seconds > MAX_DURATION:
        raise ValueError(f"`{value}` is too long: at most 31 days (744h)")
    return round(seconds, 6)


def since(text: str, now: float) -> float:
    """Unix time of `1h` ago, or of a time as RFC 3339 writes it. now: Unix time."""
    with contextlib.suppress(ValueError):
        return now - duration(text)
    with contextlib.suppress(ValueError, OverflowError):
        return unix_time(text)
    raise ValueError(f"`{shown(text)}` is neither a duration like 1h nor a time like 2026-01-31T12:00Z")


def address(value: object) -> Address:
    """An IP address that a host can have; names are not resolved."""
    text = value if isinstance(value, str) else shown(value)
    try:
        parsed = ip_address(text)
    except ValueError:
        raise ValueError(f"`{shown(text)}` is not an IP address (names are not resolved)") from None
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        raise ValueError(f"`{shown(text)}` has a zone; write the address without `%{shown(parsed.scope_id)}`")
    if parsed.is_unspecified or parsed.is_multicast or parsed == IPv4Address("255.255.255.255"):
        raise ValueError(f"`{shown(text)}` is not the address of one host")
    if isinstance(parsed, IPv6Address) and parsed.is_link_local:
        raise ValueError(f"`{shown(text)}` is link-local, which says nothing without an interface; write a routed one")
    return parsed


def port(value: object) -> int:
    """A port from 0 to 65535, as a number or its digits."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 5) or int(text) > MAX_PORT:
        raise ValueError(f"`{shown(value)}` is not a port: write a number from 0 to {MAX_PORT}")
    return int(text)


def endpoint(value: object) -> Endpoint:
    """`10.0.0.1`, `10.0.0.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`."""
    text = value if isinstance(value, str) else shown(value)
    if text.count(":") > 1 and not text.startswith("["):
        try:
            return Endpoint(address(text), None)
        except ValueError as error:
            if "is not an IP address" not in str(error):  # it is one, but none that can stand here
                raise
            raise ValueError(f'{error}; an IPv6 address with a port is written "[2001:db8::1]:80"') from None
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise ValueError(f"`{shown(text)}` is not an address, or an address and a port like 192.0.2.1:80")
    host = address(match["v4"] if match["v6"] is None else match["v6"])
    if (host.version == 6) != (match["v6"] is not None):
        raise ValueError(f"`{shown(text)}`: only an IPv6 address stands in brackets")
    written = match["port6"] if match["port4"] is None else match["port4"]
    return Endpoint(host, None if written is None else port(written))


def listener(value: object) -> Listener:
    """`127.0.0.1:9100`, `[::1]:9100`; `0.0.0.0:9100` and `[::]:9100` are all addresses of this host."""
    text = value if isinstance(value, str) else shown(value)
    match = re.fullmatch(r"(0\.0\.0\.0|\[::\])(:.*)?", text)
    if match is not None:
        everywhere: Address = IPv4Address(0) if match[1] == "0.0.0.0" else IPv6Address(0)  # noqa: S104 - as written
        found = Endpoint(everywhere, port(match[2][1:]) if match[2] else None)
    elif text.lstrip(":").isdigit():
        raise ValueError(f"`{shown(text)}` has no address: write it like 127.0.0.1:{SUGGESTED_METRICS_PORT}")
    else:
        found = endpoint(text)
    if not found.port:
        raise ValueError(f"`{shown(text)}` has no port: write it like 127.0.0.1:{SUGGESTED_METRICS_PORT}")
    return Listener(found.address, found.port)


def prefix(value: object) -> int:
    """Length of a netmask: `24`, `255.255.255.0`."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 128:
        return value
    if isinstance(value, str) and value.count(".") == 3:
        try:
            length = IPv4Network(f"0.0.0.0/{value}").prefixlen
        except ValueError:
            length = 0
        if length and str(IPv4Network(f"0.0.0.0/{length}").netmask) == value:
            return length
    raise ValueError(f"`{shown(value)}` is not a netmask: write 255.255.255.0, or a prefix length like 24 or 64")


def share(value: object) -> Share:
    """`2`, `50%`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000:
        return Share(count=value)
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"`{shown(value)}` is not a number of servers such as 2, nor a share of them such as 50%")
    return Share(percent=float(match[1]))


def percent(value: object) -> Share:
    """`50%`, more than nothing and less than all."""
    try:
        found = share(value)
    except ValueError:
        found = Share()
    if not 0 < found.percent < 100:
        raise ValueError(f"`{shown(value)}` is not a share between 0% and 100%: write it like 50%")
    return found


def in_words(seconds: float) -> str:
    """`500ms`, `2s`: as it would be written in conf.d."""
    number, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit
