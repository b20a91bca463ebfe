"""What two directors say to one another, as bytes, and how they know that it was said by the other, and now.

A question is `GET /v1/opinion?names=TOKEN&...` with a random nonce and a seal; the answer is JSON with a seal over the
nonce and the body. A seal is HMAC-SHA256 in hexadecimal: made with the first key, taken with any, so that keys can be
replaced one director after the other. As the answer is bound to a nonce that nobody has seen before, a recorded one is
worth nothing, and no clock is trusted; a recorded question gives away no more than listening does. The origin - random
for each run - shows when an answer is this director's own, thrown back. Nothing is hidden: who must not read along
needs IPsec or WireGuard between the directors.

What seldom changes is in parts, each with a token of its content: a part whose token the question names is left out.
`names`: {service: [server, ...]}; `verdicts`: one letter for each of them (see decide/verdicts.py); `services`:
{service: state}; `words`: what operators ordered (see daemon/override_file.py).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lvsctl.model import InstanceStanding, Role, Secret

PATH = "/v1/opinion"
NONCE = "X-Lvsctl-Nonce"
SEAL = "X-Lvsctl-Seal"
PARTS = ("names", "verdicts", "services", "words")

LARGEST = 16 * 1024 * 1024
"""Bytes of an answer: a hundred times what ten thousand servers take."""

_QUESTION, _ANSWER = b"lvsctl opinion 1 question\n", b"lvsctl opinion 1 answer\n"
_TOKEN = 32  # characters: half of a SHA-256, as nothing but an accident makes two alike


@dataclass(frozen=True, slots=True)
class Part:
    """One part. text: JSON."""

    token: str
    text: str


def part_of(value: object) -> Part:
    """A value as a part."""
    text = json.dumps(value, separators=(",", ":"))
    return Part(hashlib.sha256(text.encode()).hexdigest()[:_TOKEN], text)


def body_of(head: Mapping[str, object], parts: Mapping[str, Part], known: Mapping[str, str]) -> bytes:
    """An answer without the parts that are known. head: all of `Answer` but tokens and parts."""
    tokens = {name: part.token for name, part in parts.items()}
    told = ",".join(f'"{name}":{part.text}' for name, part in parts.items() if known.get(name) != part.token)
    return f'{json.dumps({**head, "tokens": tokens})[:-1]},"parts":{{{told}}}}}'.encode()


# --- seals ------------------------------------------------------------------------------------------------------


def seal_question(target: str, nonce: str, keys: Sequence[Secret]) -> str:
    """target: path and query, as they are sent."""
    return _seal(_QUESTION, nonce, target.encode(), keys[0])


def is_question(target: str, nonce: str, seal: str, keys: Sequence[Secret]) -> bool:
    """Whether somebody who has one of the keys asks this."""
    return _is_sealed(_QUESTION, nonce, target.encode("utf-8", "surrogateescape"), seal, keys)


def seal_answer(body: bytes, nonce: str, keys: Sequence[Secret]) -> str:
    """nonce: of the question."""
    return _seal(_ANSWER, nonce, body, keys[0])


def is_answer(body: bytes, nonce: str, seal: str, keys: Sequence[Secret]) -> bool:
    """Whether somebody who has one of the keys answers this to the question with the nonce."""
    return _is_sealed(_ANSWER, nonce, body, seal, keys)


def _seal(label: bytes, nonce: str, said: bytes, key: Secret) -> str:
    counted = label + nonce.encode("utf-8", "surrogateescape") + b"\n" + said
    return hmac.digest(key.reveal().encode(), counted, hashlib.sha256).hex()


def _is_sealed(label: bytes, nonce: str, said: bytes, seal: str, keys: Sequence[Secret]) -> bool:
    given = seal.encode("utf-8", "surrogateescape")
    return any(hmac.compare_digest(_seal(label, nonce, said, key).encode(), given) for key in keys)


# --- answers ----------------------------------------------------------------------------------------------------


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)  # a newer lvsctl may say more


class Instance(_Said):
    """How the peer stands in one instance of the pair."""

    name: str
    role: Role | None
    priority: int

    @property
    def standing(self) -> InstanceStanding:
        return InstanceStanding(self.name, self.role, self.priority)


class Parts(_Said):
    """Those that the question did not know."""

    names: dict[str, list[str]] | None = None
    verdicts: str | None = None
    services: dict[str, str] | None = None
    words: list[dict[str, Any]] | None = None


class Answer(_Said):
    """All that a director says.

    origin: of this run, unlike every other. director: its host. today: Unix time there. blind: see Digest.
    """

    wire: Literal[1]
    origin: str
    director: str
    version: str
    today: Annotated[float, Field(allow_inf_nan=False)]
    blind: str
    instances: list[Instance]
    tokens: dict[str, str]
    parts: Parts
