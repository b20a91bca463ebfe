"""A scheduler that appears while the daemon runs: noticed, told of, and taken when conf.d or a reload says so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from pathlib import Path

import pytest

from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.daemon.lookout import ASK_AGAIN, RECHECK, Lookout
from lvsctl.daemon.once import one_round
from lvsctl.daemon.reconcile import Round
from lvsctl.daemon.state import State
from lvsctl.daemon.status import status
from lvsctl.decide.plan import SWITCH_MOMENT
from lvsctl.kernel import modules
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import EditService, Spec, Table
from tests.daemon.site import Site, conf, scrape, service, tcp

SHOP, OTHER = tcp("192.0.2.20", 80), tcp("192.0.2.21", 80)
SOON = 0.05  # seconds between looks
BEFORE, AFTER = frozenset({"fo", "wlc"}), frozenset({"fo", "wlc", "hprio"})


@pytest.fixture
def kernel() -> MemoryIpvs:
    return MemoryIpvs(schedulers=BEFORE)


@pytest.fixture
def site(kernel: MemoryIpvs, tmp_path: Path) -> Site:
    return Site(kernel, tmp_path)


def shop(name: str = "shop", address: str = "192.0.2.20:80", **keys: object) -> str:
    return service(name, "192.0.2.11", address=address, check="none", scheduler="hprio", **keys)


def runs(scheduler: str) -> Callable[[Table], bool]:
    return lambda table: SHOP in table and table[SHOP].attrs.scheduler == scheduler


def scheduler_of(table: Table) -> str:
    return table[SHOP].attrs.scheduler


def lines(said: str) -> list[str]:
    """The log without times, spaces pressed together."""
    return [" ".join(re.sub(r"^\S+ \S+ ", "", line).split()) for line in said.splitlines()]


async def waiting(site: Site) -> None:
    """Until the daemon has noticed, and one round more."""
    assert site.daemon is not None
    for _ in range(200):
        if site.daemon.world.ladder.kept:
            break
        await site.rounds(0)
    await site.rounds(1)


async def test_it_is_noticed_and_told_of_and_the_next_reload_takes_it(
    site: Site, kernel: MemoryIpvs, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(conf(shop()))
    async with site.running(recheck_schedulers=SOON) as daemon:
        await site.until("the stand-in", runs("fo"))
        assert 'without_their_scheduler{state="stand_in"} 1.0' in scrape(daemon)
        written = kernel.written
        kernel.schedulers = AFTER
        await waiting(site)
        assert (scheduler_of(await kernel.read()), kernel.written) == ("fo", written)
        assert 'without_their_scheduler{state="until_reload"} 1.0' in scrape(daemon)
        assert 'without_their_scheduler{state="stand_in"} 0.0' in scrape(daemon)
        told = (await status(daemon))["services"][0]
        assert told["scheduler"] == {
            "wanted": "hprio",
            "used": "fo",
            "available": True,
            "reason": "hprio is there now; the service goes on with fo until the next reload",
        }
        assert told["reason"] == f"configuration; {told['scheduler']['reason']}"
        await daemon.reload()
        await site.until("the wanted one", runs("hprio"))
        assert kernel.written == written + 1
        await site.rounds(1)
        assert 'without_their_scheduler{state="until_reload"} 0.0' in scrape(daemon)
        assert (await status(daemon))["services"][0]["scheduler"]["reason"] == ""
    said = lines(capsys.readouterr().out)
    here = "the kernel has the scheduler hprio now: fo is used until the next reload scheduler=hprio services=['shop']"
    assert [line for line in said if "scheduler hprio now" in line] == [f"[info ] {here}"]
    assert (
        "[info ] applied op='edit-service tcp 192.0.2.20:80 (scheduler fo -> hprio)' "
        f"reason='configuration; {SWITCH_MOMENT}' service=shop"
    ) in said


@pytest.mark.parametrize("noticed", [True, False])
async def test_who_is_given_it_by_hand_keeps_it(site: Site, kernel: MemoryIpvs, *, noticed: bool) -> None:
    """Going back to the stand-in would refuse new connections, twice."""
    site.write(conf(shop(), shop("other", "192.0.2.21:80")))
    async with site.running(recheck_schedulers=SOON if noticed else 3600) as daemon:
        await site.until("the stand-in", runs("fo"))
        kernel.schedulers = AFTER
        if noticed:
            await waiting(site)
        await kernel.apply([EditService(SHOP, replace((await kernel.read())[SHOP].attrs, scheduler="hprio"))])
        written = kernel.written
        await site.rounds(2)
        table = await kernel.read()
        assert (scheduler_of(table), table[OTHER].attrs.scheduler, kernel.written) == ("hprio", "fo", written)
        told = [one["scheduler"] for one in (await status(daemon))["services"]]
        assert [(one["used"], one["reason"]) for one in told] == [
            ("hprio", ""),
            ("fo", "hprio is there now; the service goes on with fo until the next reload"),
        ]
        assert told[0]["available"]


async def test_with_auto_it_is_taken_as_soon_as_it_is_noticed(
    site: Site, kernel: MemoryIpvs, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(conf(shop(scheduler_upgrade="auto"), shop("other", "192.0.2.21:80")))
    async with site.running(recheck_schedulers=SOON):
        await site.until("the stand-in", runs("fo"))
        kernel.schedulers = AFTER
        table = await site.until("the wanted one", runs("hprio"))
        assert table[OTHER].attrs.scheduler == "fo"
    said = [line for line in lines(capsys.readouterr().out) if "scheduler hprio now" in line]
    assert said == [
        "[info ] the kernel has the scheduler hprio now: it is used scheduler=hprio services=['shop']",
        "[info ] the kernel has the scheduler hprio now: fo is used until the next reload "
        "scheduler=hprio services=['other']",
    ]


async def test_a_service_that_was_refused_is_made_as_soon_as_there_is_a_scheduler(
    site: Site, kernel: MemoryIpvs, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(conf(shop(scheduler_fallback="none")))
    async with site.running(recheck_schedulers=SOON) as daemon:
        await site.rounds(2)
        assert await kernel.read() == {}
        [told] = (await status(daemon))["services"]
        way_out = "install the module (deploy/ip-vs-hprio), or allow a scheduler_fallback"
        assert told["state"] == "refused"
        assert told["reason"] == f"the kernel has no scheduler hprio: {way_out}"
        assert 'without_their_scheduler{state="refused"} 1.0' in scrape(daemon)
        kernel.schedulers = AFTER
        await site.until("made", runs("hprio"))
    said = lines(capsys.readouterr().out)
    assert (
        f"[error ] the kernel has no scheduler hprio, services are refused: {way_out} that the kernel has "
        "scheduler=hprio services=['shop']"
    ) in said
    assert "[info ] the kernel has the scheduler hprio now: it is used scheduler=hprio services=['shop']" in said


async def test_a_start_reads_the_configuration_as_a_reload_does(site: Site, kernel: MemoryIpvs) -> None:
    site.write(conf(shop()))
    async with site.running(recheck_schedulers=SOON):
        await site.until("the stand-in", runs("fo"))
        kernel.schedulers = AFTER
        await waiting(site)
    assert scheduler_of(await kernel.read()) == "fo"
    async with site.running():
        await site.until("the wanted one", runs("hprio"))


async def test_plan_shows_the_switch_that_a_reload_would_make(site: Site, kernel: MemoryIpvs) -> None:
    site.write(conf(shop()))
    kinds = installed()
    async with site.running(recheck_schedulers=SOON):
        await site.until("the stand-in", runs("fo"))
        kernel.schedulers = AFTER
        await waiting(site)
        loaded = load(site.config, kinds)
        would = await one_round(loaded, kinds, State(site.folder), kernel, checks=True, write=False)
    assert [(step.change, step.reason) for step in would.plan] == [
        ("scheduler fo -> hprio", f"configuration; {SWITCH_MOMENT}")
    ]
    assert would.schedulers == ()


class Reticent(MemoryIpvs):
    """Counts how often it is asked for a scheduler; may show nothing of its modules."""

    asked = 0
    blind = False

    async def has_scheduler(self, name: str) -> bool:
        self.asked += 1
        return await super().has_scheduler(name)

    def scheduler_signs(self, names: Collection[str]) -> Hashable | None:
        return None if self.blind else super().scheduler_signs(names)


class Watch:
    """A lookout over such a kernel, on a clock of its own."""

    def __init__(self, kernel: Reticent, spec: Spec, last: Round) -> None:
        self.kernel, self.spec, self.last = kernel, spec, last
        self.now = 0.0
        self.lookout = Lookout(kernel, recheck=RECHECK, clock=lambda: self.now)
        self.missing: frozenset[str] = frozenset()

    async def look(self) -> None:
        self.missing = await self.lookout.missing(self.spec)

    def due(self) -> bool:
        return self.lookout.is_due(self.spec, self.missing, self.last)

    def idle(self, *, at_most: float) -> float:
        """Seconds until it is due, with a round every 5 s."""
        began = self.now
        while self.now < began + at_most:
            self.now += 5
            if self.due():
                break
        return self.now - began


@pytest.fixture
async def watch(tmp_path: Path) -> Watch:
    kernel = Reticent(schedulers=BEFORE)
    site = Site(kernel, tmp_path)
    site.write(conf(shop()))
    async with site.running() as daemon:
        await site.rounds(1)
        assert daemon.last.round is not None
        watch = Watch(kernel, daemon.world.spec, daemon.last.round)
    await watch.look()
    assert watch.missing == {"hprio"}
    return watch


async def test_a_quiet_day_asks_the_kernel_once_an_hour(watch: Watch) -> None:
    """Every no costs the kernel a process and a line of its log."""
    asked = watch.kernel.asked
    assert watch.idle(at_most=2 * ASK_AGAIN) == ASK_AGAIN
    assert watch.kernel.asked == asked


async def test_what_appears_is_noticed_within_a_minute(watch: Watch) -> None:
    for _ in range(7):  # whatever the time since the last look
        watch.now += 5
        watch.due()
        watch.kernel.schedulers = AFTER
        assert watch.idle(at_most=120) <= 60
        watch.kernel.schedulers = BEFORE
        await watch.look()


async def test_who_lacks_nothing_never_looks(watch: Watch) -> None:
    watch.kernel.schedulers = AFTER
    await watch.look()
    assert watch.idle(at_most=2 * ASK_AGAIN) == 2 * ASK_AGAIN


async def test_where_nothing_can_be_seen_the_kernel_is_asked_each_time(watch: Watch) -> None:
    watch.kernel.blind = True
    await watch.look()
    assert watch.idle(at_most=120) == RECHECK


# --- what can be seen of modules --------------------------------------------------------------------------------------


def test_the_signs_of_a_module(tmp_path: Path) -> None:
    index = tmp_path / "lib/modules" / os.uname().release / "modules.dep.bin"
    loader = tmp_path / "proc/sys/kernel/modprobe"
    for file, text in ((index, "1"), (loader, "/sbin/modprobe\n")):
        file.parent.mkdir(parents=True)
        file.write_text(text)

    def signs() -> Hashable | None:
        return modules.signs(["hprio", "fo"], root=tmp_path)

    first = signs()
    assert first is not None
    (tmp_path / "sys/module/ip_vs_mh").mkdir(parents=True)
    assert signs() == first, "not one of ours"
    (tmp_path / "sys/module/ip_vs_hprio").mkdir()
    loaded = signs()
    assert loaded != first, "loaded by hand"
    os.utime(index, ns=(1, 1))
    installed_now = signs()
    assert installed_now != loaded, "depmod has run"
    loader.write_text("/bin/false\n")
    assert signs() != installed_now, "the kernel has another loader"
    index.unlink()
    assert signs() is None, "it cannot be seen"
