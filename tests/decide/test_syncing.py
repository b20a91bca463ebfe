"""Which connection sync daemons run beside which roles, and the way there."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.syncing import Moves, left, moves, wanted
from lvsctl.model import OnExit, Role, SyncDaemon, Syncing, SyncRole
from tests.decide.making import OTHER_VIP, server, service, spec

MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP
ACTIVE, STANDBY, FAULT = Role.ACTIVE, Role.STANDBY, Role.FAULT
OURS = Syncing("eth1", 7)
M, B = OURS.daemon(MASTER), OURS.daemon(BACKUP)
THEIRS = replace(M, sync_id=8)


@pytest.mark.parametrize(
    ("roles", "ought", "sentence"),
    [
        ((), set(), "nobody takes part"),
        ((None,), set(), "nor does an instance that is stopped"),
        ((ACTIVE,), {MASTER}, "the active director tells of its connections"),
        ((STANDBY,), {BACKUP}, "the other one listens"),
        ((FAULT,), {BACKUP}, "one in fault listens as well: it may be well again"),
        ((ACTIVE, STANDBY), {MASTER, BACKUP}, "with two instances each may be active here or there"),
        ((ACTIVE, None), {MASTER}, "a stopped one asks for nothing"),
    ],
)
def test_roles_and_daemons(roles: tuple[Role | None, ...], ought: set[SyncRole], sentence: str) -> None:
    assert wanted(roles) == ought, sentence


IN_THE_WAY = (
    "a master sync daemon of somebody else runs on eth1 with id 8: stop it (ipvsadm --stop-daemon master), or name its "
    "interface and id in `pair: sync:`"
)


@pytest.mark.parametrize(
    ("want", "found", "stale", "ought", "sentence"),
    [
        ({MASTER}, [], (), Moves(start=(M,)), "what is missing is started"),
        ({MASTER}, [M], (), Moves(), "what runs is left alone"),
        ({MASTER}, [replace(M, max_length=1472)], (), Moves(), "the kernel fills in what is not given"),
        ({BACKUP}, [M], (), Moves(stop=(MASTER,), start=(B,)), "with the role the daemon changes"),
        (set(), [M, B], (), Moves(stop=(MASTER, BACKUP)), "what is not wanted is stopped"),
        ({MASTER}, [M], {MASTER}, Moves(stop=(MASTER,), start=(M,)), "one on an interface that is gone begins anew"),
        ({MASTER}, [replace(M, ttl=3)], (), Moves(stop=(MASTER,), start=(M,)), "ours with another TTL is begun anew"),
        ({MASTER}, [THEIRS], (), Moves(foreign={MASTER: IN_THE_WAY}), "somebody else's is not fought, but told of"),
        ({BACKUP}, [THEIRS], (), Moves(start=(B,)), "nor told of where it is not in the way"),
    ],
)
def test_the_way_there(
    want: set[SyncRole], found: list[SyncDaemon], stale: set[SyncRole], ought: Moves, sentence: str
) -> None:
    assert moves(OURS, want, found, stale=frozenset(stale)) == ought, sentence


SUBSETS = [frozenset(some) for some in chain.from_iterable(combinations(SyncRole, size) for size in range(3))]


@given(
    want=st.sampled_from(SUBSETS),
    found=st.fixed_dictionaries({}, optional={MASTER: st.sampled_from([M, THEIRS]), BACKUP: st.just(B)}),
)
def test_one_step_is_enough(want: frozenset[SyncRole], found: dict[SyncRole, SyncDaemon]) -> None:
    first = moves(OURS, want, list(found.values()))
    after = {role: one for role, one in found.items() if role not in first.stop} | {
        one.role: one for one in first.start
    }
    assert moves(OURS, want, list(after.values())) == Moves(foreign=first.foreign)
    assert {role for role in want if after[role] != OURS.daemon(role)} == set(first.foreign)


def test_what_goes_on_after_the_end() -> None:
    kept = service([server(1)], name="kept")
    flushed = replace(service([server(1)], name="flushed", key=OTHER_VIP), on_exit=OnExit.FLUSH)
    assert left(spec(kept, flushed)) == {BACKUP}, "a table that is kept is served by connections that are kept"
    assert left(spec(flushed)) == set()
