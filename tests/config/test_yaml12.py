"""YAML 1.2, not 1.1: what a plain scalar means, and where everything stands."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.config.document import Document, Mark
from lvsctl.config.yaml12 import compose, resolve
from lvsctl.errors import ConfigError


def read(text: str) -> Document:
    document, problems = compose("a.yaml", text)
    assert problems == []
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("1_000", "1_000"),
        ("2026-11-22", "2026-11-22"),
        ("=", "="),
        ("010", 10),
        ("0o17", 15),
        ("0x1f", 31),
        ("-5", -5),
        ("+5", 5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("1" + "0" * 50, 1e50),
        ('"5"', "5"),
        ("'true'", "true"),
        ("! 5", "5"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("!!null ''", None),
        ("!!map {}", {}),
        ("!!seq []", []),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = read(f"key: {text}\n").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(resolve(".NaN"))


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read("80: a\ntrue: b\n~: c\n1.50: d\n").data == {"80": "a", "true": "b", "~": "c", "1.50": "d"}


def test_positions_are_those_of_the_file() -> None:
    document = read("# a comment\nservices:\n  web:\n    address: x\n    list: [a, {b: c}]\n")
    assert document.marks[("services", "web", "address")] == Mark(key=(4, 5), value=(4, 14))
    assert document.marks[("services", "web", "list", 1, "b")] == Mark(key=(5, 16), value=(5, 19))
    assert document.at("services", "web", "address").position() == (4, 14)
    assert document.at("services", "web", "list").position() == (5, 5), "a collection is pointed at by its key"
    assert document.at("services", "web", "missing", "deeper").position() == (3, 3), "the nearest that is written"


def test_columns_count_characters_not_bytes() -> None:
    assert read('{"äöü": x, key: y}\n').marks[("key",)] == Mark(key=(1, 12), value=(1, 17))


def test_an_alias_stands_where_it_is_written() -> None:
    document = read("a: &x {b: 1}\nc: *x\n")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.at("c", "b").position() == (2, 1)


def test_an_anchor_may_be_used_again_for_something_else() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").data == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_depth_is_counted_through_aliases() -> None:
    deep = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(ConfigError) as caught:
        compose("a.yaml", deep)
    assert str(caught.value) == "a.yaml:40:12: a39.0: nested more than 40 deep: no configuration needs that"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n...\n", "~"])
def test_a_file_may_hold_nothing(text: str) -> None:
    assert read(text).data is None


def test_all_duplicates_are_found_and_the_first_stays() -> None:
    document, problems = compose("a.yaml", "a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert [str(problem) for problem in problems] == [
        "a.yaml:2:11: b.c: the key `c` is already in line 2: remove one",
        "a.yaml:3:1: a: the key `a` is already in line 1: remove one",
        "a.yaml:4:1: a: the key `a` is already in line 1: remove one",
    ]


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc :#-0179.~[]{}'\"\n\tü", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abk0", max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(_PLAIN)
def test_what_json_writes_is_read_back(value: object) -> None:
    import json

    assert read(json.dumps(value)).data == value
