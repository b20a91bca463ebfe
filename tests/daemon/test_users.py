"""What users are called, and what a directory service that hangs costs."""

from __future__ import annotations

import asyncio
import os
import pwd
import threading

import pytest

from lvsctl.daemon import users
from lvsctl.daemon.users import Users

NOBODY = 2**31 - 7


async def test_a_user_has_a_name_or_none() -> None:
    assert await Users().name(os.getuid()) == pwd.getpwuid(os.getuid()).pw_name
    assert await Users().name(NOBODY) is None


async def test_one_that_hangs_takes_no_thread_from_anybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(users, "NAMING", 0.1)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: answers.wait(60))
    names = Users()
    try:
        told = await asyncio.gather(*(names.name(uid) for uid in range(100)))
        assert set(told) == {None}
        assert await asyncio.wait_for(asyncio.to_thread(os.getpid), 30) == os.getpid()
    finally:
        answers.set()
