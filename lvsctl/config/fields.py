"""The building blocks of the grammar: mappings and scalars as pydantic types, with their JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from lvsctl import model
from lvsctl.config import values
from lvsctl.config.document import shown

T = TypeVar("T")
S = TypeVar("S", bound=Sized)

MIN_TIMING = 0.01


def _without_null(schema: dict[str, Any]) -> None:
    """An absent key is absent: `Maybe` fields do not accept null, so the published schema does not offer it."""
    for prop in schema.get("properties", {}).values():
        if prop.get("default", 0) is None:
            del prop["default"]
        kept = [branch for branch in prop.get("anyOf", []) if branch != {"type": "null"}]
        if len(kept) == 1:
            del prop["anyOf"]
            prop.update(kept[0])
        elif kept:
            prop["anyOf"] = kept


class Form(BaseModel):
    """A mapping of conf.d."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_null)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _written(value: Any) -> Any:
    """A key without a value is a slip, not a way to say "default"."""
    if value is None:
        raise ValueError("has no value: write one, or leave the key out")
    return value


def _some(value: S) -> S:
    if not value:
        raise ValueError("is empty: write at least one, or remove it")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", value):
        raise ValueError(f"`{shown(value)}` is not a name: use letters, digits, `_`, `-` and `.`, at most 63")
    return value


def _not_none(value: str) -> str:
    if value == "none":
        raise ValueError("`none` means no check at all: give this check another name")
    return value


def _no_address(value: str) -> str:
    try:
        values.address(value)
    except ValueError:
        return value
    raise ValueError(f"`{value}` is an address, and a name is to be told from one: write a word")


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError(f"`{shown(value)}` is not a whole path: begin it with /")
    return value


def _scheduler(value: str) -> str:
    """The kernel keeps the name in 16 bytes, and asks modprobe for ip_vs_NAME."""
    if not re.fullmatch(r"[a-z0-9_]{1,15}", value):
        raise ValueError(f"`{shown(value)}` is not the name of a scheduler, such as wlc, rr, mh or hprio")
    return value


def _not_too_short(value: float) -> float:
    if value < MIN_TIMING:
        raise ValueError("is too short: at least 10ms")
    return value


def _whole_seconds(value: float) -> int:
    if value != int(value):
        raise ValueError("must be whole seconds: the kernel counts persistence in them")
    return int(value)


@dataclass(frozen=True, slots=True)
class OrText:
    """Tells the JSON Schema that a string may stand for the mapping."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


@dataclass(frozen=True, slots=True)
class OrTexts:
    """Tells the JSON Schema that a string, or a list of them, may stand for the mapping."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        text = {"type": "string"}
        return {"anyOf": [text, {"type": "array", "items": text}, handler(core)]}


ONE_OR_MANY = BeforeValidator(_one_or_many)
"""A text stands for a list of one."""

_DURATION = WithJsonSchema({"type": "string", "pattern": f"^{values.DURATION}$"})

Maybe: TypeAlias = Annotated[T | None, BeforeValidator(_written)]
Some: TypeAlias = Annotated[S, AfterValidator(_some)]
Directory: TypeAlias = Annotated[str, AfterValidator(_absolute)]
Name: TypeAlias = Annotated[str, AfterValidator(_name)]
ServerName: TypeAlias = Annotated[Name, AfterValidator(_no_address)]
CheckName: TypeAlias = Annotated[Name, AfterValidator(_not_none)]
Scheduler: TypeAlias = Annotated[str, AfterValidator(_scheduler)]
Boolean: TypeAlias = Annotated[bool, Strict()]
Weight: TypeAlias = Annotated[int, Strict(), Field(ge=0, le=model.MAX_WEIGHT)]
Threshold: TypeAlias = Annotated[int, Strict(), Field(ge=0, le=model.MAX_THRESHOLD)]
Streak: TypeAlias = Annotated[int, Strict(), Field(ge=1, le=1000)]
Mark: TypeAlias = Annotated[int, Strict(), Field(ge=1, le=2**32 - 1)]
Timing: TypeAlias = Annotated[float, PlainValidator(values.duration), AfterValidator(_not_too_short), _DURATION]
Pause: TypeAlias = Annotated[float, PlainValidator(values.duration), _DURATION]
Persistence: TypeAlias = Annotated[int, PlainValidator(values.duration), AfterValidator(_whole_seconds), _DURATION]
Port: TypeAlias = Annotated[
    int, PlainValidator(values.port), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": values.MAX_PORT})
]
Address: TypeAlias = Annotated[model.Address, PlainValidator(values.address), WithJsonSchema({"type": "string"})]
Endpoint: TypeAlias = Annotated[values.Endpoint, PlainValidator(values.endpoint), WithJsonSchema({"type": "string"})]
Listener: TypeAlias = Annotated[model.Listener, PlainValidator(values.listener), WithJsonSchema({"type": "string"})]
Netmask: TypeAlias = Annotated[
    int,
    PlainValidator(values.prefix),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1, "maximum": 128}]}),
]
Percent: TypeAlias = Annotated[
    model.Share, PlainValidator(values.percent), WithJsonSchema({"type": "string", "pattern": "%$"})
]
Share: TypeAlias = Annotated[
    model.Share,
    PlainValidator(values.share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "%$"}, {"type": "integer", "minimum": 0}]}),
]
