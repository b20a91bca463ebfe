"""Settings of the host that keep a virtual router's macvlan from being of use, as `lvsctl doctor` judges them.

IPv4 only: IPv6 answers for an address on the interface that has it alone, and knows no reverse path filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lvsctl.decide.doctor.facts import Level
from lvsctl.decide.doctor.pair import PairNeeds, judge_pair, sysctls_of
from lvsctl.model import VirtualLink

CONF: Final = Path("/proc/sys/net/ipv4/conf")
IPV4: Final = bytes.fromhex("00005e0001")


def hindrances(link: VirtualLink, conf: Path = CONF) -> tuple[str, ...]:
    """Of this network namespace. What cannot be read is no hindrance. The link need not be there: its own settings are
    made with it.
    """
    return tuple(_hindrances(link, conf)) if link.mac.startswith(IPV4) else ()


def _hindrances(link: VirtualLink, conf: Path) -> Iterator[str]:
    needs = PairNeeds(virtual=(link.parent,))
    values = {name: value for name in sysctls_of(needs) if (value := _value(conf, name)) is not None}
    for finding in judge_pair(needs, values):
        if finding.level is not Level.OK:
            yield f"{finding.text}: `lvsctl doctor` says what mends it"


def _value(conf: Path, name: str) -> str | None:
    """Of net.ipv4.conf.INTERFACE.SETTING, where a slash stands for a dot of the interface's; None: it is not there."""
    interface, setting = name.removeprefix("net.ipv4.conf.").rsplit(".", 1)
    try:
        return (conf / interface.replace("/", ".") / setting).read_text().strip()
    except OSError:
        return None
