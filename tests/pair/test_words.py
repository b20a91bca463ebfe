"""Why a role was taken, as operators read it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsctl.model import Instance, Role
from lvsctl.pair.state import State, Why
from lvsctl.pair.words import words
from tests.pair.host import Host, running, until
from tests.pair.linked import Link
from tests.pair.making import V3, advert, me
from tests.pair.test_reload import ONE, TWO

KNOWN = State(priority=100, interval=1.0, rival=ip_address("192.0.2.1"), heard=96.4)
GROUPED = me(V3, group="main")


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (Why.STARTED, "started, and listens first"),
        (Why.OWNER, "it owns the addresses (priority 100)"),
        (Why.SILENCE, "nothing was heard of 192.0.2.1 for 3.60 s"),
        (Why.RELEASED, "192.0.2.1 handed over"),
        (Why.PREEMPTED, "its priority 100 is higher than that of 192.0.2.1, which was active with priority 80"),
        (Why.HIGHER, "192.0.2.1 is active with priority 80, which is higher than 100 here"),
        (Why.TIE, "192.0.2.1 is active with priority 80 as well, and the addresses decide for it"),
        (Why.SLEPT, "this director was held up and sent nothing in time, and 192.0.2.1 has taken over"),
        (Why.ORDERED, "ordered to hand over"),
        (Why.HELPLESS, "the addresses cannot be put on eth0; the other director may take over"),
        (Why.GROUP, "the sync group main moves together"),
        (Why.FAULT, "eth0 is down; there is no interface eth1 (tracked)"),
        (Why.RECOVERED, "what was missing is there again"),
        (Why.STOPPED, "lvsctl stops"),
        (Why.REMOVED, "it is not configured any more"),
        (Why.ANEW, "it is configured as another virtual router, and begins anew"),
    ],
)
def test_words(why: Why, told: str) -> None:
    missing = ("eth0 is down", "there is no interface eth1 (tracked)")
    assert words(why, GROUPED, KNOWN, 100.0, heard=advert(80), missing=missing) == told


@pytest.mark.parametrize(
    ("me", "before", "why", "told"),
    [
        (V3, replace(KNOWN, rival=None), Why.SILENCE, "no other director is active"),
        (V3, replace(KNOWN, heard=20.0), Why.SILENCE, "no other director is active"),
        (V3, KNOWN, Why.HIGHER, "another director is active with another priority, which is higher than 100 here"),
        (GROUPED, KNOWN, Why.FAULT, "the sync group main has a member in fault"),
    ],
)
def test_words_of_what_is_not_known(me: Instance, before: State, why: Why, told: str) -> None:
    assert words(why, me, before, 100.0) == told


async def test_members_of_a_group_say_with_whom_they_move(link: Link) -> None:
    host = Host(link, ONE, me(TWO, track=("eth1",)))
    async with running(host):
        await host.until(Role.FAULT, "two")
        lack = "there is no interface eth1 (tracked)"
        await until(lambda: {f"told fault: {lack}", f"told fault: with two: {lack}"} < set(host.ground.log))
