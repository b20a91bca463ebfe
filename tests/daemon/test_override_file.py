"""overrides.json: what is saved is known to the next, and what cannot be understood stops the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.daemon.override_file import load, save
from lvsctl.errors import LvsctlError
from lvsctl.model import Action, NewWeight, Override, PoolSubject, ServerSubject

text = st.text(max_size=5)
times = st.floats(0, 4e9)
subjects = st.builds(ServerSubject, st.none() | text, st.ip_addresses(), st.none() | st.integers(0, 65535)) | st.builds(
    PoolSubject, text, text
)
weights = st.builds(NewWeight, st.integers(0, 2**31 - 1), st.booleans())
overrides = st.builds(
    Override, subjects, st.sampled_from([Action.DRAIN, Action.DISABLE]), text, text, times, st.none() | times
) | st.builds(Override, subjects, st.just(Action.WEIGHT), text, text, times, st.none() | times, weights)


@given(saved=st.lists(overrides, max_size=3))
def test_what_is_saved_is_known_to_the_next(tmp_path_factory: pytest.TempPathFactory, saved: list[Override]) -> None:
    file = tmp_path_factory.getbasetemp() / "overrides.json"
    save(file, saved)
    assert load(file) == tuple(saved)


def test_nothing_was_saved(tmp_path: Path) -> None:
    assert load(tmp_path / "overrides.json") == ()


GOOD: dict[str, Any] = {
    "subject": {"service": None, "address": "10.0.0.1", "port": 80},
    "action": "drain",
    "by": "alice (uid 1000)",
    "reason": "",
    "since": 1.0,
    "until": None,
    "weight": None,
}


def test_the_file_is_what_the_documentation_says(tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_text(json.dumps({"version": 1, "overrides": [GOOD]}))
    [found] = load(tmp_path / "overrides.json")
    assert str(found.subject) == "10.0.0.1:80"


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
    file.write_text(json.dumps({"version": 1, "overrides": [{**GOOD, **damage}]}))
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
    save(file, [])
    file.with_suffix(".new").write_text('{"version": 1, "overri')
    assert load(file) == ()
    save(file, [])
    assert not file.with_suffix(".new").exists()
