"""Signatures, verified by somebody else's implementation of Standard Webhooks."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from lvsctl.model import Secret
from lvsctl.notify.signing import key, sign

OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(64))).decode()
BODY = '{"grüße": "\\u0000 \U0001f600", "a":1}'.encode()


def test_a_signature_is_verified_by_others() -> None:
    headers = sign(BODY, message="n1", at=time.time(), secrets=[Secret(OLD)])
    Verifier(OLD).verify(BODY, headers)


@pytest.mark.parametrize("known", [OLD, NEW])
def test_while_two_secrets_rotate_a_receiver_may_know_either(known: str) -> None:
    headers = sign(BODY, message="n1", at=time.time(), secrets=[Secret(NEW), Secret(OLD)])
    assert len(headers["webhook-signature"].split(" ")) == 2
    Verifier(known).verify(BODY, headers)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"webhook-id": "n2"}, "another id"),
        ({"webhook-timestamp": str(int(time.time()) + 2)}, "another moment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_signed_cannot_be_changed(changed: dict[str, str], what: str) -> None:
    headers = sign(BODY, message="n1", at=time.time(), secrets=[Secret(OLD)])
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD).verify(BODY, headers | changed)
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD).verify(BODY + b" ", headers)


def test_the_example_of_the_specification() -> None:
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(b'{"test": 2432232314}', message="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, secrets=[secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed() -> None:
    assert sign(BODY, message="n1", at=0.0, secrets=[]) == {}


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_" + "!" * 40, "whsec_" + base64.b64encode(b"short").decode(), base64.b64encode(b"x" * 65)],
    ids=["nothing", "empty", "no base64", "too short", "too long"],
)
def test_what_is_no_signing_secret_is_not_repeated(text: str | bytes) -> None:
    text = text if isinstance(text, str) else text.decode()
    with pytest.raises(ValueError, match="whsec_") as refused:
        key(Secret(text))
    assert str(refused.value) == "a signing secret is `whsec_` and base64 of 24 to 64 bytes"


def test_padding_may_be_left_out() -> None:
    assert key(Secret("whsec_" + base64.b64encode(b"x" * 25).decode().rstrip("="))) == b"x" * 25
