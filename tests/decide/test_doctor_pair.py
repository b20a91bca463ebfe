"""The sysctls that a director pair depends on."""

from __future__ import annotations

import pytest

from lvsctl.decide.doctor.facts import Level
from lvsctl.decide.doctor.pair import PairNeeds, judge_pair, wanted_sysctls

COPIES = PairNeeds(copies=True)
VIRTUAL = PairNeeds(virtual=("eth0", "bond0.7"))
SET = "/etc/sysctl.d/lvsctl.conf"


@pytest.mark.parametrize(
    ("needs", "names"),
    [
        (PairNeeds(), []),
        (COPIES, ["net.ipv4.vs.sloppy_tcp"]),
        (
            VIRTUAL,
            [
                "net.ipv4.conf.all.rp_filter",
                "net.ipv4.conf.eth0.arp_ignore",
                "net.ipv4.conf.bond0/7.arp_ignore",  # as sysctl(8) writes an interface's own dot
            ],
        ),
    ],
)
def test_which_are_wanted(needs: PairNeeds, names: list[str]) -> None:
    assert [wanted.name for wanted in wanted_sysctls(needs)] == names


@pytest.mark.parametrize(
    ("needs", "name", "value", "level"),
    [
        (COPIES, "net.ipv4.vs.sloppy_tcp", "1", Level.OK),
        (COPIES, "net.ipv4.vs.sloppy_tcp", "0", Level.WARNING),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "0", Level.OK),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "1", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "2", Level.OK),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_ignore", "0", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_ignore", "2", Level.OK),
    ],
)
def test_which_values_harm(needs: PairNeeds, name: str, value: str, level: Level) -> None:
    (finding,) = judge_pair(needs, {name: value})
    assert (finding.level, finding.subject) == (level, name)
    assert finding.text.startswith(f"{name} is {value}")
    assert bool(finding.mend) is (level is not Level.OK)


def test_what_mends_it_can_be_pasted() -> None:
    (finding,) = judge_pair(COPIES, {"net.ipv4.vs.sloppy_tcp": "0"})
    assert finding.text == (
        "net.ipv4.vs.sloppy_tcp is 0: after a takeover, connections that were not copied yet are cut"
    )
    assert finding.mend == f"echo 'net.ipv4.vs.sloppy_tcp = 1' >> {SET} && sysctl -p {SET}"


def test_what_cannot_be_read_is_not_told() -> None:
    assert list(judge_pair(VIRTUAL, {})) == []
