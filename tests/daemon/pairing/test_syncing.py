"""The connection sync daemons follow the role, and are looked after."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.daemon.pairing import syncing
from lvsctl.daemon.pairing.pairing import Pairing
from lvsctl.errors import KernelError
from lvsctl.events import RoleChanged, SyncFailed, SyncRestored
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import PairSpec, Provider, Refusal, Role, SyncDaemon, Syncing, SyncRole
from tests.daemon.pairing.scene import Scene, playing, until

MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP
OURS = Syncing("eth0", 7)
MANUAL = PairSpec(Provider.MANUAL, name="cloud", sync=OURS)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK", "AGAIN", "SOON", "LINGER"):
        monkeypatch.setattr(syncing, name, 0.01)


def running(scene: Scene) -> set[SyncRole]:
    return set(scene.ipvs._daemons)


def trouble(pairing: Pairing) -> str:
    view = pairing.view()
    assert view is not None and view.sync is not None
    return view.sync.trouble


def told(scene: Scene) -> list[str]:
    return [
        f"{type(event).__name__} {event.role}" for event in scene.events if isinstance(event, SyncFailed | SyncRestored)
    ]


async def test_they_follow_the_role_and_the_backup_outlives_the_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    scene.left = frozenset({BACKUP})
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        pairing.say(Role.ACTIVE, by="root")
        await until(lambda: running(scene) == {MASTER})
        view = pairing.view()
        assert (
            view and view.sync and (view.sync.interface, view.sync.sync_id, view.sync.wanted) == ("eth0", 7, (MASTER,))
        )
        await until(
            lambda: bool((view := pairing.view()) and view.sync and [*map(role_of, view.sync.running)] == [MASTER])
        )
    assert running(scene) == {BACKUP}
    assert told(scene) == []


async def test_the_backup_goes_on_for_a_moment_beside_a_new_master(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was preempted tells its youngest connections when this director is active already."""
    monkeypatch.setattr(syncing, "LINGER", 3600.0)
    scene = Scene(tmp_path, MANUAL)
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        it = scene.ipvs._daemons[BACKUP]
        pairing.say(Role.ACTIVE, by="root")
        await until(lambda: running(scene) == {MASTER, BACKUP})
        pairing.say(Role.STANDBY, by="root")
        await until(lambda: running(scene) == {BACKUP})
        pairing.say(Role.ACTIVE, by="root")
        await until(lambda: running(scene) == {MASTER, BACKUP})
        assert scene.ipvs._daemons[BACKUP] is it, "it has heard all the while"
        view = pairing.view()
        assert view and view.sync and view.sync.wanted == (MASTER,)
    assert running(scene) == set()
    assert told(scene) == []


def role_of(daemon: SyncDaemon) -> SyncRole:
    return daemon.role


async def test_what_somebody_stops_runs_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    async with playing(scene):
        await until(lambda: running(scene) == {BACKUP})
        await scene.ipvs.stop_sync(BACKUP)
        await until(lambda: running(scene) == {BACKUP})
    assert running(scene) == set(), "and nothing where no table is kept"


async def test_a_new_interface_of_the_old_name_gets_a_new_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        before, good = scene.ipvs._daemons[BACKUP], scene.ground.interfaces["eth0"]
        scene.ground.drop("eth0")
        await until(lambda: told(scene) == ["SyncFailed backup"])
        assert trouble(pairing) == "there is no interface eth0 for the sync daemon: create it, or correct the name"
        assert scene.ipvs._daemons[BACKUP] is before
        scene.ground.put(replace(good, index=99))
        await until(lambda: scene.ipvs._daemons.get(BACKUP, before) is not before)
        await until(lambda: told(scene) == ["SyncFailed backup", "SyncRestored backup"])


async def test_somebody_elses_daemon_is_told_of_and_left_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    theirs = SyncDaemon(BACKUP, "eth0", 9)
    await scene.ipvs.start_sync(theirs)
    async with playing(scene) as pairing:
        await until(lambda: told(scene) == ["SyncFailed backup"])
        assert trouble(pairing).startswith(
            "a backup sync daemon of somebody else runs on eth0 with id 9: stop it (ipvsadm"
        )
        assert scene.ipvs._daemons[BACKUP].sync_id == 9
        await scene.ipvs.stop_sync(BACKUP)
        await until(lambda: told(scene) == ["SyncFailed backup", "SyncRestored backup"])


