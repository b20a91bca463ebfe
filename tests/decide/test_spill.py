"""Which pool takes connections, and what was spilled: looks as tables, with what is told after each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from lvsctl.decide.spill.load import Loads, ServiceLoad, Shortage
from lvsctl.decide.spill.watch import watch
from lvsctl.events import (
    CapacityFine,
    CapacityHigh,
    Event,
    PoolExhausted,
    PoolRelieved,
    SpillEnded,
    SpillStarted,
)
from lvsctl.model import (
    CapacityWarning,
    Entry,
    Forward,
    Generation,
    RealAttrs,
    RealCounters,
    Seen,
    Server,
    Service,
    ServiceAttrs,
    ServiceCounters,
    Spec,
    Traffic,
)
from tests.decide.making import OTHER_VIP, VIP, real, service, spec

OLD, NEW = Generation.OLD, Generation.NEW


def limited(number: int, *, weight: int = 5, upper: int = 4, lower: int = 2) -> Server:
    return Server(real(number), RealAttrs(Forward.ROUTE, weight, upper, lower), ())


def shop(*pools: Iterable[Server], scheduler: str = "hprio", name: str = "shop", **more: object) -> Service:
    """What is over is told at once, unless something else is said."""
    return replace(service(*pools, scheduler=scheduler, name=name), **{"spill_quiet": 0.0, **more})  # type: ignore[arg-type]


TWO = shop([limited(1), limited(2)], [limited(3, weight=1, upper=0, lower=0)])
THREE = shop([limited(1, weight=9)], [limited(2, weight=5)], [limited(3, weight=1)])
ALONE = shop([limited(1), limited(2)], scheduler="wlc")


class Story:
    """Looks at one service, `step` seconds apart."""

    def __init__(self, of: Service = TWO, *, generation: Generation | None = NEW, persistence: int = 0) -> None:
        self.spec: Spec = spec(of)
        self.of = of
        self.now = 1000.0
        self.loads: Loads = {}
        self.generation = generation
        self.persistence = persistence
        self.ever: dict[int, int] = {}

    def look(
        self, *totals: int | str, step: float = 5.0, ever: dict[int, int] | None = None, **attrs: str
    ) -> list[str]:
        """What is told once server 1, 2, … have so many connections (a number behind `+`: templates; `-`: not there).

        What a total grows by came; ever: connections ever, where they were more. attrs: `s1="5 4/2"`, a weight and
        thresholds that are not those of the configuration.
        """
        self.now += step
        servers, counts = {}, {}
        by_number = {int(s.key.address) & 255: s for pool in self.of.pools for s in pool.servers}
        for number, total in enumerate(totals, start=1):
            if total == "-":
                continue
            held, _, templates = str(total).partition("+")
            key = real(number)
            before = self.service.servers.get(key) if VIP in self.loads else None
            self.ever[number] = self.ever.get(number, 0) + max(0, int(held) - (before.total if before else 0))
            self.ever |= ever or {}
            servers[key] = by_number[number].attrs
            if f"s{number}" in attrs:
                weight, limits = attrs[f"s{number}"].split()
                upper, lower = limits.split("/")
                servers[key] = RealAttrs(Forward.ROUTE, int(weight), int(upper), int(lower))
            counts[key] = RealCounters(int(held), 0, int(templates or 0), Traffic(self.ever[number]))
        entry = Entry(ServiceAttrs(self.of.attrs.scheduler, persistence=self.persistence), servers)
        look = Seen({VIP: entry}, {VIP: ServiceCounters(Traffic(), counts)}) if totals else Seen({}, {})
        return self.take(look)

    def take(self, look: Seen) -> list[str]:
        found = watch(self.spec, look, self.loads, self.now, generation=self.generation)
        self.loads = found.loads
        return [words(event) for event in found.events]

    def reload(self, of: Service) -> None:
        self.of, self.spec = of, spec(of)

    @property
    def service(self) -> ServiceLoad:
        return self.loads[VIP]

    @property
    def full(self) -> str:
        """`x` full, `.` has room, `?` not to be told, for each server."""
        flags = (server.overloaded for _, server in sorted(self.service.servers.items(), key=lambda row: str(row[0])))
        return "".join({True: "x", False: ".", None: "?"}[flag] for flag in flags)


def words(event: Event) -> str:
    match event:
        case SpillStarted(pool=pool, to=to):
            return f"{pool}>{to}"
        case SpillEnded(pool=pool, to=to, duration=duration, connections=connections, peak=peak):
            return f"{pool}<{to} {duration:g}s {connections} of {peak}"
        case PoolExhausted():
            return "exhausted"
        case PoolRelieved(duration=duration):
            return f"relieved {duration:g}s"
        case CapacityHigh(pool=pool, share=share):
            return f"{pool} high {share:.0%}"
        case CapacityFine(pool=pool, share=share, duration=duration):
            return f"{pool} fine {share:.0%} {duration:g}s"
    raise AssertionError(event)


# --- servers ------------------------------------------------------------------------------------------------------

SEQUENCES = [
    ("full at u, room again below l", "4/2", "0 3 4 3 2 1 3", "..xxx..", "..xxx.."),
    ("between the thresholds a start knows nothing, and learns", "4/2", "3 2 1", "??.", "??."),
    ("a start sees what is full", "4/2", "4 3", "xx", "xx"),
    ("who was full and got one more had room in between", "4/2", "0 4 2 3", ".xx.", ".xx."),
    ("no limit, never full", "0/0", "0 9", "..", ".."),
    ("l of 0 is three quarters of u", "8/0", "0 8 7 6 5", ".xxx.", ".xxx."),
    ("u raised while full: cleared by the old code", "4/2", "0 4 6/2=4 5 6", ".x..x", ".xx.x"),
    ("u raised far enough", "4/2", "0 4 9/6=4", ".x.", ".x."),
    ("u becomes 0", "4/2", "0 4 0/0=4", ".x.", ".x."),
    ("u lowered below the count: the old code lets one more in", "8/6", "0 5 3/2=5 6", "...x", "..xx"),
    ("u lowered while full", "4/2", "0 4 3/2=4 3 2 1", ".xxxx.", ".xxxx."),
    ("l raised: the old code looks when one ends", "4/1", "0 4 2 4/4=2 1", ".xxx.", ".xx.."),
    ("l lowered: it stays full", "4/3", "0 4 3 4/1=3 2 1 0", ".xxxxx.", ".xxxxx."),
    ("edited when the start had not known", "4/2", "3 8/2=3", "?.", "??"),
    ("edited to what it must be when the start had not known", "4/2", "3 3/2=3 3/3=2", "?x.", "?x."),
]


@pytest.mark.parametrize(("sentence", "limits", "script", "old", "new"), SEQUENCES, ids=[row[0] for row in SEQUENCES])
def test_a_server(sentence: str, limits: str, script: str, old: str, new: str) -> None:
    for generation, expected in ((OLD, old), (NEW, new)):
        upper, lower = (int(word) for word in limits.split("/"))
        story = Story(shop([limited(1, upper=upper, lower=lower), limited(2)]), generation=generation)
        flags, now = "", limits
        for word in script.split():
            edit, _, total = word.rpartition("=")
            now = edit or now
            story.look(int(total), 0, s1=f"5 {now}")
            flags += story.full[0]
        assert (generation, flags) == (generation, expected)


def test_a_kernel_of_unknown_generation_is_said_to_be_unknown_where_the_two_differ() -> None:
    story = Story(generation=None)
    for totals, limits, full in (((0, 0, 0), "4/2", "..."), ((4, 4, 0), "4/2", "xx."), ((4, 4, 0), "6/2", "??.")):
        story.look(*totals, s1=f"5 {limits}", s2=f"5 {limits}")
        assert story.full == full
    assert story.service.taking == "a", "who may have room is not said to be full"
    assert not story.service.spilling
    assert story.look(6, 6, 0, s1="5 6/2", s2="5 6/2") == []
    assert (story.full, story.service.spilling) == ("xx.", True)


def test_with_persistence_one_more_connection_proves_nothing() -> None:
    story = Story(persistence=60)
    story.look(0, 0, 0)
    story.look(4, 4, 0)
    story.look(2, 3, 0)
    story.look(3, 4, 0)
    assert story.full == "xx."


# --- a spill ------------------------------------------------------------------------------------------------------


def test_a_spill_from_its_beginning_to_its_end() -> None:
    story = Story()
    assert story.look(3, 4, 0) == []
    assert (story.service.taking, story.service.since) == ("a", None)
    assert story.look(4, 4, 0) == ["a>b"]
    assert (story.service.taking, story.service.since, story.service.spilling) == ("b", story.now, True)
    assert story.look(4, 4, 5) == []
    assert story.look(3, 3, 3, ever={3: 7}) == []
    assert story.service.spilled == 7
    assert story.look(3, 1, 3, step=1, ever={3: 8}) == []
    assert (story.service.taking, story.service.since, story.service.spilling) == ("a", story.now, False)
    assert story.look(3, 2, 2, step=2, ever={3: 9}) == [], "the counters lag"
    assert story.look(3, 2, 1, step=1) == ["a<b 11s 9 of 5"]
    assert (story.service.spills, story.service.spilled) == ((), 0)


def test_before_the_counters_tell_of_it_the_table_says_how_many_were_spilled_at_least() -> None:
    story = Story()
    story.look(0, 0, 0)
    course = []
    for held, counted in ((0, 0), (6, 0), (2, 0), (3, 4), (3, 9), (0, 9)):
        story.look(4, 4, held, step=1, ever={3: counted})
        course.append(story.service.spilled)
    assert course == [0, 6, 6, 7, 9, 9], "it never falls, and is exact once all are counted"
    story.look(1, 1, 0, step=1, ever={3: 9})
    assert story.look(1, 1, 0, step=3, ever={3: 9}) == ["a<b 6s 9 of 6"]


def test_two_spills_that_the_counters_cannot_tell_apart_are_one() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    assert story.look(1, 4, 1, step=1) == []
    assert story.look(4, 4, 3, step=1) == []
    assert story.look(1, 1, 3, step=1) == []
    assert story.look(1, 1, 3) == ["a<b 3s 3 of 3"]


def test_a_spill_between_two_looks_is_seen_by_the_connections_it_left() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(1, 1, 1) == ["a>b"]
    assert (story.service.taking, story.service.spilling, story.service.spilled) == ("a", False, 1)
    assert story.look(1, 1, 0) == ["a<b 0s 1 of 1"]


def test_a_spill_between_two_looks_is_seen_by_the_counters_when_its_connections_are_gone() -> None:
    story = Story()
    story.look(0, 0, 0)
    story.look(0, 0, 0)
    assert story.look(1, 1, 0, ever={3: 7}) == ["a>b"]
    assert story.look(1, 1, 0) == ["a<b 0s 7 of 0"]
    assert story.look(1, 1, 0) == []


def test_who_was_full_between_two_looks_and_has_not_drained_is_full() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(3, 2, 1) == ["a>b"]
    assert (story.full, story.service.spilling) == ("xx.", True)


def test_of_a_server_that_drains_a_spill_says_nothing() -> None:
    story = Story()
    story.look(0, 0, 0)
    story.look(0, 3, 0)
    story.look(0, 3, 0, s2="0 4/2")
    assert story.look(3, 3, 1, s2="0 4/2") == ["a>b"]
    assert story.full == "x..", "the spill came of server 1 alone"


def test_with_persistence_a_template_is_a_sign_and_a_connection_is_none() -> None:
    story = Story(persistence=60)
    story.look(0, 0, "1+1")
    story.look(0, 0, "1+1")
    assert story.look(0, 0, "3+1", ever={3: 9}) == [], "a client that is remembered came again"
    assert story.look(0, 0, "4+2", ever={3: 10}) == ["a>b"]
    assert story.look(0, 0, "5+2", ever={3: 11}) == ["a<b 0s 2 of 5"], "what is counted includes the remembered"


def test_a_server_above_that_cannot_be_full_makes_it_no_spill() -> None:
    story = Story(shop([limited(1), limited(2, upper=0, lower=0)], [limited(3, weight=1)]))
    story.look(4, 4, 0)
    assert story.look(4, 4, 2) == []
    assert story.service.taking == "a"


@pytest.mark.parametrize("scheduler", ["fo", "hprio"])
def test_both_priority_schedulers_spill(scheduler: str) -> None:
    story = Story(shop([limited(1)], [limited(2, weight=1)], scheduler=scheduler))
    assert story.look(4, 0) == ["a>b"]


def test_without_a_priority_scheduler_nothing_spills() -> None:
    story = Story(shop([limited(1)], [limited(2, weight=1)], scheduler="wlc"))
    story.look(3, 0)
    assert story.look(4, 2) == []
    assert (story.full, story.service.pools[0].full) == ("x.", True)


# --- at the verge of the thresholds -------------------------------------------------------------------------------


def test_a_spill_that_comes_and_goes_is_one() -> None:
    story = Story(replace(TWO, spill_quiet=10.0))
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    began = story.now
    for _ in range(4):
        assert story.look(1, 4, 1) == []
        assert (story.service.taking, story.service.spilling, story.service.since) == ("a", False, story.now)
        assert story.look(4, 4, 3) == []
        assert (story.service.taking, story.service.spilling, story.service.since) == ("b", True, began)
        assert story.look(4, 4, 1) == []
    assert story.look(1, 4, 1) == []
    assert story.look(1, 4, 1) == []
    assert story.look(1, 4, 1) == ["a<b 65s 9 of 3"], "without the time for which it had to be over"
    assert story.look(1, 4, 1) == []


def test_a_spill_between_two_looks_makes_one_that_was_over_go_on() -> None:
    story = Story(replace(TWO, spill_quiet=10.0))
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    assert story.look(1, 1, 1) == []
    assert story.look(1, 1, 2) == []
    assert story.look(1, 1, 2) == []
    assert story.look(1, 1, 2) == ["a<b 10s 2 of 2"]


def test_one_of_which_only_the_counters_tell_does_so_too_but_not_what_they_tell_late() -> None:
    story = Story(replace(TWO, spill_quiet=10.0))
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    assert story.look(1, 1, 0) == []
    assert story.look(1, 1, 0, step=2, ever={3: 5}) == [], "of before it was over"
    assert story.look(1, 1, 0, step=4) == []
    assert story.look(1, 1, 0, step=3, ever={3: 7}) == [], "these came later"
    assert story.look(1, 1, 0, step=9) == []
    assert story.look(1, 1, 0, step=1) == ["a<b 14s 7 of 1"]


def test_a_spill_after_the_quiet_time_is_another() -> None:
    story = Story(replace(TWO, spill_quiet=10.0))
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    assert story.look(1, 1, 1) == []
    assert story.look(1, 1, 1) == []
    assert story.look(4, 4, 1, step=5) == [], "just in time"
    assert story.look(1, 1, 1) == []
    assert story.look(1, 1, 1) == []
    assert story.look(1, 1, 1) == ["a<b 20s 1 of 1"]
    assert story.look(4, 4, 2) == ["a>b"]


def test_a_shortage_that_comes_and_goes_is_one() -> None:
    story = Story(replace(ALONE, spill_quiet=10.0))
    story.look(0, 0)
    assert story.look(4, 4) == ["exhausted"]
    assert story.look(4, 1) == []
    assert not story.service.exhausted
    assert story.look(4, 4) == []
    assert story.service.exhausted
    assert story.look(4, 1) == []
    assert story.look(4, 1) == []
    assert story.look(4, 1) == ["relieved 15s"]
    assert story.look(4, 4) == ["exhausted"]


def test_what_has_left_conf_d_waits_for_nothing() -> None:
    story = Story(replace(ALONE, spill_quiet=60.0))
    assert story.look(4, 4) == ["exhausted"]
    assert story.look(4, 1) == []
    story.spec = spec(replace(ALONE, key=OTHER_VIP))
    assert story.look(4, 1) == ["relieved 5s"]


# --- what is no spill ---------------------------------------------------------------------------------------------


def test_a_lower_pool_in_use_as_no_server_above_is_there_is_no_spill() -> None:
    story = Story()
    story.look(3, 3, 0)
    assert story.look("-", "-", 3) == []
    assert (story.service.taking, story.service.spilling) == ("b", False)
    assert story.look(3, 3, 5, s1="0 4/2", s2="0 4/2") == []
    assert story.look(0, 0, 6, step=1) == [], "the upper pool is back; these came before it was"
    assert story.look(0, 0, 6, step=1, ever={3: 9}) == [], "and so did these, which were counted late"
    assert story.look(0, 0, 6, step=5, ever={3: 9}) == []
    assert story.look(0, 0, 6, step=5, ever={3: 10}) == ["a>b"]


def test_a_pool_whose_last_servers_go_while_it_spills_spills_no_more() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 2) == ["a>b"]
    assert story.look("-", "-", 9) == ["a<b 5s 2 of 2"]
    assert story.look("-", "-", 20) == []


def test_after_a_start_old_counts_are_no_spill() -> None:
    story = Story()
    assert story.look(1, 1, 5, ever={3: 500}) == []
    assert story.look(1, 1, 5, step=1, ever={3: 503}) == [], "counted late"
    assert story.look(1, 1, 4) == []


def test_after_a_start_in_the_middle_of_a_spill_what_is_full_is_told() -> None:
    story = Story()
    assert story.look(4, 4, 5, ever={3: 500}) == ["a>b"]
    assert story.service.spilled == 0
    assert story.look(4, 4, 6, ever={3: 501}) == []
    assert story.service.spilled == 1


def test_after_a_start_between_the_thresholds_the_next_connection_tells() -> None:
    story = Story()
    assert story.look(3, 3, 5) == []
    assert story.full == "??."
    assert story.look(3, 3, 6) == ["a>b"]
    assert story.full == "xx."


def test_a_weight_above_a_higher_pools_takes_connections_without_a_spill() -> None:
    story = Story()
    story.look(0, 0, 0, s3="9 0/0")
    assert story.look(0, 0, 3, s3="9 0/0") == []
    assert story.service.taking == "b"
    mixed = Story(shop([limited(1), limited(2)], [limited(3, weight=1)]))
    mixed.look(0, 0, 0, s2="1 4/2", s3="3 4/2")
    assert mixed.look(4, 0, 2, s2="1 4/2", s3="3 4/2") == [], "one of pool a has less weight than that of pool b"


# --- counters that begin anew -------------------------------------------------------------------------------------


def test_zeroed_counters_lose_nothing_that_came_after() -> None:
    story = Story()
    story.look(0, 0, 0, ever={3: 900})
    story.look(0, 0, 0)
    assert story.look(0, 0, 0, ever={3: 0}) == []
    assert story.look(4, 4, 1, ever={3: 3}) == ["a>b"]
    assert story.look(4, 4, 1, ever={3: 2}) == [], "zeroed again, and two came"
    assert story.service.spilled == 5


def test_a_server_deleted_and_added_again_goes_on_or_begins_anew() -> None:
    story = Story()
    story.look(0, 0, 0, ever={3: 900})
    story.look(0, 0, 0)
    story.look(0, 0, "-")
    assert story.look(0, 0, 0, ever={3: 900}) == []
    story.look(0, 0, "-")
    assert story.look(0, 0, 0, ever={3: 0}) == []
    story.look(0, 0, 0)
    assert story.look(0, 0, 0, ever={3: 2}) == ["a>b"]


def test_what_is_counted_late_of_a_server_that_was_away_is_no_spill() -> None:
    story = Story(shop([limited(1), limited(2)], [limited(3, weight=1), limited(4, weight=1)]))
    story.look("-", "-", 0, 1, ever={4: 900})
    story.look(0, 0, 0, "-")
    story.look(0, 0, 0, "-")
    assert story.look(0, 0, 0, 0, ever={4: 900}) == []
    assert story.look(0, 0, 0, 0, step=2, ever={4: 907}) == [], "of before it went"
    assert story.look(0, 0, 0, 0, ever={4: 907}) == []
    assert story.look(0, 0, 0, 0, ever={4: 908}) == ["a>b"]
    story.look(0, 0, 0, 0)
    story.look(0, 0, 0, "-")
    assert story.look(0, 0, 0, 0, ever={4: 911}) == [], "the same, at the look that finds it back"
    story.look(0, 0, 0, "-")
    assert story.look(0, 0, 0, 2, ever={4: 913}) == ["a>b"], "connections are a sign"


def test_a_server_that_the_reload_brought_may_have_a_past() -> None:
    story = Story()
    story.look(0, 0, 0)
    story.look(0, 0, 0)
    more = shop([limited(1), limited(2)], [limited(3, weight=1, upper=0, lower=0), limited(4, weight=1)])
    story.reload(more)
    assert story.look(0, 0, 0, 2, ever={4: 70}) == []
    assert story.look(0, 0, 0, 2) == []
    assert story.look(0, 0, 0, 3) == ["a>b"]


# --- three pools --------------------------------------------------------------------------------------------------


def test_three_pools_spill_one_into_the_other() -> None:
    story = Story(THREE)
    story.look(3, 0, 0)
    assert story.look(4, 3, 0) == ["a>b"]
    assert story.look(4, 4, 1) == ["b>c"]
    assert (story.service.taking, story.service.spilled) == ("c", 5)
    assert story.look(4, 4, 4) == ["exhausted"]
    assert story.service.taking is None
    assert story.look(4, 4, 3) == [], "not below its lower threshold"
    assert story.look(4, 1, 1) == ["relieved 10s"]
    assert story.service.taking == "b"
    assert story.look(1, 1, 1) == ["b<c 15s 4 of 4"]
    assert story.look(1, 1, 1) == ["a<b 25s 4 of 4"]


def test_a_sign_on_the_lowest_pool_speaks_for_all_above() -> None:
    story = Story(THREE)
    story.look(0, 0, 0)
    assert story.look(1, 1, 1) == ["a>b", "b>c"]
    assert story.look(1, 1, 1) == ["b<c 0s 1 of 1", "a<b 0s 1 of 1"]


def test_when_the_highest_has_room_nothing_spills_although_the_second_is_full() -> None:
    story = Story(THREE)
    story.look(0, 0, 0)
    assert story.look(4, 4, 2) == ["a>b", "b>c"]
    assert story.look(1, 4, 2) == []
    assert (story.service.taking, story.service.spilling) == ("a", False)


# --- exhausted ----------------------------------------------------------------------------------------------------


def test_one_pool_is_exhausted_and_relieved() -> None:
    story = Story(ALONE)
    assert story.look(3, 4) == []
    assert story.look(4, 4) == ["exhausted"]
    assert story.service.shortage == Shortage(story.now)
    assert story.service.exhausted
    assert story.look(4, 2) == []
    assert story.look(4, 1) == ["relieved 10s"]


def test_servers_without_a_weight_neither_have_room_nor_are_full() -> None:
    story = Story(ALONE)
    assert story.look(4, 0, s2="0 4/2") == ["exhausted"]
    assert story.look(4, 0, s1="0 4/2", s2="0 4/2") == ["relieved 5s"], "nobody serves: the service is down"


# --- a reload -----------------------------------------------------------------------------------------------------


def test_a_pool_with_another_name_ends_the_spill_and_begins_one() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    renamed = replace(TWO, pools=(replace(TWO.pools[0], name="x"), TWO.pools[1]))
    story.reload(renamed)
    assert story.look(4, 4, 2) == ["a<b 5s 1 of 1", "x>b"]
    assert story.full == "xx."


def test_a_service_with_another_name_keeps_what_is_known_of_its_servers() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    story.look(3, 3, 1)
    story.reload(replace(TWO, name="store"))
    found = watch(story.spec, Seen({}, {}), story.loads, story.now, generation=NEW)
    assert [event.service for event in found.events] == ["shop"]  # type: ignore[union-attr]
    assert story.look(3, 3, 1) == ["a<b 10s 1 of 1", "a>b"]


def test_what_leaves_the_configuration_is_told_to_its_end() -> None:
    story = Story(replace(ALONE, capacity_warning=CapacityWarning(0.8, 0)))
    assert story.look(4, 4) == ["exhausted", "a high 100%"]
    other = replace(ALONE, key=OTHER_VIP, name="other")
    story.spec = spec(other)
    assert story.look(4, 4) == ["relieved 5s", "a fine 0% 5s"]
    assert story.loads.keys() == {OTHER_VIP}


def test_a_service_that_loses_its_thresholds_is_told_to_its_end_and_watched_no_more() -> None:
    story = Story(ALONE)
    assert story.look(4, 4) == ["exhausted"]
    story.reload(shop([limited(1, upper=0, lower=0)], scheduler="wlc"))
    assert story.look(4) == ["relieved 5s"]
    assert story.loads == {}


def test_a_reload_in_the_middle_of_a_spill_changes_nothing_of_it() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    story.reload(shop([limited(1), limited(2)], [limited(3, weight=1), limited(4, weight=1)]))
    assert story.look(4, 4, 2, 1) == []
    assert story.service.spilled == 2


def test_a_server_more_gives_the_pool_room() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    story.reload(shop([limited(1), limited(2), limited(4)], [limited(3, weight=1)]))
    assert story.look(4, 4, 1, 0) == []
    assert story.look(4, 4, 1, 1) == ["a<b 5s 1 of 1"]


def test_a_service_that_somebody_deletes_spills_no_more() -> None:
    story = Story()
    story.look(0, 0, 0)
    assert story.look(4, 4, 1) == ["a>b"]
    assert story.look() == ["a<b 5s 1 of 1"]
    assert story.service.taking is None


# --- capacity -----------------------------------------------------------------------------------------------------


def test_a_pool_that_stays_nearly_full_is_told_once_and_when_it_is_not() -> None:
    story = Story(replace(TWO, capacity_warning=CapacityWarning(0.75, 10)))
    assert story.look(3, 2, 0) == []
    assert story.look(3, 3, 0) == []
    assert story.look(3, 3, 0) == []
    assert story.look(3, 3, 0) == ["a high 75%"]
    assert story.look(4, 3, 0) == []
    assert story.look(3, 2, 0) == ["a fine 62% 20s"]
    assert story.look(3, 3, 0) == []
    assert story.look(3, 2, 0) == []


def test_a_pool_with_a_server_without_threshold_has_no_capacity() -> None:
    story = Story(replace(TWO, capacity_warning=CapacityWarning(0.5, 0)))
    assert story.look(0, 0, 99) == []
    assert [(pool.conns, pool.capacity) for pool in story.service.pools] == [(0, 8), (99, None)]


def test_what_drains_is_no_capacity() -> None:
    story = Story(replace(TWO, capacity_warning=CapacityWarning(0.75, 0)))
    assert story.look(3, 0, 0, s2="0 4/2") == ["a high 75%"]
    assert [(pool.conns, pool.capacity, pool.live) for pool in story.service.pools] == [(3, 4, 1), (0, None, 1)]


def test_a_reload_without_the_warning_ends_it() -> None:
    story = Story(replace(TWO, capacity_warning=CapacityWarning(0.75, 0)))
    assert story.look(3, 3, 0) == ["a high 75%"]
    story.reload(TWO)
    assert story.look(3, 3, 0) == ["a fine 75% 5s"]
