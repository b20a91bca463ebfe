"""Standard Webhooks 1.0: the headers that let a receiver know who sent a request, and when.

Source: the specification at standardwebhooks.com, "Signature scheme". A secret is `whsec_` and base64 of 24 to 64
bytes. With two secrets there are two signatures, so that a receiver may change from one to the other at any time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from lvsctl.model import Secret

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64


def key(secret: Secret) -> bytes:
    """The bytes of a signing secret. Raises ValueError, which says what one looks like and not what this one is."""
    text = secret.reveal().removeprefix(PREFIX)
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not SHORTEST <= len(found) <= LONGEST:
        raise ValueError(f"a signing secret is `{PREFIX}` and base64 of {SHORTEST} to {LONGEST} bytes")
    return found


def sign(body: bytes, *, message: str, at: float, secrets: Sequence[Secret]) -> dict[str, str]:
    """The headers for one attempt to send exactly these bytes; none without a secret.

    message: the notification's id, the same for every attempt. at: Unix time of this attempt.
    """
    if not secrets:
        return {}
    moment = str(int(at))
    signed = f"{message}.{moment}.".encode() + body
    signatures = (hmac.new(key(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures),
    }
