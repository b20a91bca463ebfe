"""What is counted, and how seldom it is told."""

from lvsctl.model import Role
from lvsctl.pair.packet import Oddity, Refused
from lvsctl.pair.tally import QUIET, Counts, Seldom, Tally
from tests.pair.making import advert


def test_counts():
    tally = Tally()
    for priority in (100, 100, 0):
        tally.sent(priority)
    tally.unsent()
    tally.heard(advert(0))
    tally.refused[Refused.HOPS] += 2
    for role, previous in ((Role.STANDBY, None), (Role.ACTIVE, Role.STANDBY), (Role.FAULT, Role.ACTIVE)):
        tally.became(role, previous)
    assert tally.counts(None) == Counts(
        sent=3, zero_sent=1, unsent=1, heard=1, zero_heard=1, became_active=1, gave_up=1, refused={Refused.HOPS: 2}
    )


def test_each_kind_is_told_at_once_and_then_seldom_with_how_often_it_was():
    seldom = Seldom()
    assert seldom.worth_telling(Refused.HOPS, 10.0) == 1
    assert [seldom.worth_telling(Refused.HOPS, 10.0 + number) for number in range(3)] == [0, 0, 0]
    assert seldom.worth_telling(Oddity.INTERVAL, 12.0) == 1
    assert seldom.worth_telling(Refused.HOPS, 10.0 + QUIET) == 4
    assert seldom.worth_telling(Refused.HOPS, 11.0 + QUIET) == 0
