"""What goes wrong around the rounds: the kernel, the disk, and things that happen at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from lvsctl.config.load import load
from lvsctl.daemon.herald import Herald, to_log
from lvsctl.decide.suspicion import Suspicion, Trust
from lvsctl.errors import KernelError, LvsctlError
from lvsctl.events import DriftFound, Event, GuardTripped
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import DeleteServer, DeleteService, Op, Refusal, Step, Table
from tests.daemon.site import Site, conf, scrape, service, tcp, weights
from tests.decide.making import real

A, B = "192.0.2.11", "192.0.2.12"
SHOP, OTHER = tcp("192.0.2.20", 80), tcp("192.0.2.21", 80)


class Kernel(MemoryIpvs):
    """Can be lost, at once or before the next server is deleted; can be slow to tell of its schedulers."""

    def __init__(self) -> None:
        super().__init__(schedulers=("wlc", "fo"))
        self.lost = False
        self.lost_at_deletion = False
        self.asking = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self) -> Table:
        if self.lost:
            raise KernelError("cannot ask IPVS: gone")
        return await super().read()

    async def apply(self, ops: Sequence[Op]) -> Sequence[Refusal | None]:
        if self.lost_at_deletion and any(isinstance(op, DeleteServer) for op in ops):
            self.lost_at_deletion = False
            raise KernelError("cannot ask IPVS: gone")
        return await super().apply(ops)

    async def has_scheduler(self, name: str) -> bool:
        self.asking.set()
        await self.may_answer.wait()
        return await super().has_scheduler(name)


@pytest.fixture
async def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def site(kernel: Kernel, tmp_path: Path) -> Site:
    site = Site(kernel, tmp_path)
    site.write(shop(A))
    return site


def shop(*addresses: str, **keys: str) -> str:
    return conf(service("shop", *addresses, address="192.0.2.20:80", check="none", **keys))


async def test_what_a_lost_round_did_is_not_taken_for_somebody_elses(site: Site, kernel: Kernel) -> None:
    """B was added, then the kernel was lost before A could be deleted."""
    async with site.running() as daemon:
        await site.until("A", lambda table: weights(table, SHOP) == {A: 1})
        told: list[Event] = []
        daemon.tell = told.append  # type: ignore[method-assign]
        kernel.lost_at_deletion = True
        site.write(shop(B))
        await daemon.reload()
        await site.until("B", lambda table: weights(table, SHOP) == {B: 1})
        await site.rounds(1)
    assert not kernel.lost_at_deletion
    assert [event for event in told if isinstance(event, DriftFound)] == []


async def test_a_lost_kernel_is_logged_once_and_the_work_goes_on(site: Site, kernel: Kernel) -> None:
    async with site.running() as daemon:
        await site.rounds(1)
        with capture_logs() as logs:
            kernel.lost = True
            await site.rounds(4)
        kernel.lost = False
        await site.until("A", lambda table: weights(table, SHOP) == {A: 1})
        await site.rounds(1)
        assert daemon.last.error is None
    assert [log["error"] for log in logs if log["log_level"] == "error"] == ["cannot ask IPVS: gone"]


async def test_a_suspicion_that_is_over_while_the_kernel_is_silent_waits_for_the_next_period(
    site: Site, kernel: Kernel
) -> None:
    """Nothing but a round ends it, so it must not ask for one again and again."""
    site.write(shop(A).replace("period: 200ms", "period: 60s"))
    async with site.running() as daemon:
        await site.ready()
        now = daemon.loop.time()
        kernel.lost = True
        daemon.world.trust = Trust(Suspicion("everything failed", began=now - 61, since=now - 60, until=now))
        daemon.world.wake.set()
        async with asyncio.timeout(10):
            while daemon.last.error is None:
                await asyncio.sleep(0.01)
        number = daemon.last.number
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert daemon.last.number == number


async def test_a_reload_without_a_kernel_changes_nothing_and_is_reported(site: Site, kernel: Kernel) -> None:
    async with site.running() as daemon:
        await site.ready()
        spec = daemon.world.spec
        site.write(shop(B))
        kernel.lost = True
        with pytest.raises(KernelError):
            await daemon.reload()
        assert daemon.world.spec is spec
        assert daemon.last_load.ok is False
        assert [str(problem) for problem in daemon.last_load.problems] == [f"{site.config}: cannot ask IPVS: gone"]
        assert "lvsctl_config_last_reload_successful 0.0" in scrape(daemon)
        kernel.lost = False
        await daemon.reload()
        assert daemon.last_load.ok is True


async def test_a_full_disk_is_logged_once(site: Site) -> None:
    (site.folder / "owned.new").mkdir()
    with capture_logs() as logs:
        async with site.running():
            await site.rounds(4)
    assert [log["error"] for log in logs if log["log_level"] == "error"] == [
        f"cannot write {site.folder}/owned.json: Is a directory"
    ]


async def test_what_was_deleted_is_not_remembered_as_ours(site: Site) -> None:
    """Else somebody who makes it anew while the daemon is down would lose it."""
    both = conf(
        service("shop", A, address="192.0.2.20:80", check="none"),
        service("other", B, address="192.0.2.21:80", check="none"),
        period="1h",
    )
    site.write(both)
    async with site.running() as daemon:
        await site.until("both", lambda table: {SHOP, OTHER} <= table.keys())
        site.write(shop(A))
        await daemon.reload()
        await site.until("one", lambda table: OTHER not in table)
    assert [key["address"] for key in json.loads(daemon.state.file.read_text())["owned"]] == ["192.0.2.20"]


async def test_a_look_for_schedulers_does_not_undo_that_of_a_reload(site: Site, kernel: Kernel) -> None:
    async with site.running() as daemon:
        await site.ready()
        kernel.asking.clear()
        kernel.may_answer.clear()
        looking = asyncio.create_task(daemon._look_for_schedulers())
        await kernel.asking.wait()
        site.write(shop(A, scheduler="hprio"))
        loaded = load(site.config, daemon.kinds)
        daemon.world.replace(loaded.spec, table=await kernel.read(), missing=frozenset({"hprio"}))
        kernel.may_answer.set()
        await looking
        assert daemon.world.ladder.missing == {"hprio"}


async def test_a_reload_that_comes_too_late_is_refused(site: Site, kernel: Kernel) -> None:
    async with site.running() as daemon:
        await site.ready()
        spec = daemon.world.spec
        daemon.stop()
        with pytest.raises(LvsctlError) as caught:
            await daemon.reload()
        assert daemon.world.spec is spec
    assert str(caught.value) == "the daemon is stopping: conf.d is read again when it starts"


async def test_a_probe_that_will_not_end_does_not_keep_the_table_from_its_farewell(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    site.write(shop(A, on_exit="flush"))
    async with site.running() as daemon:
        await site.until("A", lambda table: weights(table, SHOP) == {A: 1})
        monkeypatch.setattr(daemon.runner, "close", ended.wait)
        daemon.stop()
        await site.until("nothing", lambda table: SHOP not in table)
        ended.set()


def test_a_line_of_the_log_names_a_few_of_the_steps_withheld() -> None:
    step = Step(DeleteServer(SHOP, real(1)), "", "down")
    herald = Herald(dict)
    with capture_logs() as logs:
        herald.listeners.append(to_log(structlog.get_logger()))
        herald.tell(GuardTripped((step,) * 5000, "why"))
    assert [(log["event"], log["why"], log["count"], len(log["steps"])) for log in logs] == [
        ("steps withheld: why", "why", 5000, 10)
    ]


async def test_a_scheduler_that_goes_away_is_noticed_and_replaced(site: Site, kernel: Kernel) -> None:
    site.write(
        conf(service("shop", A, address="192.0.2.20:80", check="none", scheduler="wlc", scheduler_fallback="fo"))
    )
    async with site.running(recheck_schedulers=0.3):
        await site.until("made", lambda table: weights(table, SHOP) == {A: 1})
        kernel.schedulers = frozenset({"fo"})
        await kernel.apply([DeleteService(SHOP)])
        table = await site.until("made again", lambda table: weights(table, SHOP) == {A: 1})
        assert table[SHOP].attrs.scheduler == "fo"
