"""What operators order of one director holds on both, over restarts and partitions, and ends on both."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from lvsctl.events import OverrideEnded, OverrideSet
from tests.daemon.peer.making import Director, Two, two, until


async def both_hold(pair: Two, there: dict[str, str], here: dict[str, str]) -> None:
    await until(f"A: {here}, B: {there}", lambda: pair.a.held == here and pair.b.held == there)


async def restart(one: Director) -> None:
    """What kill -9 leaves: no more than what is on the disk."""
    before = one.watch
    await before.close()
    one.start()


async def test_an_order_holds_on_both_and_an_end_ends_it_whoever_says_so(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.connect()
        pair.a.order("10.0.0.1")
        await both_hold(pair, {"10.0.0.1": "alice on lvs-a"}, {"10.0.0.1": "alice"})
        assert pair.b.woken, "the next round goes by it"
        [told] = pair.b.of(OverrideSet)
        assert (str(told.override.subject), told.override.by) == ("10.0.0.1", "alice on lvs-a")
        pair.b.enable("10.0.0.1")
        await both_hold(pair, {}, {})
        [ended] = pair.a.of(OverrideEnded)
        assert (ended.override.by, ended.by) == ("alice", "bob on lvs-b")
        assert len(pair.a.of(OverrideSet)) == len(pair.b.of(OverrideSet)) == 1
        assert [one.by for one in pair.b.of(OverrideEnded)] == ["bob"]


async def test_a_director_that_starts_learns_what_was_ordered_while_it_was_away(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.a.watch.take(pair.pair_a)
        pair.a.order("10.0.0.1")
        await pair.b.watch.take(pair.pair_b)
        await both_hold(pair, {"10.0.0.1": "alice on lvs-a"}, {"10.0.0.1": "alice"})
        await restart(pair.a)
        await restart(pair.b)
        assert (pair.a.held, pair.b.held) == ({"10.0.0.1": "alice"}, {"10.0.0.1": "alice on lvs-a"})


async def test_a_director_that_lost_its_disk_gets_everything_back_and_may_speak_at_once(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.connect()
        for number in range(5):
            pair.a.order("10.0.0.1", by=f"alice {number}")
        pair.a.order("10.0.0.2")
        pair.a.enable("10.0.0.1", by="alice")
        await until("B has all", lambda: pair.b.held == {"10.0.0.2": "alice on lvs-a"})
        (tmp_path / "a" / "overrides.json").unlink()
        await restart(pair.a)
        assert pair.a.held == {}
        pair.a.order("10.0.0.1", by="carol")
        await pair.a.watch.take(pair.pair_a)
        await both_hold(
            pair,
            {"10.0.0.1": "carol on lvs-a", "10.0.0.2": "alice on lvs-a"},
            {"10.0.0.1": "carol", "10.0.0.2": "alice"},
        )


async def test_an_old_director_does_not_bring_back_what_was_ended(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.connect()
        pair.a.order("10.0.0.1")
        await both_hold(pair, {"10.0.0.1": "alice on lvs-a"}, {"10.0.0.1": "alice"})
        await pair.a.watch.close()
        pair.b.enable("10.0.0.1")
        pair.b.order("10.0.0.2", by="bob")
        await restart(pair.b)
        pair.a.start()
        assert pair.a.held == {"10.0.0.1": "alice"}
        await pair.connect()
        await both_hold(pair, {"10.0.0.2": "bob"}, {"10.0.0.2": "bob on lvs-b"})


async def test_what_was_said_apart_is_settled_when_they_hear_one_another(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        pair.a.order("10.0.0.1", by="early")
        pair.a.order("10.0.0.2", by="alice")
        pair.b.order("10.0.0.1", by="late")
        pair.b.order("10.0.0.3", by="bob")
        await pair.connect()
        await both_hold(
            pair,
            {"10.0.0.1": "late", "10.0.0.2": "alice on lvs-a", "10.0.0.3": "bob"},
            {"10.0.0.1": "late on lvs-b", "10.0.0.2": "alice", "10.0.0.3": "bob on lvs-b"},
        )


async def test_a_deadline_is_as_far_away_on_a_director_whose_clock_is_wrong(tmp_path: Path) -> None:
    async with two(tmp_path, skew=3600.0) as pair:
        await pair.connect()
        mine = pair.a.order("10.0.0.1", lasting=60.0)
        await until("B has it", lambda: pair.b.held)
        [theirs] = pair.b.overrides.ordered
        assert mine.until is not None and theirs.until is not None
        assert abs(theirs.until - mine.until - 3600.0) < 10
        late = pair.b.order("10.0.0.2", by="bob", lasting=60.0)
        await until("A has that", lambda: len(pair.a.held) == 2)
        found = next(one for one in pair.a.overrides.ordered if str(one.subject) == "10.0.0.2")
        assert late.until is not None and found.until is not None
        assert abs(late.until - found.until - 3600.0) < 10
        assert abs(pair.a.watch.view().skew + 3600.0) < 10


async def test_what_ends_by_itself_ends_on_both_and_is_told_once_each(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        await pair.connect()
        pair.a.order("10.0.0.1", lasting=3600.0)
        await until("B has it", lambda: pair.b.held)
        pair.a.skew = pair.b.skew = 3600.0
        assert not pair.a.held, "its time is over"
        pair.a.overrides.expire()
        await until("B has ended it", lambda: pair.b.of(OverrideEnded) or pair.b.overrides.expire())
        assert [one.by for one in (*pair.a.of(OverrideEnded), *pair.b.of(OverrideEnded))] == ["", ""]


async def test_what_cannot_be_written_down_does_not_hold_and_is_tried_again(tmp_path: Path) -> None:
    async with two(tmp_path) as pair:
        scratch = tmp_path / "b" / "overrides.new"
        scratch.mkdir()
        with capture_logs() as logs:
            await pair.connect()
            pair.a.order("10.0.0.1")
            await until("it is said", lambda: logs)
            heard = pair.b.watch.view().counts["heard"]
            await until("a few more questions", lambda: pair.b.watch.view().counts["heard"] > heard + 3)
        assert pair.b.held == {}
        assert [one["event"] for one in logs] == [
            "what was ordered at the peer does not hold here until it can be kept"
        ]
        scratch.rmdir()
        await both_hold(pair, {"10.0.0.1": "alice on lvs-a"}, {"10.0.0.1": "alice"})
