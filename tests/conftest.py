"""What every test shares: deterministic hypothesis, and the rule for tests that need a real IPVS kernel."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.lab import here

settings.register_profile(
    "lvsctl",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lvsctl")


TESTS = Path(__file__).parent
ROOMS_ON_A_KERNEL = ("cli", "daemon", "directors", "e2e", "hour", "kernel", "lab", "pair")
"""Where the Makefile has tests of a real kernel looked for; collecting all the others takes long there."""


def pytest_configure() -> None:
    """No loop but what somebody makes: looptime asks for the current one, and asyncio would make one to forget."""
    asyncio.set_event_loop(None)
    _hear_signals()


def _hear_signals() -> None:
    """What a shell runs in the background ignores ^C, and so would every program that a test starts and interrupts."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A kernel test that cannot run here is skipped with its reason, never passed."""
    reason: str | None = ""
    for item in items:
        if (kernels := item.get_closest_marker("kernels")) and (other := here.other_kernel(kernels.args)):
            item.add_marker(pytest.mark.skip(reason=other))
        if item.get_closest_marker("kernel") is None:
            continue
        if (room := item.path.relative_to(TESTS).parts[0]) not in ROOMS_ON_A_KERNEL:
            raise pytest.UsageError(f"{item.nodeid}: `make kernel` does not look for tests in tests/{room}")
        if reason == "":
            reason = here.native()
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


HEADINGS = 3
"""Lines of /proc/net/ip_vs before the first service."""

CLONE_NEWNET = 0x40000000


@pytest.fixture
def netns() -> Iterator[None]:
    """A fresh network namespace with `lo` up: for sockets opened and programs started by the test from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _forget_services()
    finally:
        if libc.setns(before, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(before)


def _forget_services() -> None:
    """Take away those of this namespace: they hold their modules, and it lives on while a connection is not over."""
    table = Path("/proc/thread-self/net/ip_vs")
    if table.exists() and len(table.read_text().splitlines()) > HEADINGS:
        subprocess.run(["ipvsadm", "--clear"], check=True)
