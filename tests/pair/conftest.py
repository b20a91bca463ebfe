"""A cable in this process."""

from __future__ import annotations

import pytest

from tests.pair.linked import Link


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Link:
    made = Link()
    monkeypatch.setattr("lvsctl.pair.ports.Port", made.port)
    return made
