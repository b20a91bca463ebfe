"""Mistakes found by our own validators, raised so that pydantic reports them at the place where they are."""

from __future__ import annotations

from typing import NoReturn, get_args

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from lvsctl.config.document import Path

OWN = "lvsctl"

_KNOWN = frozenset(get_args(ErrorType))


def fault(path: Path, message: str) -> InitErrorDetails:
    """A mistake `path` below the value being validated."""
    return InitErrorDetails(type=PydanticCustomError(OWN, "{message}", {"message": message}), loc=path, input=None)


def faults_of(error: ValidationError) -> list[InitErrorDetails]:
    """What an inner validation found, to be raised again together with more."""
    found = []
    for details in error.errors(include_url=False, include_input=False):
        kind = details["type"]
        again = InitErrorDetails(type=kind, loc=details["loc"], input=None, ctx=details.get("ctx", {}))
        if kind not in _KNOWN:
            again["type"] = PydanticCustomError(kind, "{message}", {"message": details["msg"]})
        found.append(again)
    return found


def raise_faults(found: list[InitErrorDetails]) -> NoReturn:
    """Tell pydantic of our own finds; it puts the way to this value before their paths."""
    raise ValidationError.from_exception_data("conf.d", found, hide_input=True)
