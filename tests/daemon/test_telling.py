"""What the daemon tells when servers come and go, over any kernel."""

from __future__ import annotations

import asyncio

from lvsctl.model import Told
from tests.daemon.site import Servers, Site, conf, service

A, B = "127.0.0.31", "127.0.0.32"


async def test_a_server_in_two_services_is_told_of_in_both_and_so_are_the_services(
    site: Site, servers: Servers
) -> None:
    await servers.start(A, B)
    site.write(
        conf(
            service("shop", f"{A}:{servers.port}", f"{B}:{servers.port}", address=f"192.0.2.20:{servers.port}"),
            service("blog", f"{A}:{servers.port}", address=f"192.0.2.21:{servers.port}"),
        )
    )
    told: list[Told] = []
    async with site.running() as daemon:
        daemon.herald.listeners.append(told.append)
        await site.ready()
        assert {one.record.service for one in told if one.record.event == "service_ok"} == {"shop", "blog"}
        del told[:]
        await servers.kill(A)
        async with asyncio.timeout(10):
            while not any(one.record.event == "service_down" for one in told):
                await asyncio.sleep(0.01)
        found = {(one.record.event, one.record.service, one.record.server) for one in told if one.record.service}
        assert {
            ("server_down", "shop", f"{A}:{servers.port}"),
            ("server_down", "blog", f"{A}:{servers.port}"),
            ("service_down", "blog", ""),
        } <= found
        assert ("service_down", "shop", "") not in found
        numbers = [one.number for one in told]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
