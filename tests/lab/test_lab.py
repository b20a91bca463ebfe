"""The lab itself: real ip_vs, a namespace of its own for each test, exit statuses passed on."""

from __future__ import annotations

import subprocess

import pytest


def ipvsadm(*arguments: str) -> str:
    return subprocess.run(["ipvsadm", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.kernel
@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_table_of_its_own(netns: None, turn: int) -> None:
    assert "192.0.2.1" not in ipvsadm("-Sn")
    ipvsadm("-A", "-t", "192.0.2.1:80", "-s", "fo")
    assert ipvsadm("-Sn") == "-A -t 192.0.2.1:80 -s fo\n"
