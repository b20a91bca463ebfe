"""The scalars of `pair:`: interfaces, the addresses that move, those of routers, keys."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from lvsctl import model
from lvsctl.config import values
from lvsctl.config.alert_fields import Given, SecretText
from lvsctl.config.document import shown
from lvsctl.config.faults import OWN
from lvsctl.config.fields import ONE_OR_MANY, OrText, Some
from lvsctl.model import MAX_LABEL, Listener, VirtualAddress

SHORTEST_KEY = 16
"""Bytes."""

PEER_PORT = 10588
"""Where directors ask each other, by default."""


def _interface(value: str) -> str:
    """The kernel's rules for names (dev_valid_name)."""
    if not re.fullmatch(r"[^\s/:]+", value) or value in (".", "..") or len(value.encode()) > MAX_LABEL:
        raise ValueError(
            f"`{shown(value)}` is not the name of an interface: at most {MAX_LABEL} characters, no `/`, `:` or space"
        )
    return value


def _router(value: object) -> model.Address:
    """The address of a router on the link, which may be link-local."""
    text = value if isinstance(value, str) else shown(value)
    try:
        parsed = ip_address(text)
    except ValueError:
        raise ValueError(f"`{shown(text)}` is not an IP address (names are not resolved)") from None
    return _of_a_host(parsed, text)


def _virtual(value: object) -> VirtualAddress:
    """`192.0.2.20`, `192.0.2.20/24`, `fe80::20/64`."""
    text = value if isinstance(value, str) else shown(value)
    try:
        parsed = ip_interface(text)
    except ValueError:
        raise ValueError(f"`{shown(text)}` is not an address, alone or with its prefix like 192.0.2.20/24") from None
    _of_a_host(ip_address(text.partition("/")[0]), text)  # an interface's own answers are of its network
    network = parsed.network
    if network.prefixlen == 0:
        raise ValueError(f"`{shown(text)}` has the prefix of no network: write that of its own, or none")
    several = parsed.max_prefixlen - network.prefixlen > 1
    if several and parsed.ip == network.network_address:
        raise ValueError(f"`{shown(text)}` is a whole network: write the address of one host in it")
    if several and parsed.version == 4 and parsed.ip == network.broadcast_address:
        raise ValueError(f"`{shown(text)}` is its network's broadcast address: write the address of one host in it")
    return parsed


def _of_a_host(parsed: IPv4Address | IPv6Address, text: str) -> model.Address:
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        raise ValueError(f"`{shown(text)}` has a zone: write the address alone, the interface is said beside it")
    unfit = parsed.is_unspecified or parsed.is_multicast or parsed.is_loopback
    if unfit or parsed == IPv4Address("255.255.255.255"):
        raise ValueError(f"`{shown(text)}` is not the address of one host on a network")
    return parsed


def _group(value: object) -> model.Address:
    text = value if isinstance(value, str) else shown(value)
    try:
        parsed = ip_address(text)
    except ValueError:
        parsed = None
    if parsed is None or not parsed.is_multicast or getattr(parsed, "scope_id", None) is not None:
        raise ValueError(f"`{shown(text)}` is not a multicast address, such as 224.0.0.81")
    return parsed


def _key(given: Given) -> Given:
    if len(given.secret.reveal().encode()) < SHORTEST_KEY:
        message = f"is too short for a key: make one of at least {SHORTEST_KEY} bytes (openssl rand -base64 32)"
        raise PydanticCustomError(OWN, "{message}", {"message": message})
    return given


def _with_port(value: object) -> Listener:
    found = values.endpoint(value)
    if found.port == 0:
        raise ValueError(f"`{shown(value)}` has port 0: write another, or none for {PEER_PORT}")
    return Listener(found.address, found.port or PEER_PORT)


_TEXT = WithJsonSchema({"type": "string"})

InterfaceName: TypeAlias = Annotated[str, AfterValidator(_interface)]
RouterAddress: TypeAlias = Annotated[model.Address, PlainValidator(_router), _TEXT]
Moving: TypeAlias = Annotated[VirtualAddress, PlainValidator(_virtual), _TEXT]
GroupAddress: TypeAlias = Annotated[model.Address, PlainValidator(_group), _TEXT]
PeerEndpoint: TypeAlias = Annotated[Listener, PlainValidator(_with_port), _TEXT]
Key: TypeAlias = Annotated[SecretText, AfterValidator(_key)]
Keys: TypeAlias = Annotated[Some[tuple[Key, ...]], Field(max_length=2), ONE_OR_MANY, OrText()]
Penalty: TypeAlias = Annotated[int, Strict(), Field(ge=0, le=254)]
