from lvsctl.daemon.clock import Clock


class Hands:
    """Two clocks that a test sets; the time of day is read a little late, as it is in truth."""

    def __init__(self) -> None:
        self.loop, self.day, self.late = 100.0, 1_000_000.0, 0.0

    def now(self) -> float:
        return self.loop

    def today(self) -> float:
        return self.day + self.late


def test_a_moment_is_told_alike_however_long_reading_the_clocks_takes():
    hands = Hands()
    clock = Clock(hands.now, hands.today)
    told = set()
    for late in (0.0, 0.0004, 0.0011, 0.3):
        hands.late = late
        told.add(clock.at(90.0))
    assert told == {999_990.0}


def test_when_the_time_of_day_is_set_moments_are_told_by_the_new_one():
    hands = Hands()
    clock = Clock(hands.now, hands.today)
    hands.day += 3600
    assert clock.at(90.0) == 1_003_590.0


def test_a_time_of_day_is_a_moment_again():
    hands = Hands()
    clock = Clock(hands.now, hands.today)
    assert clock.moment(clock.at(42.0)) == 42.0
