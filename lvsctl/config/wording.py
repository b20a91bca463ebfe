"""Put the mistakes that pydantic found into an operator's words, at their place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from lvsctl.config.document import Document, Path, Place, shown
from lvsctl.config.faults import OWN
from lvsctl.config.secrets import mentions
from lvsctl.config.synonyms import called_here, said_otherwise
from lvsctl.config.yaml12 import resolve
from lvsctl.model import Problem

_WHOLE = "must be a whole number, not {shown}"
_TRUTH = "must be true or false, not {shown}"
_TEXT = "must be text, not {shown}; if text is meant, put it in quotes"
_MAPPING = "must be a mapping, not {shown}"
_LIST = "must be a list, not {shown}"
_BOUND = {
    "greater_than": "must be more than {gt}, not {shown}",
    "greater_than_equal": "must be at least {ge}, not {shown}",
    "less_than": "must be less than {lt}, not {shown}",
    "less_than_equal": "must be at most {le}, not {shown}",
}
_WORDS = _BOUND | {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "must be a number, not {shown}",
    "float_parsing": "must be a number, not {shown}",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "string_type": _TEXT,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": "needs at least {min_length}, and has {actual_length}",
    "too_long": "takes at most {max_length}, and has {actual_length}",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "string_pattern_mismatch": "{shown} does not match the pattern {pattern}",
}


def did_you_mean(word: str, known: list[str]) -> str | None:
    """The known word that `word` is another name for, or most likely a slip of."""
    if len(word) > 40:
        return None
    lower = word.lower().replace("-", "_")
    if same := called_here(lower, known):
        return same
    close = get_close_matches(lower, known, n=1, cutoff=0.7) or get_close_matches(word, known, n=1, cutoff=0.7)
    return close[0] if close else None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem, and the path of what is wrong.

    meant: for an unknown key, the one that was probably meant. missing: the key that is not there.
    """

    problem: Problem
    path: Path
    unknown_key: bool = False
    meant: str | None = None
    missing: str | None = None


def mistakes(document: Document, error: ValidationError, schema: Mapping[str, Any]) -> list[Mistake]:
    """Each mistake in words. schema: that of `json_schema`, which knows the keys of every mapping."""
    found = list(_mistakes(document, error, schema))
    meant = {(*one.path[:-1], one.meant) for one in found}
    return [one for one in found if one.missing is None or (*one.path, one.missing) not in meant]


def problems(document: Document, error: ValidationError, schema: Mapping[str, Any]) -> list[Problem]:
    """As `mistakes`, for showing only."""
    return [one.problem for one in mistakes(document, error, schema)]


def _mistakes(document: Document, error: ValidationError, schema: Mapping[str, Any]) -> Iterator[Mistake]:
    for details in error.errors(include_url=False, include_input=False):
        place, node = _locate(document, details["loc"], schema)
        kind, context = details["type"], details.get("ctx", {})
        if kind == "extra_forbidden":
            yield _unknown_key(place, str(details["loc"][-1]), node, schema)
        elif kind == "missing":
            key = str(details["loc"][-1])
            yield Mistake(place.problem(f"the key `{key}` is missing"), place.path, missing=key)
        else:
            of_key = details["loc"][-1:] == ("[key]",)
            words = str(context["error"]) if of_key else _words(place, kind, context, details["msg"])
            yield Mistake(place.problem(words, key=of_key), place.path)


def _locate(document: Document, loc: tuple[int | str, ...], schema: Mapping[str, Any]) -> tuple[Place, dict[str, Any]]:
    """Follow pydantic's location in the file, passing over its own additions, and to the keys known at its parent.

    Pydantic adds tags of unions, and our forms turn a single check into a list of one: parts that are not written.
    """
    place, parent, node = document.at(), dict(schema), dict(schema)
    for part in loc:
        value = place.value
        written = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if written:
            place, parent, node = place.at(part), node, _below(node, part, schema)
    return place, parent


