"""What IPVS counts of all services together, and that nobody who is refused is in any of its counts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.kernel.totals import read_totals
from lvsctl.model import AddServer, AddService, DeleteService, Forward, RealAttrs, Seen, ServiceAttrs, Traffic
from tests.decide.making import VIP, real
from tests.kernel.shop import Shop

LINUX_6 = """\
   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
 16AA370 E33656E5        0     51D8C8883AB3        0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4     1FB3C        0          1282A8F                0
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(LINUX_6, Traffic(0x16AA370, 0xE33656E5, 0, 0x51D8C8883AB3, 0), id="as Linux 6 writes it"),
        pytest.param("", None, id="nothing"),
        pytest.param("title\ntitle\n", None, id="titles alone"),
        pytest.param("title\ntitle\n 1 2 3\n", None, id="too few numbers"),
        pytest.param("title\ntitle\n 1 2 3 4 5 6\n", None, id="too many"),
        pytest.param("title\ntitle\n 1 2 3 4 many\n", None, id="no number"),
    ],
)
def test_the_file(text: str, found: Traffic | None, tmp_path: Path) -> None:
    (tmp_path / "stats").write_text(text)
    assert read_totals(tmp_path / "stats") == found


def test_no_file(tmp_path: Path) -> None:
    assert read_totals(tmp_path / "stats") is None


async def _counted(ipvs: NetlinkIpvs) -> Seen:
    """A look at which all counters have begun to count; they lag up to 2 s, each for itself."""
    async with asyncio.timeout(30):
        while True:
            seen = await ipvs.look()
            if all(one.connections for one in _everywhere(seen)):
                return seen
            await asyncio.sleep(0.05)


def _everywhere(seen: Seen) -> list[Traffic]:
    """Of all services together, of each service, of each of its servers."""
    assert seen.total is not None
    found = [seen.total]
    for counts in seen.counters.values():
        found += [counts.traffic, *(server.traffic for server in counts.servers.values())]
    return found


@pytest.mark.kernel
async def test_who_is_refused_is_counted_nowhere_and_who_was_served_stays_counted(netns: None) -> None:
    ipvs = NetlinkIpvs()
    shop = Shop(ipvs)
    await shop.open(scheduler="wlc")
    await shop.add("a", upper=1)
    assert await shop.call(9) == "a--------"
    seen = await _counted(ipvs)
    assert [(one.connections, one.packets_in) for one in _everywhere(seen)] == [(1, 1)] * 3
    await shop.close()
    assert await ipvs.look() == Seen({}, {}, seen.total)
    assert await ipvs.zero() is None
    assert await ipvs.look() == Seen({}, {}, Traffic())
    shop.leave()
    await ipvs.close()


async def test_the_kernel_remembered_counts_likewise() -> None:
    ipvs = MemoryIpvs()
    await ipvs.apply([AddService(VIP, ServiceAttrs("wlc")), AddServer(VIP, real(1), RealAttrs(Forward.ROUTE, 1, 1))])
    client = real(9).address
    assert [ipvs.connect(VIP, client, port, now=0.0) for port in (1, 2, 3)] == [real(1), None, None]
    assert (await ipvs.look()).total == Traffic(1)
    await ipvs.apply([DeleteService(VIP)])
    assert await ipvs.look() == Seen({}, {}, Traffic(1))
    await ipvs.zero()
    assert await ipvs.look() == Seen({}, {}, Traffic())
