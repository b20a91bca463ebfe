"""Look up secrets: `${env:NAME}`, `${file:/path}`, and `${cred:NAME}` for a credential that systemd hands over."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from lvsctl.config.document import Path, shown

MAX_SECRET = 64 * 1024

FORMS = "`${env:NAME}`, `${file:/path}` or `${cred:NAME}`"

_REFERENCE = re.compile(
    r"\$\{(?:env:(?P<env>[A-Za-z_][A-Za-z0-9_]*)|file:(?P<file>/[^{}\x00]+)|cred:(?P<cred>[A-Za-z0-9_][A-Za-z0-9_.@-]*))\}"
)
_LOOKS_LIKE = re.compile(r"\$\{(env|file|cred):[A-Za-z_/][^{}]*\}|\A\$\{[^{}]*\}?\Z")  # or a slip: ${HOME}, ${evn:X}


@dataclass(frozen=True, slots=True)
class Revealed:
    """A value with its secrets in place. secrets: all that were put in. failures: where and why one was not."""

    value: Any
    secrets: frozenset[str] = field(repr=False)
    failures: tuple[tuple[Path, str], ...]


class Unresolved(Exception):
    """Why a reference cannot be resolved. The message never holds a value."""


def mentions(value: object) -> bool:
    """Whether there is a reference in this value or anywhere below it."""
    match value:
        case str():
            return _LOOKS_LIKE.search(value) is not None
        case dict():
            return any(mentions(item) for item in value.values())
        case list():
            return any(mentions(item) for item in value)
    return False


def reveal(value: Any) -> Revealed:
    """A copy of `value` in which every scalar that is a reference is replaced by the secret."""
    secrets: set[str] = set()
    failures: list[tuple[Path, str]] = []

    def walk(value: Any, path: Path) -> Any:
        match value:
            case dict():
                return {key: walk(item, (*path, key)) for key, item in value.items()}
            case list():
                return [walk(item, (*path, index)) for index, item in enumerate(value)]
            case str() if _LOOKS_LIKE.search(value):
                try:
                    secret = look_up(value)
                except Unresolved as error:
                    failures.append((path, str(error)))
                    return value
                secrets.add(secret)
                return secret
        return value

    return Revealed(walk(value, ()), frozenset(secrets), tuple(failures))


def look_up(text: str) -> str:
    """The secret that a reference names; raises Unresolved for one that cannot be looked up, and for other text."""
    reference = _REFERENCE.fullmatch(text)
    if reference is None and text.count("$") == 1 and text.startswith("${"):
        raise Unresolved(f"is no secret that can be looked up: write {FORMS}")
    if reference is None:
        raise Unresolved(f"a secret must be the whole value: {FORMS}, nothing around it")
    if reference["env"]:
        return _from_environment(reference["env"])
    if reference["cred"]:
        return _from_credentials(reference["cred"])
    return _from_file(reference["file"])


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise Unresolved(f"the environment variable `{shown(name)}` is {'not set' if value is None else 'empty'}")
    return value


def _from_credentials(name: str) -> str:
    """One that systemd hands over (LoadCredential=, systemd.exec(5))."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise Unresolved(
            f"there is no credential `{shown(name)}`: systemd hands over none (LoadCredential= in lvsctl's unit)"
        )
    return _from_file(str(FilePath(directory) / name))


def _from_file(name: str) -> str:
    """The text of the file without its last line break."""
    file = FilePath(name)
    try:
        if not file.is_file():
            raise Unresolved(f"the secret file `{shown(name)}` does not exist or is not a regular file")
        with file.open("rb") as stream:
            content = stream.read(MAX_SECRET + 1)
    except OSError as error:
        raise Unresolved(f"the secret file `{shown(name)}` cannot be read: {error.strerror}") from error
    if len(content) > MAX_SECRET:
        raise Unresolved(f"the secret file `{shown(name)}` is larger than {MAX_SECRET // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Unresolved(f"the secret file `{shown(name)}` is not UTF-8 text") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise Unresolved(f"the secret file `{shown(name)}` is empty")
    return secret