def _branches(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alternatives that a schema node stands for, references followed."""
    if "$ref" in node:
        yield from _branches(schema["definitions"][node["$ref"].rpartition("/")[2]], schema)
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in node.get(word, []):
            yield from _branches(branch, schema)


def _below(node: Mapping[str, Any], part: int | str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a key or an item: the union of what the alternatives say."""
    found = []
    for branch in _branches(node, schema):
        if isinstance(part, str) and part in branch.get("properties", {}):
            found.append(branch["properties"][part])
        elif isinstance(part, str) and isinstance(branch.get("additionalProperties"), dict):
            found.append(branch["additionalProperties"])
        elif isinstance(part, int) and isinstance(branch.get("items"), dict):
            found.append(branch["items"])
    return {"anyOf": found}


def _unknown_key(place: Place, key: str, parent: Mapping[str, Any], schema: Mapping[str, Any]) -> Mistake:
    branches = list(_branches(parent, schema))
    known = sorted({name for branch in branches for name in branch.get("properties", {})})
    if key in known or place.path[-1:] != (key,):  # a kind with alternatives, or one that rewrites what it is given
        return Mistake(place.problem(f"the key `{shown(key)}` does not go with the others here", key=True), place.path)
    if otherwise := said_otherwise(key.lower().replace("-", "_"), known):
        problem = place.problem(f"unknown key `{shown(key)}`: {otherwise}", key=True)
        return Mistake(problem, place.path, unknown_key=True)
    meant = did_you_mean(key, known)
    timings, kinds = _check_keys(schema)
    if misplaced := _misplaced(place.path, known, timings, kinds):
        return Mistake(place.problem(misplaced, key=True), place.path, unknown_key=True)
    if any(branch.get("title") == "Check" for branch in branches):
        beside = Place(place.document, place.path[:-1]).value
        if meant not in timings and not set(kinds) & set(beside):
            problem = place.problem(no_such_kind(key, kinds), key=True)
            return Mistake(problem, place.path, unknown_key=meant is not None, meant=meant)
    hint = f"did you mean `{meant}`?" if meant else f"known here are {', '.join(known) or 'none'}"
    problem = place.problem(f"unknown key `{shown(key)}`: {hint}", key=True)
    return Mistake(problem, place.path, unknown_key=True, meant=meant)


def _misplaced(path: Path, known: list[str], of_checks: set[str], kinds: list[str]) -> str | None:
    """What to say of a key of every check that stands one level too deep or too high."""
    above, key = path[-2:] if len(path) > 1 else (None, path[-1])
    if key not in of_checks:
        return None
    if above in kinds:
        return f"`{key}` is a key of every check: write it beside `{above}`, not in it"
    if "check" in known and key not in ("address", "port"):  # elsewhere these two are not a check's
        return f"`{key}` is a key of checks: write it into `check`, or under `defaults`"
    return None


def _check_keys(schema: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    check = schema["definitions"]["Check"]
    kinds = [branch["required"][0] for branch in check["oneOf"]]
    return set(check["properties"]) - set(kinds), kinds


def no_such_kind(name: str, kinds: list[str]) -> str:
    """What to say of a check whose kind is not among the installed ones."""
    if name == "https" and "http" in kinds:
        return "no check kind `https` is installed: write `http` with `tls: true` in it"
    meant = did_you_mean(name, kinds)
    installed = f"did you mean `{meant}`?" if meant else f"installed are {', '.join(kinds) or 'none'}"
    return f"no check kind `{shown(name)}` is installed: {installed}"


def faulty_kind(name: str, why: str) -> str:
    """What to say of an installed kind that breaks the contract. why: no value, it may be secret."""
    return f"the check kind `{name}` is faulty ({why}): tell its author"


def _words(place: Place, kind: str, context: Mapping[str, Any], message: str) -> str:
    """What is wrong with a value. The value is quoted from the file, so a secret is only ever named."""
    value, written = place.value, _quoted(place.value)
    if _WORDS.get(kind) in (_MAPPING, _LIST) and isinstance(value, str) and place.path[:1] == ("alerts",):
        written = "text"  # where a receiver is to be it may be its URL, or its key
    if kind == OWN:
        return message
    if value is None:
        return "has no value: write one, or leave the key out"
    if not place.path and _WORDS.get(kind) == _MAPPING:
        mappings = "`services`, `checks`, `defaults`, `alerts`, `guard`, `metrics`, `pair` and `global`"
        return f"a file holds the mappings {mappings}, not {written}"
    if kind in _WORDS:
        return _WORDS[kind].format(shown=written, **{key: shown(part) for key, part in context.items()})
    if kind in ("enum", "literal_error"):
        return _choice(str(value), written, str(context["expected"]))
    if mentions(value):
        return _about_secret(place)
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    return message.replace("Input should", "should")


def _quoted(value: object) -> str:
    """A value as it is written; text that looks like another type is called text, or it would look right."""
    if isinstance(value, dict | list | None):
        return shown(value)
    text = isinstance(value, str) and not isinstance(resolve(value), str)
    return f'the text "{shown(value)}"' if text else f"`{shown(value)}`"


def _choice(value: str, written: str, expected: str) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    meant = did_you_mean(value, choices)
    one_of = "one of " if len(choices) > 1 else ""
    return f"must be {one_of}{', '.join(choices)}, not {written}" + (f": did you mean `{meant}`?" if meant else "")


def _about_secret(place: Place) -> str:
    """Only what stands below a kind (`check: {http: {token: …}}`) is a parameter."""
    path = list(place.path)
    if path[:1] in (["alerts"], ["pair"]):
        return "is not looked up here: write the value itself"
    if path[:1] == ["checks"]:
        inside = path[2:]
    elif path[:2] == ["guard", "canary"]:
        inside = path[3:] if path[2:] and isinstance(path[2], int) else path[2:]
    else:
        inside = path[path.index("check") + 1 :] if "check" in path[1:] else []
        inside = inside[1:] if inside and isinstance(inside[0], int) else inside
    if len(inside) > 1 or (inside and isinstance(place.value, dict)):
        return "the check does not accept this value; what it holds is not shown because it is secret"
    return "a secret can only be a parameter of a check: write the value itself here"
