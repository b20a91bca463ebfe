"""Many notifications about one group become one that says the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import Notification, Reason, Status
from lvsctl.notify.waiting import folded
from tests.notify.made import START, alert, notification

A, B = "10.0.0.1:80", "10.0.0.2:80"


def states(one: Notification) -> dict[str, str]:
    return {each.label("server"): "fires" if each.firing else "ended" for each in one.alerts}


ROWS: list[tuple[str, list[Notification], dict[str, str]]] = [
    ("one stays as it is", [notification(alert(A))], {A: "fires"}),
    ("it fired and ended", [notification(alert(A)), notification(alert(A, ended=5))], {A: "ended"}),
    (
        "it fired, ended and fired again",
        [notification(alert(A)), notification(alert(A, ended=5)), notification(alert(A))],
        {A: "fires"},
    ),
    (
        "one ended in a message that nobody got",
        [notification(alert(A), alert(B)), notification(alert(A), alert(B, ended=5)), notification(alert(A))],
        {A: "fires", B: "ended"},
    ),
    (
        "what the newest message does not name fires no more, and was never told to have ended",
        [notification(alert(A), alert(B)), notification(alert(A))],
        {A: "fires"},
    ),
]


@pytest.mark.parametrize(("waiting", "told"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_newest_state_of_each_alert(waiting: list[Notification], told: dict[str, str]) -> None:
    named = [replace(each, id=f"n{number}") for number, each in enumerate(waiting)]
    one = folded(named)
    assert states(one) == told
    assert (one.id, one.at) == (named[-1].id, named[-1].at)


@pytest.mark.parametrize(
    ("reasons", "reason"),
    [
        ([Reason.FIRST, Reason.REPEAT], Reason.FIRST),
        ([Reason.NEW, Reason.RESOLVED], Reason.NEW),
        ([Reason.REPEAT, Reason.REPEAT], Reason.REPEAT),
    ],
)
def test_the_weightiest_reason(reasons: list[Reason], reason: Reason) -> None:
    assert folded([notification(alert(), name=str(n), reason=each) for n, each in enumerate(reasons)]).reason is reason


def test_what_was_never_told_is_known_to_be_so_until_it_is() -> None:
    """Of A the receiver has heard; B began and ended while it could not be told."""
    a, b = alert(A), alert(B)
    waiting = [
        notification(a, b, begun=frozenset({b.fingerprint}), name="n1", reason=Reason.NEW),
        notification(alert(A, ended=5), alert(B, ended=5), name="n2", reason=Reason.RESOLVED),
    ]
    assert folded(waiting).begun == {b.fingerprint}
    assert folded([waiting[1]]).begun == frozenset()


def test_what_is_muted_when_the_newest_is_made_still_fires() -> None:
    """Whoever is told of ends has not been told of one; and nobody would tell him anew that it goes on."""
    waiting = [notification(alert(A)), notification(alert(B), name="n2", reason=Reason.NEW)]
    assert states(folded(waiting, whole=False)) == {B: "fires", A: "fires"}
    ended = notification(alert(B, ended=5), name="n3", reason=Reason.RESOLVED)
    one = folded([*waiting, ended], whole=False)
    assert (states(one), one.status, one.reason) == ({B: "ended", A: "fires"}, Status.FIRING, Reason.FIRST)


def test_nothing_is_new_where_everything_ended() -> None:
    one = folded([notification(alert()), notification(alert(ended=5), name="n2", reason=Reason.RESOLVED)])
    assert (one.status, one.reason) == (Status.RESOLVED, Reason.RESOLVED)


steps = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=6
)


@given(steps)
def test_folding_by_and_by_is_folding_at_once(said: list[list[tuple[str, bool]]]) -> None:
    """So it does not matter when a queue makes room."""
    waiting = [
        notification(
            *(alert(server, ended=None if fires else number) for server, fires in dict(each).items()),
            name=f"n{number}",
            at=START + number,
        )
        for number, each in enumerate(said)
    ]
    once = folded(waiting)
    by_and_by = waiting[0]
    for each in waiting[1:]:
        by_and_by = folded([by_and_by, each])
    assert states(once) == states(by_and_by)
    assert len({each.fingerprint for each in once.alerts}) == len(once.alerts)
