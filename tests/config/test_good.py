"""Good files are read without a complaint, or with exactly the warnings of NAME.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvsctl.config.load import load
from tests.config.kinds import kinds

GOOD = Path(__file__).parent / "testdata" / "good"


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_good_file_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "hunter2")
    monkeypatch.setenv("LVSCTL_TEST_URL", "https://hooks.example/hunter2")
    monkeypatch.setenv("LVSCTL_TEST_WHSEC", "whsec_" + "QUFB" * 8)
    expected = path.with_suffix(".txt")
    warnings = load(Path(path.name), kinds()).warnings
    assert [str(warning) for warning in warnings] == (expected.read_text().splitlines() if expected.exists() else [])
