"""Which of its two ways of keeping OVERLOAD a kernel has, and how that is recognised."""

from __future__ import annotations

import re
from typing import Final

from lvsctl.model import Generation

LAST_OLD: Final = {(6, 1): 176}
FIRST_NEW: Final = {(6, 1): 187, (6, 12): 107}
"""By series: the newest patch level seen with the old code, the oldest seen with the new. Between them: not known."""

_DEBIAN: Final = re.compile(r"\bDebian (\d+)\.(\d+)\.(\d+)")
_STABLE: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_PACKAGED: Final = re.compile(r"\d+\.\d+\.0-\d")  # an ABI number of the distribution, whatever it was built from


def generation_of(release: str, version: str = "") -> Generation | None:
    """The generation of the kernel with this release (`uname -r`) and version (`uname -v`, or /proc/version).

    Debian's releases carry no patch level (6.1.0-54-amd64); its version does ("... Debian 6.1.192-1 (...)"), and is
    believed first. None: not to be told - another series, a patch level between those that were seen, or a kernel
    packaged by somebody whose version does not say what it was built from.
    """
    _, _, build = version.rpartition("#")  # before it, /proc/version names the compiler, which may be Debian's as well
    found = _DEBIAN.search(build)
    if found is None and not _PACKAGED.match(release):
        found = _STABLE.match(release)
    if found is None:
        return None
    major, minor, patch = (int(part) for part in found.groups())
    if patch <= LAST_OLD.get((major, minor), -1):
        return Generation.OLD
    first = FIRST_NEW.get((major, minor))
    return Generation.NEW if first is not None and patch >= first else None
