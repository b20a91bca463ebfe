"""Check kinds for tests of the configuration: they say what may be written, and are never run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydantic import Field, SecretStr, field_validator

from lvsctl.checkapi import AnyKind, Ask, Kind, Outcome, Params


class Http(Params):
    path: str = "/"
    status: int = Field(200, ge=100, le=599)
    headers: tuple[str, ...] = ()
    token: SecretStr | None = None
    body: str | None = None

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError(f"a path starts with `/`, and {value!r} does not")
        return value


class Tcp(Params):
    send: str | None = None


class Exec(Params):
    command: tuple[str, ...]


async def _never(ask: Ask[Params]) -> Outcome:
    raise AssertionError("the configuration asks nobody")


@cache
def kinds() -> Mapping[str, AnyKind]:
    return {
        "http": Kind(name="http", summary="ask for a page", params=Http, run=_never, usual_port=lambda _: 80),
        "tcp": Kind(name="tcp", summary="connect", params=Tcp, run=_never),
        "exec": Kind(name="exec", summary="run a program", params=Exec, run=_never, usual_port=lambda _: 0),
    }
