"""Numbers of sealed adverts never come twice."""

import pytest

from lvsctl.errors import LvsctlError
from lvsctl.pair.numbers import AHEAD, Numbers


def test_they_go_up_over_restarts_and_when_the_clock_goes_back(tmp_path):
    path, given = tmp_path / "numbers", []
    for clock in (1000, 900, 5 * AHEAD, 5):
        numbers = Numbers(path, lambda clock=clock: clock)
        given += [numbers() for _ in range(3)]
    assert given == sorted(set(given))
    assert (given[0], given[6]) == (1000, 5 * AHEAD)


def test_what_was_written_down_is_renewed_before_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr("lvsctl.pair.numbers.AHEAD", 10)
    numbers = Numbers(tmp_path / "numbers", lambda: 100)
    for _ in range(35):
        assert numbers() < int((tmp_path / "numbers").read_text())


def test_a_disk_that_takes_nothing_more_keeps_nothing_from_being_sent(tmp_path, monkeypatch):
    monkeypatch.setattr("lvsctl.pair.numbers.AHEAD", 10)
    place = tmp_path / "state"
    place.mkdir()
    numbers = Numbers(place / "numbers", lambda: 100)
    (place / "numbers").unlink()
    place.rmdir()
    assert [numbers() for _ in range(30)] == list(range(100, 130))


def test_a_file_that_makes_no_sense_is_not_guessed_at(tmp_path):
    path = tmp_path / "numbers"
    path.write_text("a few")
    with pytest.raises(LvsctlError) as refused:
        Numbers(path)
    assert str(refused.value) == (
        f"{path}: cannot tell which numbers of sealed adverts were used (invalid literal for int() with base 10: "
        "'a few'): remove it if the time of day is right"
    )


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(LvsctlError) as refused:
        Numbers(tmp_path / "no" / "numbers")
    assert str(refused.value) == (
        f"{tmp_path}/no/numbers: No such file or directory: lvsctl writes the numbers of sealed adverts here"
    )
