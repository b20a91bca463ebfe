"""Somebody else's kinds, with models that ours do not have: every mistake ends, and is laid at the right door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator, model_validator

from lvsctl.checkapi import Ask, Kind, Outcome, Params
from lvsctl.config.load import load
from lvsctl.errors import ConfigError


class Basic(BaseModel, extra="forbid", frozen=True):
    user: str
    password: str


class Bearer(BaseModel, extra="forbid", frozen=True):
    token: str


class Either(Params):
    auth: Basic | Bearer


class Rewriting(Params):
    auth: Bearer

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"auth": {"token": "x", "realm": value["auth"]}}


class Raising(Params):
    auth: str = ""

    @field_validator("auth")
    @classmethod
    def _look_up(cls, value: str) -> str:
        raise KeyError(value)


class RaisingAlways(Params):
    @model_validator(mode="before")
    @classmethod
    def _look_up(cls, value: Any) -> Any:
        raise KeyError(value)


async def never(ask: Ask[Params]) -> Outcome:
    raise AssertionError("the configuration asks nobody")


def said(params: type[Params], check: str, tmp_path: Path) -> list[str]:
    file = tmp_path / "odd.yaml"
    file.write_text(f"services: {{shop: {{address: '192.0.2.1:80', servers: [192.0.2.2], check: {check}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {"odd": Kind("odd", "", params, never)})
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.timeout(20)
def test_keys_of_two_alternatives_at_once(tmp_path: Path) -> None:
    """Each is unknown to the other alternative and misspelt in neither."""
    assert said(Either, "{odd: {auth: {user: x, token: y}}}", tmp_path) == [
        "services.shop.check.odd.auth: the key `password` is missing",
        "services.shop.check.odd.auth.user: the key `user` does not go with the others here",
        "services.shop.check.odd.auth.token: the key `token` does not go with the others here",
    ]


@pytest.mark.timeout(20)
def test_a_key_that_the_kind_itself_has_put_in(tmp_path: Path) -> None:
    assert said(Rewriting, "{odd: {auth: here}}", tmp_path) == [
        "services.shop.check.odd.auth: the key `realm` does not go with the others here"
    ]


@pytest.mark.parametrize("check", ["{odd: {auth: s3cret}}", "{odd: {}}", "odd"])
def test_a_validator_that_raises_what_it_should_not(check: str, tmp_path: Path) -> None:
    place = "services.shop.check" + ("" if check == "odd" else ".odd")
    params = Raising if "auth" in check else RaisingAlways
    assert said(params, check, tmp_path) == [
        f"{place}: the check kind `odd` is faulty (KeyError): tell its author",
    ]
