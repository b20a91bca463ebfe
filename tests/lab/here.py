"""Which IPVS kernel, if any, is at hand: this one, one in the lab, or none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TABLE = Path("/proc/net/ip_vs")
IN_LAB = "LVSCTL_LAB" in os.environ
KERNEL = os.environ.get("LVSCTL_LAB_KERNEL")
"""The lab's kernel: `debian`, or one of ours (tests.lab.kernels); None outside the lab."""
TIME_TRAVELS = bool(os.environ.get("LVSCTL_LAB_TIME_TRAVEL"))
"""Sleeping costs nothing here, and only sleeping lets time pass (tests.lab)."""


def native() -> str | None:
    """Why kernel tests cannot run on this very kernel; None if they can."""
    if os.geteuid() != 0:
        return "needs root and a kernel with ip_vs; `make kernel` runs it in the lab"
    modprobe = shutil.which("modprobe", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if modprobe is not None and not TABLE.exists() and not IN_LAB:
        subprocess.run([modprobe, "ip_vs"], capture_output=True, check=False)
    if not TABLE.exists():
        return "this kernel has no ip_vs; `make kernel` runs it in the lab"
    return None


def other_kernel(names: tuple[str, ...]) -> str | None:
    """Why a test for the lab's kernels `names` cannot run on this one; None if it can."""
    if KERNEL in names:
        return None
    return f"needs the lab's kernel {' or '.join(names)}; `make test-kernels` runs it"
