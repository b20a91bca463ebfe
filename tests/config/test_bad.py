"""One bad file for each mistake, and exactly what the operator reads: NAME.yaml (or a directory NAME) and NAME.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvsctl.config.load import load
from lvsctl.errors import ConfigError
from lvsctl.model import Severity
from tests.config.kinds import kinds

BAD = Path(__file__).parent / "testdata" / "bad"
CASES = sorted(path for path in BAD.iterdir() if path.suffix != ".txt")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_mistake_is_told_in_these_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "hunter2")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError) as caught:
        load(Path(path.name), kinds())
    assert str(caught.value) + "\n" == path.with_suffix(".txt").read_text()
    assert any(problem.severity is Severity.ERROR for problem in caught.value.problems)


def test_every_expectation_has_its_file() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == {path.stem for path in CASES}


def test_no_message_shows_a_secret() -> None:
    for expected in [*BAD.glob("*.txt"), *(BAD.parent / "good").glob("*.txt")]:
        assert "hunter2" not in expected.read_text(), expected.name


def test_no_message_speaks_of_the_machinery() -> None:
    jargon = (
        "pydantic",
        "Input ",
        "input",
        "value_error",
        "Value error",
        "https://",
        "Extra ",
        "Traceback",
        "dict",
        "str ",
    )
    for expected in BAD.glob("*.txt"):
        for word in jargon:
            assert word not in expected.read_text(), expected.name
