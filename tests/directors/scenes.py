"""What may happen to a pair, and what VRRP makes of it: host 1 is the stronger one, and active to begin with."""

from __future__ import annotations

from tests.directors.play import Play, met_again, patience, skew


def begin(play: Play) -> None:
    """Nobody knows of the other: the stronger one is the first to wait no longer."""
    started = play.start(2, 1)
    play.passes(6)
    play.takes(1, started, patience(play.me(1)))
    play.never(2)
    play.figures.clear()  # the same in every case


def back(play: Play, since: float) -> None:
    """The stronger one listens first, and takes the role back."""
    play.passes(6)
    play.takes(1, since, patience(play.me(1)))
    play.gives(2, since, patience(play.me(1)))


def is_stopped(play: Play) -> None:
    """It says so."""
    at = play.stop(1)
    play.passes(3)
    play.takes(2, at, skew(play.me(2)))
    back(play, play.start(1))


def releases(play: Play) -> None:
    """As an operator asked for. It stands by, though it is the stronger one, until the other falls silent."""
    at = play.release(1)
    play.passes(8)
    play.takes(2, at, skew(play.me(2)))
    at = play.spoken(2)
    play.kill(2)
    play.passes(5)
    play.takes(1, at, patience(play.me(1)))


def is_killed(play: Play) -> None:
    """Its addresses stay where they are until it is started again."""
    at = play.spoken(1)
    play.kill(1)
    play.passes(6)
    play.takes(2, at, patience(play.me(2)))
    started = play.start(1)
    play.passes(1)
    play.gives(1, started, 0.0)
    back(play, started)


def is_frozen(play: Play) -> None:
    """It goes on where it was, and has to notice; for an interval there may be two.

    keepalived keeps the role, as it is the stronger one. lvsctl gives it up to take it back: it may have missed more.
    """
    at = play.spoken(1)
    play.freeze(1)
    play.passes(6.5)
    play.takes(2, at, patience(play.me(2)))
    thawed = play.thaw(1)
    play.allow(play.interval)
    play.passes(8)
    play.active(1)
    play.gives(2, thawed, play.interval + patience(play.me(1)))


def is_frozen_for_a_moment(play: Play) -> None:
    """Two adverts are missing."""
    at = play.spoken(1)
    play.freeze(1)
    play.passes(2.5)
    play.thaw(1)
    play.passes(5)
    play.keeps(1, at)
    play.never(2)


def loses_its_cable(play: Play) -> None:
    at = play.spoken(1)
    play.switch.pull(1)
    play.passes(6)
    play.gives(1, at, 0.0)
    play.takes(2, at, patience(play.me(2)))
    play.switch.plug(1)
    back(play, play.passes(0))


def the_other_loses_its_cable(play: Play) -> None:
    at = play.spoken(1)
    play.switch.pull(2)
    play.passes(6)
    play.switch.plug(2)
    play.passes(6)
    play.keeps(1, at)
    play.never(2)


def the_other_hears_nothing(play: Play) -> None:
    """One-way loss, the bad one: it believes that it is alone. There are two until an advert gets through."""
    at = play.spoken(1)
    play.switch.deafen(2)
    play.passes(8)
    play.keeps(1, at)
    since = play.takes(2, at, patience(play.me(2)))
    play.switch.deafen(2, deaf=False)
    healed = play.passes(0)
    play.allow(healed + met_again(play.me(1)) - since)
    play.passes(5)
    play.keeps(1, at)
    play.gives(2, healed, met_again(play.me(1)))


def hears_nothing(play: Play) -> None:
    """One-way loss, the harmless one: nobody has anything to tell it."""
    at = play.spoken(1)
    play.switch.deafen(1)
    play.passes(8)
    play.switch.deafen(1, deaf=False)
    play.passes(5)
    play.keeps(1, at)
    play.never(2)


def is_cut_off(play: Play) -> None:
    """Neither hears the other, and both have a carrier."""
    at = play.spoken(1)
    play.switch.deafen(1)
    play.switch.deafen(2)
    play.passes(8)
    play.keeps(1, at)
    since = play.takes(2, at, patience(play.me(2)))
    play.switch.deafen(1, deaf=False)
    play.switch.deafen(2, deaf=False)
    healed = play.passes(0)
    play.allow(healed + met_again(play.me(1)) - since)
    play.passes(5)
    play.keeps(1, at)
    play.gives(2, healed, met_again(play.me(1)))


SCENES = {
    "stopped": is_stopped,
    "released": releases,
    "killed": is_killed,
    "frozen": is_frozen,
    "frozen for 2.5 intervals": is_frozen_for_a_moment,
    "cable pulled": loses_its_cable,
    "other's cable pulled": the_other_loses_its_cable,
    "other is deaf": the_other_hears_nothing,
    "deaf": hears_nothing,
    "cut off": is_cut_off,
}
