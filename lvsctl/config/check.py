"""The grammar of a check: one kind with its parameters, when to ask, and whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from lvsctl.checkapi import AnyKind, Params
from lvsctl.config.faults import fault, faults_of, raise_faults
from lvsctl.config.fields import Address, Form, Maybe, Port, Streak, Timing
from lvsctl.config.secrets import reveal
from lvsctl.config.wording import faulty_kind

CHECK_MARK = {"$comment": "a check"}  # stands in the generated schema where json_schema puts the definition


class Timings(Form):
    interval: Maybe[Timing] = Field(None, description="Time between two probes. Default 2s.")
    timeout: Maybe[Timing] = Field(None, description="One deadline for a whole probe. Default 1s.")
    rise: Maybe[Streak] = Field(None, description="Passes in a row that bring a server up. Default 2.")
    fall: Maybe[Streak] = Field(None, description="Failures in a row that take a server down. Default 3.")
    fast_interval: Maybe[Timing] = Field(None, description="Interval while a verdict is in transition.")
    down_interval: Maybe[Timing] = Field(None, description="Interval while the server is down.")


class CheckKeys(Timings):
    """One question. The installed kinds are added as keys of their own by `grammar`."""

    port: Maybe[Port] = Field(None, description="Ask this port instead of the server's.")
    address: Maybe[Address] = Field(None, description="Ask this address instead of the server's.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A check as written. secrets: those in its parameters, for an id that depends on them and does not tell them."""

    keys: CheckKeys
    kind: str
    params: Params
    secrets: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar for a set of installed kinds. check: the model of a check mapping; kinds: name to kind."""

    check: type[CheckKeys]
    kinds: Mapping[str, AnyKind]


def grammar(kinds: Mapping[str, AnyKind]) -> Grammar:
    """Add the installed kinds to the keys of a check. Fields are numbered: a kind may have any name."""
    fields: dict[str, Any] = {
        f"kind_{number}": (
            Annotated[kind.params | None, BeforeValidator(lambda value: {} if value is None else value)],
            Field(None, alias=name, description=kind.summary),
        )
        for number, (name, kind) in enumerate(sorted(kinds.items()))
    }
    return Grammar(create_model("Check", __base__=CheckKeys, __doc__="One question to a server.", **fields), kinds)


def _check(value: Any, info: ValidationInfo) -> str | Asked:
    """A name, or a mapping with one kind and its timings."""
    if value == "none":
        raise ValueError("`none` means no check at all: it cannot stand here")
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a check: a name, or a mapping such as {tcp: {}, interval: 2s}")
    context = info.context
    assert isinstance(context, Grammar)  # noqa: S101 - schema.parse hands it in
    named = [key for key in value if key in context.kinds]
    revealed = {name: reveal(value[name]) for name in named}
    found = [fault((name, *path), why) for name in named for path, why in revealed[name].failures]
    keys = None
    try:
        keys = context.check.model_validate({**value, **{name: revealed[name].value for name in named}})
    except ValidationError as error:
        unresolved = [details["loc"] for details in found]
        found += [details for details in faults_of(error) if details["loc"] not in unresolved]
    except Exception as error:  # whatever the validators of somebody's kind raise
        found += [fault((name,), faulty_kind(name, type(error).__name__)) for name in named]
    if not found and len(named) != 1:
        found.append(fault((), _not_one_kind(named, context.kinds)))
    if found or keys is None:
        raise_faults(found)
    (kind,) = named
    return Asked(keys, kind, _params(keys, kind), revealed[kind].secrets)


def _params(keys: CheckKeys, kind: str) -> Params:
    by_alias = {info.alias: name for name, info in type(keys).model_fields.items()}
    params: Params = getattr(keys, by_alias[kind])
    return params


def _not_one_kind(named: list[str], kinds: Mapping[str, AnyKind]) -> str:
    if named:
        both = " and ".join(f"`{name}`" for name in named)
        return f"asks {both} at once: write a list of checks, one kind each"
    return f"does not say what to ask: add one of {', '.join(sorted(kinds)) or '(no check kind is installed)'}"


def _check_list(value: Any) -> Any:
    if value == "none":
        return []
    if value == []:
        raise ValueError("is empty: write `none` if these servers are not to be checked")
    return value if isinstance(value, list) else [value]


OneCheck: TypeAlias = Annotated[str | Asked, PlainValidator(_check), WithJsonSchema(CHECK_MARK)]
Checks: TypeAlias = Annotated[
    tuple[OneCheck, ...],
    BeforeValidator(_check_list),
    WithJsonSchema({"anyOf": [CHECK_MARK, {"type": "array", "items": CHECK_MARK, "minItems": 1}]}),
]
