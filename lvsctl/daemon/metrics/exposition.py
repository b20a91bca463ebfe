"""Answers a scrape: what is counted and what is there, as text, away from the event loop."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

from lvsctl.daemon.metrics.compat import compat
from lvsctl.daemon.metrics.family import Family, write
from lvsctl.daemon.metrics.of_load import of_load
from lvsctl.daemon.metrics.of_pair import of_pair
from lvsctl.daemon.metrics.of_program import of_program
from lvsctl.daemon.metrics.of_receivers import of_receivers
from lvsctl.daemon.metrics.of_services import of_services
from lvsctl.daemon.metrics.scene import Scene, look

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon

_END = b"# EOF\n"
"""What OpenMetrics ends with."""

_GZIP_LEVEL = 1  # level 6 takes four times as long, for a text that is smaller by a twentieth


@dataclass(frozen=True, slots=True)
class Exposition:
    """One answer. encoding: "gzip", or "" for as it is."""

    body: bytes
    content_type: str
    encoding: str = ""


class Expositions:
    """Makes one answer at a time, in a thread: the daemon goes on meanwhile, and ten scrapers do not take ten cores."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._one_at_a_time = asyncio.Lock()

    async def make(self, *, accept: str, accept_encoding: str) -> Exposition:
        """accept, accept_encoding: the headers of the request, "" if there are none."""
        async with self._one_at_a_time:
            scene, counted = look(self._daemon), self._daemon.metrics.registry
            return await asyncio.to_thread(exposition, scene, counted, accept, accept_encoding)


def exposition(scene: Scene, counted: CollectorRegistry, accept: str = "", accept_encoding: str = "") -> Exposition:
    """The whole text in the format that the scraper likes best, which is Prometheus' own unless it says otherwise."""
    encode, content_type = choose_encoder(accept)
    openmetrics = content_type.startswith("application/openmetrics-text")
    text = encode(counted)
    body = text.removesuffix(_END) + "".join(write(_families(scene), openmetrics=openmetrics)).encode()
    if openmetrics:
        body += _END
    if gzip_accepted(accept_encoding):
        return Exposition(gzip.compress(body, _GZIP_LEVEL), content_type, "gzip")
    return Exposition(body, content_type)


def _families(scene: Scene) -> Iterator[Family]:
    yield from of_program(scene)
    yield from of_services(scene)
    yield from of_load(scene)
    yield from of_receivers(scene)
    yield from of_pair(scene.pair)
    yield from compat(scene)
