"""What the tests over real connections share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lvsctl.model import Receiver
from lvsctl.notify import attempts, delivery
from lvsctl.notify.http import Client
from lvsctl.notify.senders import Sender, opened


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pace, and short pauses from one attempt to the next: test_worker.py has what they are."""

    def unpaced(receiver: Receiver, client: Client, today: Callable[[], float]) -> Sender:
        return replace(opened(receiver, client, today), pace=0.0)

    monkeypatch.setattr(attempts, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(attempts, "JITTER", 0.02)
    monkeypatch.setattr(delivery, "opened", unpaced)
