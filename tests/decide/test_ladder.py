"""Which scheduler each service is given as the kernel's schedulers come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.ladder import Ladder, climb, way_out
from lvsctl.decide.plan import SWITCH_MOMENT, diff
from lvsctl.events import SchedulerAppeared, SchedulerMissing
from lvsctl.model import Entry, SchedulerUpgrade, Service, ServiceAttrs
from tests.decide.making import OTHER_VIP, VIP, healths, server, service, spec

AUTO = SchedulerUpgrade.AUTO
NONE: frozenset[str] = frozenset()
BOTH = frozenset({"hprio", "fo"})


def web(fallback: str | None = "fo", upgrade: SchedulerUpgrade = SchedulerUpgrade.RELOAD) -> Service:
    return replace(service([server(1)], scheduler="hprio", fallback=fallback), upgrade=upgrade)


@pytest.mark.parametrize(
    ("sentence", "what", "lacked", "lacks", "gets", "news"),
    [
        ("nothing changes", web(), {"hprio"}, {"hprio"}, "fo", ()),
        ("a stand-in goes on", web(), {"hprio"}, NONE, "fo", [("hprio", "fo")]),
        ("unless it may give way by itself", web(upgrade=AUTO), {"hprio"}, NONE, "hprio", [("hprio", "hprio")]),
        ("who has none takes the wanted one", web(None), {"hprio"}, NONE, "hprio", [("hprio", "hprio")]),
        ("or the fallback, if that comes", web(), BOTH, {"hprio"}, "fo", [("fo", "fo")]),
        ("and the wanted one, if both come", web(), BOTH, NONE, "hprio", [("hprio", "hprio")]),
        ("still none", web(None), {"hprio"}, {"hprio"}, None, ()),
        ("the wanted one goes", web(), NONE, {"hprio"}, "fo", ()),
        ("the fallback goes while it is used", web(), {"hprio"}, BOTH, None, ()),
        ("it goes, and the wanted one comes", web(), {"hprio"}, {"fo"}, "hprio", [("hprio", "hprio")]),
        ("the fallback of who does not use it goes", web(), NONE, {"fo"}, "hprio", ()),
    ],
)
def test_one_rung(
    sentence: str, what: Service, lacked: set[str], lacks: set[str], gets: str | None, news: list[tuple[str, str]]
) -> None:
    ladder, events = climb(spec(what), Ladder(frozenset(lacked)), frozenset(lacks))
    assert ladder.scheduler(what) == gets, sentence
    assert ladder.waits(what) is (gets == "fo" and "hprio" not in lacks), sentence
    assert list(events) == [SchedulerAppeared(name, used, ("web",)) for name, used in news], sentence
    assert ladder.missing == lacks


def test_who_waits_is_told_of_once_and_waits_until_the_next_configuration() -> None:
    wanted = spec(web())
    ladder, _ = climb(wanted, Ladder(frozenset({"hprio"})), NONE)
    again, news = climb(wanted, ladder, NONE)
    assert (again, news) == (ladder, ())
    assert Ladder(NONE).scheduler(web()) == "hprio"


def test_one_that_goes_and_comes_again_is_news_again() -> None:
    wanted = spec(web())
    there, _ = climb(wanted, Ladder(frozenset({"hprio"})), NONE)
    gone, silent = climb(wanted, there, frozenset({"hprio"}))
    assert (gone.scheduler(web()), gone.kept, silent) == ("fo", {}, ())
    _, news = climb(wanted, gone, NONE)
    assert news == (SchedulerAppeared("hprio", "fo", ("web",)),)


def on(scheduler: str) -> Entry:
    return Entry(ServiceAttrs(scheduler), {})


@pytest.mark.parametrize(
    ("sentence", "before"),
    [
        ("before hprio was noticed", Ladder(frozenset({"hprio"}))),
        ("while it waits for the next reload", Ladder(NONE, {VIP: "fo"})),
    ],
)
def test_who_is_given_the_wanted_one_by_somebody_else_keeps_it(sentence: str, before: Ladder) -> None:
    ladder, news = climb(spec(web()), before, before.missing, {VIP: on("hprio")})
    assert (ladder, news) == (Ladder(), ()), sentence


def test_what_another_service_uses_is_there() -> None:
    before = Ladder(frozenset({"hprio"}))
    ladder, news = climb(spec(web()), before, before.missing, {VIP: on("fo"), OTHER_VIP: on("hprio")})
    assert (ladder, news) == (Ladder(NONE, {VIP: "fo"}), (SchedulerAppeared("hprio", "fo", ("web",)),))


@pytest.mark.parametrize("before", [Ladder(frozenset({"hprio"})), Ladder(NONE, {VIP: "fo"})])
def test_who_is_given_any_other_goes_back_to_the_stand_in(before: Ladder) -> None:
    assert climb(spec(web()), before, before.missing, {VIP: on("rr")}) == (before, ())


def test_a_refused_service_that_somebody_made_is_switched_and_says_what_it_costs() -> None:
    wanted = spec(web(None))
    ladder, _ = climb(wanted, Ladder(frozenset({"hprio"})), NONE, {VIP: on("rr")})
    after = desired(wanted, healths("U"), {VIP: on("rr")}, ladder=ladder)
    steps = diff(after.table, {VIP: on("rr")}, owned={VIP}, why=after.why)
    assert ("scheduler rr -> hprio", f"configuration; {SWITCH_MOMENT}") in [(s.change, s.reason) for s in steps]


def test_services_decide_each_for_itself_and_are_told_of_together() -> None:
    three = spec(
        web(),
        replace(web(upgrade=AUTO), name="auto", key=OTHER_VIP),
        replace(web(), name="more", key=replace(VIP, port=81)),
    )
    ladder, news = climb(three, Ladder(frozenset({"hprio"})), NONE)
    assert ladder.kept == {VIP: "fo", replace(VIP, port=81): "fo"}
    assert news == (
        SchedulerAppeared("hprio", "fo", ("web", "more")),
        SchedulerAppeared("hprio", "hprio", ("auto",)),
    )


def test_who_waits_says_so_and_lacks_nothing() -> None:
    wanted = spec(web())
    ladder, _ = climb(wanted, Ladder(frozenset({"hprio"})), NONE)
    found = desired(wanted, healths("U"), {}, ladder=ladder)
    assert found.table[VIP].attrs.scheduler == "fo"
    assert found.why[VIP, None] == (
        "configuration; hprio is there now; the service goes on with fo until the next reload"
    )
    assert found.schedulers == ()


def test_the_switch_says_what_it_costs() -> None:
    wanted = spec(web())
    before = desired(wanted, healths("U"), {}, ladder=Ladder(frozenset({"hprio"})))
    assert before.schedulers == (SchedulerMissing("hprio", "fo", ("web",)),)
    after = desired(wanted, healths("U"), before.table, ladder=Ladder())
    [step] = diff(after.table, before.table, owned={VIP}, why=after.why)
    assert (step.change, step.reason) == ("scheduler fo -> hprio", f"configuration; {SWITCH_MOMENT}")


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [("hprio", "install the module (deploy/ip-vs-hprio)"), ("mh", "try modprobe ip_vs_mh")],
)
def test_the_way_out(scheduler: str, says: str) -> None:
    assert way_out(scheduler) == says


@given(st.lists(st.frozensets(st.sampled_from(["hprio", "fo"])), min_size=1, max_size=6), st.sampled_from(["fo", None]))
def test_a_service_that_runs_changes_by_itself_only_when_its_scheduler_goes(
    looks: list[frozenset[str]], fallback: str | None
) -> None:
    what = web(fallback)
    ladder = Ladder(looks[0])
    for missing in looks[1:]:
        before = ladder.scheduler(what)
        ladder, _ = climb(spec(what), ladder, missing)
        now = ladder.scheduler(what)
        assert now not in missing, "nobody is given what the kernel lacks"
        assert now is not None or {"hprio", fallback} - {None} <= missing, "nobody is refused who could be served"
        if before is not None and before not in missing:
            assert now == before
