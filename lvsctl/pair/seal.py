"""A seal on unicast adverts, our own addition: who has the key sent this one, from this address, after all before.

RFC 9568 has no authentication (section 9 says why: whoever is on the link can do worse). Over unicast, where adverts
may be routed, a seal keeps strangers from forging them. It is 24 bytes behind the advert: a number (8, big endian) and
the first 16 bytes of HMAC-SHA256 over a label, the source, the advert and the number. It hides nothing.

The number is greater in every advert of a sender, over restarts too: the speaker counts up from the greater of the
wall clock in microseconds and what it has written down. The clock's jumps therefore do no harm while it runs.

Limits. The receiver knows the newest number only from what it has heard since it started: until the sender's next
advert, it takes a recorded one. Who can delay or drop packets can still do so. keepalived takes no sealed adverts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

SIZE = 24

_NUMBER = 8
_MAC = SIZE - _NUMBER
_LABEL = b"lvsctl vrrp seal 1"


def seal(payload: bytes, *, source: bytes, key: bytes, number: int) -> bytes:
    """The advert with its seal. number: 1 to 2^64-1."""
    counted = payload + number.to_bytes(_NUMBER, "big")
    return counted + _mac(key, source, counted)


def unseal(sealed: bytes, *, source: bytes, keys: Sequence[bytes]) -> int | None:
    """The number of a sealed advert; None if none of the keys has made the seal."""
    counted, mac = sealed[:-_MAC], sealed[-_MAC:]
    if any(hmac.compare_digest(mac, _mac(key, source, counted)) for key in keys):
        return int.from_bytes(counted[-_NUMBER:], "big")
    return None


def _mac(key: bytes, source: bytes, counted: bytes) -> bytes:
    return hmac.digest(key, _LABEL + bytes([len(source)]) + source + counted, hashlib.sha256)[:_MAC]
