"""Adverts on the wire: bytes to an `Advert` or the reason why it is refused, and back.

    RFC 9568, 5.2 (version 3)                      RFC 3768, 5.3 (version 2)
    0x31 | vrid | priority | count                 0x21 | vrid | priority | count
    interval in 1/100 s, 12 bits | checksum        authentication type | interval in s | checksum
    count addresses of 4 or 16 bytes               count addresses of 4 bytes, then 8 bytes of authentication

The checksum is the Internet's, over the message. IPv6 puts a pseudo header before it; version 3 over IPv4 does so
for keepalived and does not for RFC 9568: both are accepted. Version 2 never does.

Where this differs from the RFCs: unicast adverts may come with fewer hops left than 255 where the configuration says
so. keepalived leaves them unchecked unless `min_ttl` is given, and sends IPv6 ones with 64 unless `unicast_ttl` is
(2.2.7, seen). Version 2 with another interval is taken and learnt from, as in version 3, where
RFC 3768 discards it: two active directors are worse than a typing error. (keepalived discards it: where ours is the
stronger one, there are two.) So are other addresses than ours, which keepalived refuses and RFC 9568 leaves open. Both
are told as oddities. A password is what RFC 3768 has done away with
and users of keepalived still have.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lvsctl.model import Address, ChecksumForm, Family, Instance, VrrpVersion
from lvsctl.pair import seal
from lvsctl.pair.datagram import HOPS, PROTOCOL, Datagram
from lvsctl.pair.source import sender

GROUPS: Final[Mapping[Family, Address]] = {
    Family.INET: IPv4Address("224.0.0.18"),
    Family.INET6: IPv6Address("ff02::12"),
}
"""Where adverts go by multicast."""

_ADVERTISEMENT = 1  # the only type there is
_HEADER = struct.Struct("!BBBBHH")
_CHECKSUM = struct.Struct("!H")
_COUNT_AT = 3
_CHECKSUM_AT = 6
_AUTHENTICATION = 8  # bytes, at the end of version 2
_NO_PASSWORD, _PASSWORD = 0, 1
_MAX_INTERVAL = 0xFFF


class Refused(StrEnum):
    """Why a datagram is no advert for an instance. In brackets: the counter of keepalived that counts the same."""

    OWN = "own"  # it is our own
    HOPS = "hops"  # TTL or hop limit is below 255 (ip_ttl_err)
    LENGTH = "length"  # shorter or longer than it says (packet_len_err)
    VERSION = "version"
    TYPE = "type"  # not an advertisement (invalid_type_rcvd)
    VRID = "vrid"  # of another virtual router
    SOURCE = "source"  # not from one of the unicast peers, or of another family
    DESTINATION = "destination"  # unicast where multicast is spoken, or the reverse
    CHECKSUM = "checksum"
    INTERVAL = "interval"  # none at all (advert_interval_err)
    ADDRESSES = "no addresses"  # in version 3 (RFC 9568, 5.2.5)
    AUTH_TYPE = "authentication type"  # one that nobody defines (invalid_authtype)
    AUTH_MISMATCH = "authentication mismatch"  # not the one configured; sealed or not (authtype_mismatch)
    AUTH_FAILURE = "authentication failure"  # wrong password or seal (auth_failure)
    REPLAY = "replay"  # sealed, but not newer than the one before


class Oddity(StrEnum):
    """What of an advert is not as we are configured, and is taken all the same."""

    INTERVAL = "interval"  # (advert_interval_err)
    ADDRESSES = "addresses"  # (addr_list_err)


@dataclass(frozen=True, slots=True)
class Advert:
    """An advert of another router. interval: seconds. number: of its seal, 0 without one."""

    source: Address
    priority: int
    interval: float
    addresses: frozenset[Address] = frozenset()
    oddities: tuple[Oddity, ...] = ()
    number: int = 0


class Codec:
    """The adverts of one instance: prepared once, and without memory. Of a flood, most is refused by one comparison."""

    def __init__(self, me: Instance) -> None:
        self._me = me
        self._source = sender(me).packed
        self._peers = frozenset(peer.packed for peer in me.peers)
        self._heard_at = self._source if me.peers else GROUPS[me.family].packed
        self._sends_to = tuple(peer.packed for peer in me.peers) or (self._heard_at,)
        self._first = me.version << 4 | _ADVERTISEMENT
        self._addresses = b"".join(address.packed for address in me.addresses)
        self._address: type[IPv4Address | IPv6Address] = IPv4Address if me.family is Family.INET else IPv6Address
        self._size = len(self._source)
        self._ours = self._listed(self._addresses)
        self._units = 100 if me.version is VrrpVersion.V3 else 1  # of the interval, per second
        self._interval = round(me.interval * self._units)
        self._auth_type = _NO_PASSWORD if me.password is None else _PASSWORD
        self._password = (
            (me.password.reveal() if me.password else "").encode()[:_AUTHENTICATION].ljust(_AUTHENTICATION, b"\0")
        )
        self._keys = tuple(key.reveal().encode() for key in me.keys)
        self._fixed = _HEADER.size + (_AUTHENTICATION if me.version is VrrpVersion.V2 else 0)
        self._trailer = seal.SIZE if self._keys else 0
        self._least_hops = me.least_hops if me.peers else HOPS

    def encode(self, priority: int, number: int = 0) -> tuple[Datagram, ...]:
        """Our advert with this priority, for each destination. number: for the seal, if there are keys."""
        me = self._me
        word = self._interval if me.version is VrrpVersion.V3 else self._auth_type << 8 | self._interval
        head = _HEADER.pack(self._first, me.vrid, priority, len(me.addresses), word, 0)
        message = head + self._addresses + (self._password if me.version is VrrpVersion.V2 else b"")
        return tuple(self._to(destination, message, number) for destination in self._sends_to)

    def _to(self, destination: bytes, message: bytes, number: int) -> Datagram:
        me = self._me
        pseudo = me.family is Family.INET6 or (me.version is VrrpVersion.V3 and me.checksum is ChecksumForm.KEEPALIVED)
        total = int.from_bytes(message) + (_pseudo_header(message, self._source, destination) if pseudo else 0)
        checksum = _CHECKSUM.pack(-total % 0xFFFF)
        payload = message[:_CHECKSUM_AT] + checksum + message[_CHECKSUM_AT + _CHECKSUM.size :]
        if self._keys:
            payload = seal.seal(payload, source=self._source, key=self._keys[0], number=number)
        return Datagram(payload, self._source, destination, HOPS)

    def decode(self, datagram: Datagram, newest: Mapping[bytes, int] | None = None) -> Advert | Refused:
        """What was heard, or why it is refused. newest: the last number taken from each source (Advert.number)."""
        payload = datagram.payload
        refused = self._stranger(datagram)
        if refused:
            return refused
        _, _, priority, count, word, _ = _HEADER.unpack_from(payload)
        length = self._fixed + count * self._size
        if len(payload) != length + self._trailer:
            return Refused.AUTH_MISMATCH if len(payload) == length + seal.SIZE - self._trailer else Refused.LENGTH
        message = payload[:length]
        if not self._sums_up(message, datagram):
            return Refused.CHECKSUM
        refused = self._unauthenticated(message, word)
        if refused:
            return refused
        number = seal.unseal(payload, source=datagram.source, keys=self._keys) if self._keys else 0
        if number is None:
            return Refused.AUTH_FAILURE
        if self._keys and number <= (newest or {}).get(datagram.source, 0):
            return Refused.REPLAY
        return self._advert(message, datagram.source, priority, word, number)

    def _stranger(self, datagram: Datagram) -> Refused | None:
        """Why this is nothing for us, by what is cheap to see."""
        payload = datagram.payload
        if datagram.source == self._source:
            return Refused.OWN
        if datagram.hops < self._least_hops:
            return Refused.HOPS
        if len(payload) < _HEADER.size:
            return Refused.LENGTH
        if payload[0] != self._first:
            return Refused.TYPE if payload[0] >> 4 == self._me.version else Refused.VERSION
        if payload[1] != self._me.vrid:
            return Refused.VRID
        if len(datagram.source) != self._size or (self._peers and datagram.source not in self._peers):
            return Refused.SOURCE
        return None if datagram.destination == self._heard_at else Refused.DESTINATION

    def _sums_up(self, message: bytes, datagram: Datagram) -> bool:
        """One's complement: the sum of the 16-bit words, checksum included, is 0 modulo 2^16-1."""
        plain = int.from_bytes(message)
        if self._size == 4 and plain % 0xFFFF == 0:
            return True
        if self._me.version is VrrpVersion.V2:
            return False
        return (plain + _pseudo_header(message, datagram.source, datagram.destination)) % 0xFFFF == 0

    def _unauthenticated(self, message: bytes, word: int) -> Refused | None:
        if self._me.version is VrrpVersion.V3:
            return None
        kind = word >> 8
        if kind != self._auth_type:
            return Refused.AUTH_MISMATCH if kind in (_NO_PASSWORD, _PASSWORD) else Refused.AUTH_TYPE
        if kind == _PASSWORD and not hmac.compare_digest(message[-_AUTHENTICATION:], self._password):
            return Refused.AUTH_FAILURE
        return None

    def _advert(self, message: bytes, source: bytes, priority: int, word: int, number: int) -> Advert | Refused:
        units = word & (_MAX_INTERVAL if self._me.version is VrrpVersion.V3 else 0xFF)
        if not units:
            return Refused.INTERVAL
        if not message[_COUNT_AT] and self._me.version is VrrpVersion.V3:
            return Refused.ADDRESSES
        oddities = [] if units == self._interval else [Oddity.INTERVAL]
        addresses, listed = self._ours, message[_HEADER.size : _HEADER.size + message[_COUNT_AT] * self._size]
        if listed != self._addresses:
            addresses = self._listed(listed)
            oddities += [] if addresses == self._ours else [Oddity.ADDRESSES]
        return Advert(self._address(source), priority, units / self._units, addresses, tuple(oddities), number)

    def _listed(self, listed: bytes) -> frozenset[Address]:
        size = self._size
        return frozenset(self._address(listed[at : at + size]) for at in range(0, len(listed), size))


def _pseudo_header(message: bytes, source: bytes, destination: bytes) -> int:
    """What it adds to the sum: addresses, length and protocol, whatever its layout (RFC 8200, 8.1; RFC 793, 3.1)."""
    return int.from_bytes(source) + int.from_bytes(destination) + len(message) + PROTOCOL
