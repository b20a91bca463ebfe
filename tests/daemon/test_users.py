"""What users are called, and what a directory service that hangs costs."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
import sys
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
    names, before = Users(), set(threading.enumerate())
    try:
        for _ in range(2):
            told = await asyncio.gather(*(names.name(uid) for uid in range(100)))
            assert set(told) == {None}
        assert len(set(threading.enumerate()) - before) == 1, "one, and not one of every question"
        assert await asyncio.wait_for(asyncio.to_thread(os.getpid), 30) == os.getpid()
    finally:
        answers.set()


HANGS = """
import asyncio, pwd, threading
from lvsctl.daemon import users
users.NAMING = 0.1
pwd.getpwuid = lambda _: threading.Event().wait()
print(asyncio.run(users.Users().name(0)))
"""


def test_one_that_hangs_holds_up_no_stop() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("None\n", "", 0)


async def test_who_asks_later_is_answered_when_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, called = threading.Event(), pwd.getpwuid(os.getuid())
    monkeypatch.setattr(users, "NAMING", 0.1)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: answers.wait(60) and called)
    names = Users()
    assert await names.name(os.getuid()) is None
    answers.set()
    async with asyncio.timeout(30):
        while await names.name(os.getuid()) != called.pw_name:
            await asyncio.sleep(0)
