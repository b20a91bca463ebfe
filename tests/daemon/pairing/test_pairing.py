"""The facade: who has the role, from the start to the end, whatever fails in between."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from lvsctl.daemon.pairing import part
from lvsctl.daemon.pairing.pairing import Pairing
from lvsctl.errors import LvsctlError
from lvsctl.model import Followed, PairSpec, Provider, Role, Vip
from lvsctl.pair.keepalived import Notice
from lvsctl.pair.packet import Codec
from tests.daemon.pairing.scene import FAST, VIP, Scene, playing, until, vrrp
from tests.pair.linked import Link
from tests.pair.making import THEIRS, me

MANUAL = PairSpec(Provider.MANUAL, name="cloud")


async def test_without_a_pair_it_is_idle(tmp_path: Path) -> None:
    async with playing(Scene(tmp_path, None)) as pairing:
        assert (pairing.view(), pairing.role(), pairing.resting) == (None, None, False)
        with pytest.raises(LvsctlError, match=r"^there is no pair in conf\.d: this director stands alone$"):
            await pairing.failover("root")


async def test_vrrp_begins_once_the_table_is_proven_and_hands_over_at_the_end(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    scene.ground.put(replace(scene.ground.interfaces["eth0"], addresses=(ip_interface(VIP),)))
    async with playing(scene, proven=False) as pairing:
        await until(lambda: not scene.holds)
        view = pairing.view()
        assert view and (view.role, view.trouble) == (None, "it waits for the first complete round")
        with pytest.raises(LvsctlError, match=r"takes no part in the pair now: it waits for the first complete round$"):
            await pairing.failover("root")
        scene.ground.put(replace(scene.ground.interfaces["eth0"], addresses=(ip_interface(f"{FAST.source}/24"),)))
        scene.prove()
        await until(lambda: scene.roles[-1:] == ["web active: no other director is active"])
        assert scene.holds
        view = pairing.view()
        assert view and (view.role, view.trouble, view.instances[0].why) == (
            Role.ACTIVE,
            "",
            "no other director is active",
        )
    assert not scene.holds
    assert scene.roles == [
        "web standby: started, and listens first",
        "web active: no other director is active",
        "web None: lvsctl stops",
    ]


async def test_what_left_conf_d_while_nobody_ran_is_taken_off_as_well(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    gone, operators = ip_interface("192.0.2.150"), ip_interface("192.0.2.151")
    await scene.ground.add([Vip(gone.ip, "eth0")])
    eth0 = scene.ground.interfaces["eth0"]
    scene.ground.put(replace(eth0, addresses=(*eth0.addresses, operators)))
    async with playing(scene, proven=False):
        await until(lambda: not scene.ground.interfaces["eth0"].holds(gone.ip))
        assert scene.ground.interfaces["eth0"].holds(operators.ip)


@pytest.mark.parametrize("spec", [None, MANUAL], ids=["no pair", "another provider"])
async def test_what_is_ours_goes_where_nobody_speaks_any_more(tmp_path: Path, spec: PairSpec | None) -> None:
    scene = Scene(tmp_path, spec)
    ours, operators = Vip(ip_address("192.0.2.150"), "eth0"), ip_interface("192.0.2.151")
    await scene.ground.add([ours])
    eth0 = scene.ground.interfaces["eth0"]
    scene.ground.put(replace(eth0, addresses=(*eth0.addresses, operators)))
    async with playing(scene, proven=False) as pairing:
        await until(lambda: not scene.ground.interfaces["eth0"].holds(ours.address))
        done = list(scene.ground.log)
        await pairing.take(spec)
        assert scene.ground.log == done, "once"
    assert scene.ground.interfaces["eth0"].holds(operators.ip)
    assert scene.troubles == []


@pytest.mark.parametrize("spec", [None, MANUAL, vrrp()], ids=["no pair", "manual", "vrrp"])
async def test_nobody_takes_away_what_another_lvsctl_here_may_have_put_there(
    tmp_path: Path, link: Link, monkeypatch: pytest.MonkeyPatch, spec: PairSpec | None
) -> None:
    monkeypatch.setattr(part, "AGAIN", 0.01)
    first = Scene(tmp_path, vrrp())
    second = Scene(tmp_path, spec, beside=first)
    async with AsyncExitStack() as stack:
        async with playing(first):
            await until(lambda: first.holds)
            done = len(first.ground.log)
            pairing = await stack.enter_async_context(playing(second))
            await until(lambda: pairing._joining._waiting is not None and pairing._joining._waiting.done())
            if spec is not None and spec.provider is Provider.VRRP:
                await until(lambda: bool(second.troubles))
                words = (
                    f"another lvsctl (pid {os.getpid()}) speaks VRRP in this network namespace: "
                    "stop it, or put the instances of both into one conf.d"
                )
                assert second.troubles == [words]
                view = pairing.view()
                assert view is not None
                assert view.trouble == words
            assert [line for line in first.ground.log[done:] if line.startswith("remove")] == []
            assert first.holds
        if spec is not None and spec.provider is Provider.VRRP:
            await until(lambda: second.holds, "it is its turn")


async def test_of_two_each_shows_the_other(tmp_path: Path, link: Link) -> None:
    strong = Scene(tmp_path, vrrp(replace(FAST, source=THEIRS, priority=150)))
    weak = Scene(tmp_path, vrrp())
    async with playing(strong) as one, playing(weak) as two:
        await until(lambda: one.role() is Role.ACTIVE and two.role() is Role.STANDBY)
        await until(lambda: bool((view := two.view()) and view.instances[0].neighbour))
        view = two.view()
        assert view and view.instances[0].neighbour
        assert (view.instances[0].neighbour.address, view.instances[0].neighbour.priority) == (THEIRS, 150)
        await one.failover("root")
        await until(lambda: one.role() is Role.STANDBY and two.role() is Role.ACTIVE)
        with pytest.raises(LvsctlError, match=r"^this director is not active: hand over on the other one$"):
            await one.failover("root")


async def test_whom_this_director_took_over_from_is_no_neighbour_until_it_speaks_again(
    tmp_path: Path, link: Link
) -> None:
    """Its adverts are so slow that it does not fall silent for the whole of the test, nor speaks more than once."""
    slow = replace(FAST, interval=5.0)
    theirs = Codec(replace(slow, source=THEIRS))
    [weaker] = theirs.encode(90)
    async with playing(Scene(tmp_path, vrrp(slow))) as two:

        def seen() -> bool:
            view = two.view()
            return bool(view and view.instances[0].neighbour)

        await until(lambda: two.role() is Role.STANDBY and bool(link.ports))
        link.carry(weaker)
        await until(seen, "it is heard while this one stands by")
        [farewell] = theirs.encode(0)
        link.carry(farewell)
        await until(lambda: two.role() is Role.ACTIVE)
        assert not seen()
        link.carry(weaker)
        await until(seen, "it speaks although this one is active")
        await two.failover("root")
        await until(lambda: two.role() is Role.STANDBY)
        assert not seen(), "what it said before the failover is no sign that it has taken over"
        link.carry(weaker)
        await until(seen, "now it has")


async def test_what_keeps_an_instance_in_fault_is_shown_as_it_is_now(tmp_path: Path, link: Link) -> None:
    """In words that name the interface, also when it is no longer what it was in fault for at first."""
    web = me(FAST, group="all", track=("eth1",))
    mail = me(FAST, name="mail", vrid=52, group="all", addresses=(ip_interface("192.0.2.110/24"),))
    scene = Scene(tmp_path, vrrp(web, mail))
    eth0 = scene.ground.interfaces["eth0"]

    def faults() -> list[tuple[str, ...]]:
        view = scene.pairing.view()
        assert view is not None
        return [one.faults for one in view.instances]

    others = ("the sync group all has a member in fault",)
    async with playing(scene):
        await until(lambda: faults() == [("there is no interface eth1 (tracked)",), others])
        scene.ground.put(replace(eth0, carrier=False))
        scene.ground.put(replace(eth0, name="eth1", index=7))
        await until(lambda: faults() == [("eth0 has no carrier", *others), ("eth0 has no carrier", *others)])
        scene.ground.put(eth0)
        await until(lambda: faults() == [(), ()])


async def test_the_said_role_is_kept_over_restarts(tmp_path: Path) -> None:
    first = Scene(tmp_path, MANUAL)
    async with playing(first, proven=False) as pairing:
        await until(lambda: pairing.role() is Role.STANDBY)
        pairing.say(Role.ACTIVE, by="root")
        assert pairing.role() is Role.ACTIVE
    again = Scene(tmp_path, MANUAL)
    async with playing(again, proven=False) as pairing:
        await until(lambda: pairing.role() is Role.ACTIVE)
        await pairing.failover("root")
    assert again.roles == ["cloud active: started", "cloud standby: ordered", "cloud None: stopped"]
    handed_over = Scene(tmp_path, MANUAL)
    async with playing(handed_over, proven=False) as pairing:
        await until(lambda: pairing.role() is not None)
    assert handed_over.roles[0] == "cloud standby: started", "it was handed over to the other one"
    (tmp_path / "role.json").write_text("[]")
    damaged = Scene(tmp_path, MANUAL)
    async with playing(damaged) as pairing:
        await until(lambda: pairing.role() is Role.STANDBY)
    [trouble] = damaged.troubles
    assert trouble == f"{tmp_path}/role.json is damaged: say the role again (`lvsctl role`); until then it is standby"


async def test_only_the_provider_that_is_told_is_told(tmp_path: Path) -> None:
    async with playing(Scene(tmp_path, MANUAL)) as pairing:
        with pytest.raises(LvsctlError, match=r"^the role comes from the provider manual: keepalived's word does not"):
            pairing.notified(Notice(False, "VI_1", "MASTER", 150))
    followed = PairSpec(Provider.KEEPALIVED, follows=Followed("VI_1"))
    async with playing(Scene(tmp_path, followed)) as pairing:
        with pytest.raises(
            LvsctlError, match=r"^the role comes from the provider keepalived: only `manual` is told it"
        ):
            pairing.say(Role.ACTIVE, by="root")
        await until(lambda: pairing._joining.provider is not None)
        pairing.notified(Notice(False, "VI_1", "MASTER", 150))
        assert pairing.role() is Role.ACTIVE


async def test_a_provider_that_fails_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.daemon.pairing.part.AGAIN", 0.01)
    fifo = tmp_path / "missing" / "fifo"
    scene = Scene(tmp_path, PairSpec(Provider.KEEPALIVED, follows=Followed("VI_1", fifo=str(fifo))))
    async with playing(scene) as pairing:
        await until(lambda: bool(scene.troubles))
        await asyncio.sleep(0.05)
        why = f"{fifo}: No such file or directory: name a FIFO that lvsctl may make and read"
        assert scene.troubles == [why]
        assert "No such file" in trouble_of(pairing)
        fifo.parent.mkdir()
        await until(lambda: trouble_of(pairing) == "" and fifo.exists())


def trouble_of(pairing: Pairing) -> str:
    view = pairing.view()
    assert view is not None
    return view.trouble


async def test_a_reload_keeps_the_role_where_it_can(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    async with playing(scene) as pairing:
        await until(lambda: scene.roles[-1:] == ["web active: no other director is active"])
        scene.events.clear()
        moved = ip_interface("192.0.2.102/24")
        await pairing.take(vrrp(replace(FAST, priority=120, addresses=(moved,))))
        await until(lambda: scene.ground.interfaces["eth0"].holds(moved.ip) and not scene.holds)
        await until(lambda: (view := pairing.view()) is not None and view.instances[0].priority == 120)
        assert (pairing.role(), scene.roles) == (Role.ACTIVE, [])
        await pairing.take(vrrp(replace(FAST, vrid=9)))
        await until(lambda: len(scene.roles) == 3)
        assert scene.roles == [
            "web None: it is configured as another virtual router, and begins anew",
            "web standby: started, and listens first",
            "web active: no other director is active",
        ]


async def test_another_configuration_begins_anew_and_the_same_does_not(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    async with playing(scene) as pairing:
        await until(lambda: pairing.role() is Role.ACTIVE)
        await pairing.take(vrrp())
        assert pairing.role() is Role.ACTIVE
        await pairing.take(MANUAL)
        assert not scene.holds
        await until(lambda: pairing.role() is Role.STANDBY)
        await pairing.take(None)
        assert (pairing.role(), pairing.view()) == (None, None)


async def test_other_instances_are_taken_without_losing_the_role(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    more = replace(FAST, addresses=(*FAST.addresses, ip_interface("192.0.2.102/24")), priority=120)
    async with playing(scene) as pairing:
        await until(lambda: scene.roles[-1:] == ["web active: no other director is active"])
        told = len(scene.roles)
        await pairing.take(vrrp(more))
        await until(lambda: scene.ground.interfaces["eth0"].holds(more.addresses[-1].ip))
        assert len(scene.roles) == told
        view = pairing.view()
        assert view and (view.role, view.instances[0].priority, view.instances[0].base) == (Role.ACTIVE, 120, 120)
        await pairing.take(vrrp(replace(more, vrid=52)))
        await until(lambda: len(scene.roles) > told)
        assert scene.roles[told].startswith("web None: it is configured as another virtual router")


async def test_one_that_is_ended_before_it_has_begun_does_not_begin(tmp_path: Path) -> None:
    for turns in range(4):
        scene = Scene(tmp_path, None)
        async with playing(scene) as pairing:
            await pairing.take(MANUAL)
            for _ in range(turns):
                await asyncio.sleep(0)
            await pairing.take(None)
        assert scene.troubles == []


async def test_what_is_taken_while_it_waits_is_what_begins(tmp_path: Path, link: Link) -> None:
    scene = Scene(tmp_path, vrrp())
    async with playing(scene, proven=False) as pairing:
        await pairing.take(vrrp(replace(FAST, name="other")))
        scene.prove()
        await until(lambda: pairing.role() is Role.ACTIVE)
    assert scene.roles[0].startswith("other standby")
