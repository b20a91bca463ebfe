"""How long an answer of the peer may take: longer than any machine is busy, but where a test sees it exceeded."""

from __future__ import annotations

import pytest

from lvsctl.daemon.peer import asking


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late this process is, no answer is missing."""
    monkeypatch.setattr(asking, "SHORTEST", 60.0)


@pytest.fixture
def hasty(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that says nothing is found out in a moment."""
    monkeypatch.setattr(asking, "SHORTEST", 0.5)
