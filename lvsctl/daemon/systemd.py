"""Tell the service manager how we are (sd_notify(3)); does nothing where there is none."""

from __future__ import annotations

import os
import socket

PATIENCE = 0.2
"""Seconds that a manager may take to make room for one more message, with nothing else going on here."""


def notify(*lines: str) -> None:
    """Send e.g. "READY=1". A manager that does not listen is no reason to fail, nor to stand still."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(PATIENCE)
            out.connect(address)
            out.send("\n".join(lines).encode())
    except OSError:
        pass


def watchdog_period() -> float | None:
    """Seconds within which WATCHDOG=1 must be sent, halved as sd_watchdog_enabled(3) advises; None without one."""
    for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if for_us and microseconds.isdigit() and int(microseconds) > 0 else None
