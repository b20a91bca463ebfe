"""What can be seen of the kernel's modules without asking the kernel for one."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from pathlib import Path

ROOT = Path("/")


def signs(schedulers: Iterable[str], *, root: Path = ROOT) -> Hashable | None:
    """A value that changes when one of these schedulers may have come or gone; None where that cannot be seen.

    A scheduler comes when its module is loaded by hand, or when depmod writes its index anew (a package, DKMS) and
    the kernel's own modprobe can find it. To ask the kernel instead costs a process and a line in its log each time
    that the answer is no.
    """
    try:
        index = (root / "lib/modules" / os.uname().release / "modules.dep.bin").stat()
        loader = (root / "proc/sys/kernel/modprobe").read_text()
    except OSError:
        return None
    loaded = frozenset(name for name in schedulers if (root / f"sys/module/ip_vs_{name}").exists())
    return loaded, loader, index.st_ino, index.st_mtime_ns
