"""What can be seen of the kernel's modules without asking the kernel for one."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from pathlib import Path

LOADED = Path("/sys/module")
LOADER = Path("/proc/sys/kernel/modprobe")
INSTALLED = Path("/lib/modules")


def signs(schedulers: Iterable[str]) -> Hashable | None:
    """A value that changes when one of these schedulers may have come or gone; None where that cannot be seen.

    A scheduler comes when its module is loaded by hand, or when depmod writes its index anew (a package, DKMS) and
    the kernel's own modprobe can find it. To ask the kernel instead costs a process and a line in its log each time
    that the answer is no.
    """
    try:
        index = (INSTALLED / os.uname().release / "modules.dep.bin").stat()
        loader = LOADER.read_text()
    except OSError:
        return None
    loaded = frozenset(name for name in schedulers if (LOADED / f"ip_vs_{name}").exists())
    return loaded, loader, index.st_ino, index.st_mtime_ns
