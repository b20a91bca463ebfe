"""tcp: the port accepts a connection and, if asked, a text sent brings the text expected.

Codes: L4OK connected, L4CON refused or unreachable, L4TOUT no connection in time; with `send` or `expect` also L7OK,
L7RSP another answer than the expected one, L7TOUT no such answer in time.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from healthchecks._match import Regex, Runaway, Wanted, matches, shown, wanted
from healthchecks._wire import Failed, Wire
from lvsctl import checkapi
from lvsctl.checkapi import Ask, Outcome

MAX_ANSWER = 16384
"""Bytes of an answer that are looked at; an expected text that has not come by then will not."""

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def to_bytes(text: str) -> bytes:
    r"""UTF-8, with \r \n \t \0 \\ and \xHH understood, so that a shell's or YAML's single quotes will do."""
    parts: list[bytes] = []
    end = 0
    for escape in _ESCAPE.finditer(text):
        parts.append(text[end : escape.start()].encode())
        parts.append(_unescaped(escape[1]))
        end = escape.end()
    return b"".join((*parts, text[end:].encode()))


def _unescaped(name: str) -> bytes:
    if len(name) == 3:
        return bytes.fromhex(name[1:])
    if name not in _PLAIN:
        raise ValueError(rf"unknown escape \{name}; known are \r \n \t \0 \\ \xHH")
    return _PLAIN[name]


def _escapes_known(text: str) -> str:
    to_bytes(text)
    return text


Text = Annotated[str, Field(min_length=1, max_length=MAX_ANSWER), AfterValidator(_escapes_known)]


class Params(checkapi.Params):
    """send: what is sent after connecting. expect, expect_regex: what must come back; either, not both."""

    send: Text | None = None
    expect: Text | None = None
    expect_regex: Regex | None = None

    @model_validator(mode="after")
    def _one_expectation(self) -> Params:
        if self.expect is not None and self.expect_regex is not None:
            raise ValueError("expect and expect_regex cannot both be given")
        return self

    @cached_property
    def sent(self) -> bytes:
        return to_bytes(self.send or "")

    @cached_property
    def wanted(self) -> Wanted | None:
        return wanted(to_bytes(self.expect) if self.expect is not None else None, self.expect_regex)


async def run(ask: Ask[Params]) -> Outcome:
    """Connect; send; read until the expected text has come, the far end closes or MAX_ANSWER bytes are read."""
    wire = Wire(ask)
    try:
        await wire.connect()
        if ask.params.send is None and ask.params.wanted is None:
            return ask.passed("L4OK", "connected")
        ask.timeout_code = "L7TOUT"
        return await _talk(ask, wire)
    except Failed as failure:
        return ask.failed(failure.code, failure.detail)
    except Runaway as error:
        return ask.failed("L7RSP", str(error))
    finally:
        wire.close()


async def _talk(ask: Ask[Params], wire: Wire) -> Outcome:
    params = ask.params
    if params.sent:
        await wire.send(params.sent)
        ask.note(f"sent {len(params.sent)} bytes")
    if params.wanted is None:
        return ask.passed("L7OK", f"connected, sent {len(params.sent)} bytes")
    answer = b""
    while len(answer) < MAX_ANSWER and (data := await wire.receive()):
        answer = (answer + data)[:MAX_ANSWER]
        ask.note(f"received {len(data)} bytes: {shown(data)}")
        if matches(params.wanted, answer):
            return ask.passed("L7OK", "the expected answer")
    return ask.failed("L7RSP", _disappointment(answer))


def _disappointment(answer: bytes) -> str:
    if not answer:
        return "closed without an answer"
    if len(answer) >= MAX_ANSWER:
        return f"not the expected answer in {MAX_ANSWER} bytes: {shown(answer)}"
    return f"not the expected answer: {shown(answer)}"


KIND = checkapi.Kind(
    name="tcp", summary="a port accepts connections and gives the expected answer", params=Params, run=run
)