async def test_a_stop_that_is_interrupted_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, interrupted = MemoryIpvs.stop_sync, [True, True]

    async def nervous(self: MemoryIpvs, role: SyncRole) -> Refusal | None:
        return Refusal(errno.EINTR, "interrupted") if interrupted and interrupted.pop() else await stop(self, role)

    monkeypatch.setattr(MemoryIpvs, "stop_sync", nervous)
    scene = Scene(tmp_path, MANUAL)
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        pairing.say(Role.ACTIVE, by="root")
        await until(lambda: running(scene) == {MASTER})
    assert (told(scene), interrupted) == ([], [])


async def test_a_silent_kernel_is_told_once_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: MemoryIpvs) -> list[SyncDaemon]:
        raise KernelError("netlink: no answer from the kernel within 10 s")

    scene = Scene(tmp_path, MANUAL)
    with monkeypatch.context() as broken:
        broken.setattr(MemoryIpvs, "sync_daemons", silent)
        await scene.pairing.start()
        await until(lambda: told(scene) == ["SyncFailed backup"])
        assert trouble(scene.pairing) == "netlink: no answer from the kernel within 10 s"
    await until(lambda: told(scene) == ["SyncFailed backup", "SyncRestored backup"])
    await scene.pairing.hand_over()
    await scene.pairing.close()


async def test_other_words_in_conf_d_begin_it_anew(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        await pairing.take(replace(MANUAL, sync=replace(OURS, sync_id=8, group=ip_address("224.0.0.82"))))
        await until(lambda: running(scene) == {BACKUP} and scene.ipvs._daemons[BACKUP].sync_id == 8)
        assert scene.roles == ["cloud standby: started"], "the role stays"
        await pairing.take(replace(MANUAL, sync=None))
        await until(lambda: running(scene) == set())
        view = pairing.view()
        assert view is not None and view.sync is None


@pytest.mark.parametrize("back", [False, True])
async def test_of_two_reloads_in_a_row_both_are_followed(tmp_path: Path, back: bool) -> None:
    """The second comes before the first has stopped anything."""
    scene = Scene(tmp_path, MANUAL)
    last = OURS if back else replace(OURS, sync_id=9)
    async with playing(scene) as pairing:
        await until(lambda: running(scene) == {BACKUP})
        await pairing.take(replace(MANUAL, sync=replace(OURS, sync_id=8)))
        await pairing.take(replace(MANUAL, sync=last))
        await until(lambda: BACKUP in running(scene) and scene.ipvs._daemons[BACKUP].sync_id == last.sync_id)
    assert told(scene) == []


async def test_what_an_earlier_life_left_goes_on_until_the_role_is_known(tmp_path: Path) -> None:
    scene = Scene(tmp_path, replace(MANUAL, provider=Provider.VRRP))
    await scene.ipvs.start_sync(OURS.daemon(BACKUP))
    before = scene.ipvs.written
    async with playing(scene, proven=False):
        await asyncio.sleep(0.05)
    assert scene.ipvs.written == before


async def test_what_fails_still_is_told_to_the_alerts_at_every_look(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MANUAL)
    assert scene.pairing.knows == frozenset(), "before the role is known nobody can say that a fault is over"
    await scene.ipvs.start_sync(SyncDaemon(BACKUP, "eth0", 9))
    async with playing(scene) as pairing:
        pairing.say(Role.FAULT, by="root")
        await until(lambda: len(list(pairing.going_on())) == 2)
        fault, failed = pairing.going_on()
        assert isinstance(fault, RoleChanged) and fault.transition.role is Role.FAULT
        assert isinstance(failed, SyncFailed) and failed.role is BACKUP
        assert pairing.knows == {"role_fault", "sync_failed"}
        await pairing.take(None)
        assert pairing.knows == {"role_fault", "sync_failed", "hook_failed"}
