"""What IPVS has counted of all services together, those that are gone included: /proc/net/ip_vs_stats -> Traffic.

Netlink does not tell it. The file is of the network namespace of this process, for everybody to read, and is written
by the kernel from memory, without waiting for anybody. It lags like the other counters.
"""

from __future__ import annotations

from pathlib import Path

from lvsctl.model import Traffic

PLACE = Path("/proc/net/ip_vs_stats")

_ROW = 2  # below two lines of titles


def read_totals(place: Path = PLACE) -> Traffic | None:
    """None where the file is not there, or not as it is known since Linux 2.6."""
    try:
        numbers = [int(word, 16) for word in place.read_text(encoding="ascii").splitlines()[_ROW].split()]
        return Traffic(*numbers) if len(numbers) == len(Traffic._fields) else None
    except (OSError, ValueError, IndexError):
        return None
