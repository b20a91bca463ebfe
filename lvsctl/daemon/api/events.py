"""GET /v1/events: what happens, as lines of JSON, as long as the reader likes."""

from __future__ import annotations

import asyncio
import contextlib
import json

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON, number
from lvsctl.daemon.api.shapes import COUNT, LINES, TEXT, TOLD, Json, Operation, one_of
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.stream import KEPT, Reader
from lvsctl.daemon.told import told_json
from lvsctl.decide.about import About, about
from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.model import Told
from lvsctl.model.moment import rfc3339

STARTED = "Lvsctl-Started"
"""The header that tells two daemons apart: each begins to number its records at 1."""

LAST_WORD = 5.0  # seconds that a reader who was too slow has for reading why
LOOK = 10.0  # seconds between two looks whether a reader for whom there is nothing is still there
AT_ONCE = 100  # records between two looks at everything else

FOLLOW = Operation(
    "What happens, one JSON object a line, oldest first; with follow=1 until one side hangs up, or the daemon stops. "
    f"The header {STARTED} tells the numbers of one daemon from those of the next.",
    TOLD,
    media=LINES,
    query={
        "since": {**COUNT, "description": "only records with a greater number"},
        "limit": {**COUNT, "description": f"of what has happened already, at most so many; {KEPT} are kept"},
        "service": {**TEXT, "description": "only what is about this: SERVICE, or SERVER, SERVICE/SERVER, SERVICE/POOL"},
        "follow": {**one_of("0", "1"), "description": "1: go on with what happens from now on"},
    },
    fails=(404, 422, 503),
)


async def follow(request: web.Request) -> web.StreamResponse:
    """The records that are kept, then new ones as they come."""
    daemon = request.app[DAEMON]
    since, limit = number(request, "since", 0), number(request, "limit", KEPT)
    asked = _Asked(daemon, request.query.get("service"))
    response = web.StreamResponse(headers={"Content-Type": LINES, STARTED: rfc3339(daemon.started)})
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as patience:
            with daemon.stream.follow(lambda: patience.reschedule(loop.time() + LAST_WORD)) as reader:
                kept = [told for told in daemon.stream.since(since) if asked.is_about(told)]
                await response.prepare(request)
                await _write(response, kept[len(kept) - min(limit, len(kept)) :])
                if request.query.get("follow") == "1":
                    await _go_on(request, response, reader, asked)
    except TimeoutError:  # it does not even read that it was too slow
        if request.transport is not None:
            request.transport.abort()
    return response


async def _go_on(request: web.Request, response: web.StreamResponse, reader: Reader, asked: _Asked) -> None:
    """Until the daemon stops, or the reader is too slow, or gone."""
    while request.transport is not None:
        try:
            async with asyncio.timeout(LOOK):
                news = await reader.take(AT_ONCE)
        except TimeoutError:
            continue
        if not news:
            break
        await _write(response, [told for told in news if asked.is_about(told)])
        await asyncio.sleep(0)  # writing waits for nobody while there is room in the buffers
    if reader.dropped:
        await response.write(_line(_too_slow(reader)))


async def _write(response: web.StreamResponse, records: list[Told]) -> None:
    for start in range(0, len(records), AT_ONCE):
        await response.write(b"".join(_line(told_json(told)) for told in records[start : start + AT_ONCE]))


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _too_slow(reader: Reader) -> Json:
    words = f"this reader was too slow: {reader.dropped} records are lost to it; ask again from here"
    return {"number": reader.last, "event": "dropped", "level": "warning", "message": words}


class _Asked:
    """What a reader wants to hear of: by the words of the question, as the conf.d in force understands them.

    A reload may bring servers. What it takes out of conf.d stays what it was. words: None for everything. Raises
    NoSuchSubject.
    """

    def __init__(self, daemon: Daemon, words: str | None) -> None:
        self._world = daemon.world
        self._words = words
        self._spec = daemon.world.spec
        kept = daemon.stream.since(0)
        self._about = None
        if words is not None:
            self._about = about(self._spec, words, lambda one: any(_tells(one, told) for told in kept))

    def is_about(self, told: Told) -> bool:
        """Whether this is to be told."""
        if self._about is None or self._words is None:
            return True
        if self._spec is not self._world.spec:
            self._spec = self._world.spec
            with contextlib.suppress(NoSuchSubject):
                self._about = about(self._spec, self._words, lambda _: False)
        return _tells(self._about, told)


def _tells(subject: About, told: Told) -> bool:
    record = told.record
    order = str(record.fields.get("subject", ""))
    return subject.tells(service=record.service, pool=record.pool, server=record.server, order=order)
