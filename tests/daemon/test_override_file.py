"""overrides.json: what is saved is known to the next, and what cannot be understood stops the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.daemon.override_file import load, save
from lvsctl.decide.ledger import Ledger
from lvsctl.errors import LvsctlError
from lvsctl.model import Action, NewWeight, Override, PoolSubject, ServerSubject, Stamp, Word

text = st.text(max_size=5)
times = st.floats(0, 4e9)
subjects = st.builds(ServerSubject, st.none() | text, st.ip_addresses(), st.none() | st.integers(0, 65535)) | st.builds(
    PoolSubject, text, text
)
weights = st.builds(NewWeight, st.integers(0, 2**31 - 1), st.booleans())
overrides = st.builds(
    Override, subjects, st.sampled_from([Action.DRAIN, Action.DISABLE]), text, text, times, st.none() | times
) | st.builds(Override, subjects, st.just(Action.WEIGHT), text, text, times, st.none() | times, weights)
stamps = st.builds(Stamp, st.integers(0, 2**53 - 1), text)
words = st.builds(
    lambda order, stamp, director: Word(order.subject, stamp, order, order.since, "", director), overrides, stamps, text
) | st.builds(Word, subjects, stamps, st.none(), times, text, text)
ledgers = st.builds(
    lambda said, counter: Ledger(
        {word.subject: word for word in said}, max([counter, *(word.stamp.counter for word in said)])
    ),
    st.lists(words, max_size=3, unique_by=lambda word: word.subject),
    st.integers(0, 2**53 - 1),
)


@given(saved=ledgers)
def test_what_is_saved_is_known_to_the_next(tmp_path_factory: pytest.TempPathFactory, saved: Ledger) -> None:
    file = tmp_path_factory.getbasetemp() / "overrides.json"
    save(file, saved)
    assert load(file) == saved


def test_nothing_was_saved(tmp_path: Path) -> None:
    assert load(tmp_path / "overrides.json") == Ledger()


GOOD: dict[str, Any] = {
    "subject": {"service": None, "address": "10.0.0.1", "port": 80},
    "action": "drain",
    "by": "alice (uid 1000)",
    "reason": "",
    "since": 1.0,
    "until": None,
    "weight": None,
}


def test_a_file_of_the_first_version_is_read_the_same_at_every_start(tmp_path: Path) -> None:
    first = {"version": 1, "overrides": [GOOD, {**GOOD, "subject": {"service": "shop", "pool": "spare"}}]}
    (tmp_path / "overrides.json").write_text(json.dumps(first))
    ledger = load(tmp_path / "overrides.json")
    assert [str(subject) for subject in ledger.words] == ["10.0.0.1:80", "shop/spare"]
    assert [word.stamp.counter for word in ledger.words.values()] == [1, 2]
    assert len({word.stamp.origin for word in ledger.words.values()}) == 2, "none is the same as one of the peer's"
    assert load(tmp_path / "overrides.json") == ledger


def test_the_file_is_what_the_documentation_says(tmp_path: Path) -> None:
    file = tmp_path / "overrides.json"
    good = {**GOOD, "stamp": [7, "a1"], "director": "lvs-a"}
    ended = {"subject": {"service": "shop", "pool": "spare"}, "stamp": [9, "b2"], "director": "lvs-b"}
    told = {"version": 2, "counter": 9, "overrides": [good], "ended": [{**ended, "ended": 5.0, "ended_by": "bob"}]}
    file.write_text(json.dumps(told))
    ledger = load(file)
    assert {str(word.subject): word.stamp for word in ledger.words.values()} == {
        "10.0.0.1:80": Stamp(7, "a1"),
        "shop/spare": Stamp(9, "b2"),
    }
    save(file, ledger)
    assert json.loads(file.read_text()) == told


@pytest.mark.parametrize(
    "damage",
    [
        {"subject": {}},
        {"subject": {"service": None, "address": "10.0.0", "port": None}},
        {"subject": {"service": 1, "address": "10.0.0.1", "port": None}},
        {"subject": {"service": None, "address": 1, "port": None}},
        {"subject": {"service": None, "address": "10.0.0.1", "port": -1}},
        {"subject": {"service": "a", "pool": 3}},
        {"action": "stop"},
        {"action": "weight"},
        {"weight": {"value": 1, "percent": False}},
        {"action": "weight", "weight": {"value": "1", "percent": False}},
        {"by": None},
        {"since": "yesterday"},
        {"until": float("nan")},
    ],
    ids=str,
)
def test_one_that_makes_no_sense(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = tmp_path / "overrides.json"
    for more in ({"version": 1}, {"version": 2, "counter": 1, "ended": []}):
        file.write_text(json.dumps({"overrides": [{**GOOD, "stamp": [1, "a"], "director": "", **damage}], **more}))
        with pytest.raises(LvsctlError):
            load(file)


@pytest.mark.parametrize(
    "damage",
    [
        {"stamp": None},
        {"stamp": [1]},
        {"stamp": [-1, "a"]},
        {"stamp": [2**53, "a"]},
        {"stamp": [1.0, "a"]},
        {"stamp": [1, 1]},
        {"director": None},
        {"ended": None},
        {"ended_by": None},
        {"subject": {}},
    ],
    ids=str,
)
def test_an_end_that_makes_no_sense(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = tmp_path / "overrides.json"
    end = {"subject": GOOD["subject"], "ended": 5.0, "ended_by": "", "stamp": [1, "a"], "director": "", **damage}
    file.write_text(json.dumps({"version": 2, "counter": 1, "overrides": [], "ended": [end]}))
    with pytest.raises(LvsctlError):
        load(file)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"overrides": [1]}', b"\x80\0\xff", b"[" * 100_000])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "overrides.json"
    file.write_bytes(content)
    with pytest.raises(LvsctlError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file} is damaged: move it away and start again; what was drained, disabled or given another weight is as "
        "conf.d says then, until it is ordered anew"
    )


def test_what_was_half_written_when_the_power_went_is_not_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "overrides.json"
    save(file, Ledger())
    file.with_suffix(".new").write_text('{"version": 1, "overri')
    assert load(file) == Ledger()
    save(file, Ledger())
    assert not file.with_suffix(".new").exists()
