"""The JSON Schema that is shipped, and what it says of the examples and of the test files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ConfigDict

from lvsctl.checkapi import AnyKind, Kind, Params
from lvsctl.checks.registry import installed
from lvsctl.config.json_schema import json_schema
from lvsctl.config.load import load
from lvsctl.config.yaml12 import compose
from tests.config.kinds import kinds

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "schema" / "lvsctl.schema.json"
EXAMPLES = sorted((ROOT / "conf.d").iterdir())
GOOD = sorted((Path(__file__).parent / "testdata" / "good").glob("*.yaml"))
MODELINE = "# yaml-language-server: $schema=../schema/lvsctl.schema.json"


def data(path: Path) -> Any:
    return compose(path.name, path.read_text())[0].data


def mistakes(value: Any, schema: Mapping[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(value)]


def test_the_shipped_schema_is_that_of_the_grammar() -> None:
    """If this fails: `lvsctl schema > schema/lvsctl.schema.json`."""
    assert json.loads(SHIPPED.read_text()) == json_schema(installed())


def test_it_is_a_schema_of_draft_7() -> None:
    schema = json_schema(kinds())
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"]


def test_the_kinds_stand_under_their_names() -> None:
    keys = json_schema(kinds())["definitions"]["Check"]["properties"]
    assert {"http", "tcp", "exec", "interval"} <= keys.keys()


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema(installed())

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from [node["$ref"]] if "$ref" in node else []
            for item in node.values():
                yield from references(item)
        elif isinstance(node, list):
            for item in node:
                yield from references(item)

    found = set(references(schema))
    assert {name.removeprefix("#/definitions/") for name in found} == set(schema["definitions"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid_and_say_where_their_schema_is(path: Path) -> None:
    assert mistakes(data(path), json.loads(SHIPPED.read_text())) == []
    assert path.read_text().splitlines()[0] == MODELINE
    assert (path.parent / MODELINE.partition("=")[2]).resolve() == SHIPPED


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good_files_are_good_to_the_schema(path: Path) -> None:
    assert mistakes(data(path), json_schema(kinds())) == []


@pytest.mark.parametrize(
    "name",
    ["key-unknown", "key-misspelt-in-kind", "check-two-kinds", "check-kind-not-installed", "weight-negative",
     "persistent-without-unit", "forward-unknown", "key-missing", "key-without-value", "check-empty-list"],
)  # fmt: skip
def test_bad_files_are_bad_to_the_schema(name: str) -> None:
    path = Path(__file__).parent / "testdata" / "bad" / f"{name}.yaml"
    assert mistakes(data(path), json_schema(kinds()))


def test_nothing_shipped_probes_a_stranger() -> None:
    for path in EXAMPLES:
        assert "112.2.13." not in path.read_text()


class Odd(Params):
    """Parameters that JSON Schema has no words for."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    anything: object | None = None
    what: complex | type | None = None


def test_a_kind_that_the_schema_cannot_describe_does_no_harm() -> None:
    odd: AnyKind = Kind(name="odd", summary="odd", params=Odd, run=None)  # type: ignore[arg-type]
    schema = json_schema({"odd": odd})
    assert mistakes({"checks": {"a": {"odd": {"what": 3}}}}, schema) == []


def test_a_kind_may_have_any_name(tmp_path: Path) -> None:
    """Fields of the grammar and methods of its models do not get in the way."""
    named = {
        name: Kind(name=name, summary="", params=Params, run=None) for name in ("copy", "json", "model_dump", "a-b")
    }  # type: ignore[arg-type]
    checks = ", ".join(f"{{{name}: {{}}}}" for name in named)
    (tmp_path / "a.yaml").write_text(
        f"services: {{web: {{address: '192.0.2.1:80', check: [{checks}], servers: [192.0.2.2]}}}}"
    )
    found = load(tmp_path, named)  # type: ignore[arg-type]
    assert {question.kind for question in found.spec.questions.values()} == set(named)
