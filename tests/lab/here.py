"""Which IPVS kernel, if any, is at hand: this one, one in the lab, or none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

IN_LAB = "LVSCTL_LAB" in os.environ


def native() -> str | None:
    """Why kernel tests cannot run on this very kernel; None if they can."""
    if os.geteuid() != 0:
        return "needs root and a kernel with ip_vs; `make kernel` runs it in the lab"
    if not Path("/proc/net/ip_vs").exists() and not IN_LAB:
        subprocess.run(["modprobe", "ip_vs"], capture_output=True, check=False)
    if not Path("/proc/net/ip_vs").exists():
        return "this kernel has no ip_vs; `make kernel` runs it in the lab"
    return None
