"""The history: what is kept, what makes room, and what becomes of it when the daemon or the disk dies."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from lvsctl.daemon import history as histories
from lvsctl.daemon.history import Book, History, Transition, transition
from lvsctl.daemon.told import told_json
from lvsctl.decide.about import About
from lvsctl.model import Level, Record, Told
from tests.daemon.api.test_server import client
from tests.daemon.site import Servers, Site, conf, service, serving

A, B = "127.0.0.11", "127.0.0.12"


def told(number: int, event: str = "server_down", server: str = "10.0.0.1:80", **fields: object) -> Told:
    return Told(number, 1e9 + number, Record(event, Level.WARNING, "server is down", "shop", "web", server, fields))


def events(file: Path) -> list[int]:
    return [json.loads(line)["number"] for line in file.read_text().splitlines()]


# --- the book -----------------------------------------------------------------------------------------------------


def entry(number: int, subject: str, size: int) -> Transition:
    return Transition(float(number), "shop", "", subject, "", b"x" * size)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 40)), max_size=60))
def test_the_newest_are_kept_and_the_oldest_make_room(added: list[tuple[str, int]]) -> None:
    book = Book(per_subject=3, most_bytes=100)
    entries = [entry(number, subject, size) for number, (subject, size) in enumerate(added)]
    for one in entries:
        book.add(one)
    kept = list(book)
    assert book.bytes == sum(len(one.line) for one in kept) <= 100
    assert kept == sorted(kept, key=lambda one: one.at)
    assert kept[-1:] == entries[-1:]
    assert all(count <= 3 for count in Counter(one.server for one in kept).values())
    for lost in set(entries) - set(kept):  # either enough of its own are newer, or everything older is gone too
        newer = [one for one in entries if one.server == lost.server and one.at > lost.at]
        assert len(newer) >= 3 or all(one.at > lost.at for one in kept)


def test_what_a_transition_is_about() -> None:
    """As `About` tells, with the subject of an order taken from its fields."""
    down = transition(told_json(told(1)))
    order = transition(told_json(told(1, "override_set", "", subject="shop/10.0.0.1:80")))
    for one in (down, order):
        assert one.is_about(About("shop", server="10.0.0.1"))
        assert not one.is_about(About("shop", server="10.0.0.2"))


def test_long_facts_are_shortened() -> None:
    said = json.loads(transition(told_json(told(1, detail="x" * 500, seen=["y" * 500] * 50, n=3))).line)
    assert said["detail"] == "x" * 199 + "…"
    assert said["seen"] == ["y" * 199 + "…"] * 10
    assert said["n"] == 3


# --- the file -----------------------------------------------------------------------------------------------------


async def test_it_is_there_after_a_restart_and_noise_is_not(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    first = History(file)
    first.hear(told(1))
    first.hear(told(2, "applied"))
    first.hear(told(3, "server_up"))
    await first.close()
    assert events(file) == [1, 3]
    second = History(file)
    second.hear(told(1))
    await second.close()
    assert [one.line for one in History(file).book] == [one.line for one in second.book]
    assert events(file) == [1, 3, 1]


async def test_what_is_told_is_written_within_a_moment(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.hear(told(1))
    async with asyncio.timeout(10):
        while not (tmp_path / "history.jsonl").exists():
            await asyncio.sleep(0.01)
    await history.close()


@pytest.mark.parametrize("torn", [b'{"number": 3, "at"', b'{"number": 3}\n', b"[]\n", b"\0" * 100, b"[" * 9999 + b"\n"])
async def test_half_a_line_is_left_out_and_the_file_mended(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "history.jsonl"
    before = History(file)
    before.hear(told(1))
    before.hear(told(2))
    await before.close()
    with file.open("ab") as end:
        end.write(torn)
    with capture_logs() as logged:
        after = History(file)
    warning = {"event": "history: what cannot be read is left out", "file": str(file), "lines": 1}
    assert logged == [{**warning, "log_level": "warning"}]
    after.hear(told(3))
    await after.close()
    assert events(file) == [1, 2, 3]


async def test_a_disk_that_fails_is_told_once_and_nothing_is_lost_when_it_is_well(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    history = History(folder / "history.jsonl")
    with capture_logs() as logged:
        for number in (1, 2):
            history.hear(told(number))
            await history.close()
    [line] = logged
    assert line["event"] == "history: the file cannot be used, what happens is forgotten with the daemon"
    assert (line["log_level"], line["error"]) == ("error", "No such file or directory")
    folder.mkdir()
    with capture_logs() as logged:
        history.hear(told(3))
        await history.close()
    assert [line["event"] for line in logged] == ["history: it is written again"]
    assert events(folder / "history.jsonl") == [1, 2, 3]


@pytest.mark.kernel  # to mount something takes a root that may
async def test_a_full_disk(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        await write_until_it_is_full_and_then_some_more(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


async def write_until_it_is_full_and_then_some_more(folder: Path) -> None:
    file = folder / "history.jsonl"
    history = History(file)
    with (folder / "filler").open("wb", buffering=0) as filler:
        filler.write(b"x" * 40_000)
    with capture_logs() as logged:
        for number in range(1, 101):
            history.hear(told(number, server=f"10.0.0.{number}:80", detail="x" * 200))
            await history.close()
    assert [line["error"] for line in logged] == ["No space left on device"]
    assert not list(folder.glob("*.new"))
    assert all(one.at for one in History(file).book)  # what can be read is read
    (folder / "filler").unlink()
    with capture_logs() as logged:
        history.hear(told(101))
        await history.close()
    assert [line["event"] for line in logged] == ["history: it is written again"]
    assert events(file) == list(range(1, 102))


async def test_a_file_that_cannot_be_read_keeps_no_daemon_from_starting(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").mkdir()
    with capture_logs() as logged:
        history = History(tmp_path / "history.jsonl")
        history.hear(told(1))
        await history.close()
    assert [line["error"] for line in logged] == ["Is a directory"]
    assert len(list(history.book)) == 1


async def test_the_file_is_made_anew_before_it_grows_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "MOST_BYTES", 3000)
    file = tmp_path / "history.jsonl"
    history = History(file)
    history.book = Book(per_subject=5, most_bytes=3000)
    sizes = []
    for number in range(100):
        history.hear(told(number, detail="x" * 100))
        await history.close()
        sizes.append(file.stat().st_size)
    assert max(sizes) <= 2 * 3000 + 400
    assert events(file)[-5:] == [95, 96, 97, 98, 99]
    assert not list(tmp_path.glob("*.new"))


async def test_a_file_that_has_become_far_too_large_is_read_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "history.jsonl"
    lines = [transition(told_json(told(number))).line for number in range(100)]
    file.write_bytes(b"".join(lines))
    monkeypatch.setattr(histories, "MOST_BYTES", len(lines[-1]) * 5)
    with capture_logs() as logged:
        history = History(file)
    assert [json.loads(one.line)["number"] for one in history.book][-1] == 99
    assert len(list(history.book)) < 25
    assert logged == []


# --- the daemon ---------------------------------------------------------------------------------------------------


async def test_a_server_that_dies_is_in_the_history_of_the_next_daemon(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    site.write(conf(service("shop", A, B, address=f"192.0.2.20:{servers.port}", scheduler="wlc")))
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        await servers.kill(A)
        async with asyncio.timeout(10):
            while True:
                async with http.get(f"/v1/history?subject=shop/{A}&limit=1") as answer:
                    [last] = (await answer.json())["transitions"]
                if last["event"] == "server_down":
                    break
                await asyncio.sleep(0.01)
        assert last["server"] == f"{A}:{servers.port}"
        assert (last["check"], last["code"], last["detail"]) == ("tcp", "L4CON", "Connection refused")
        assert last["latency"] > 0
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        async with http.get(f"/v1/history?subject=shop/{A}") as answer:
            assert last in (await answer.json())["transitions"]
        async with http.get("/v1/history?subject=shop&limit=1&since=1h") as answer:
            assert len((await answer.json())["transitions"]) == 1
        for since in ("0s", "2999-01-01T00:00Z"):
            async with http.get("/v1/history", params={"since": since}) as answer:
                assert (await answer.json())["transitions"] == []
        for query, code, why in [
            ("subject=shpo", 404, "there is no service or server `shpo`: did you mean `shop`?"),
            ("limit=x", 422, "limit: must be a whole number from 0, not `x`"),
            ("since=x", 422, "since: `x` is neither a duration like 1h nor a time like 2026-01-31T12:00Z"),
        ]:
            async with http.get(f"/v1/history?{query}") as answer:
                assert (answer.status, await answer.json()) == (code, {"error": why})
        for subject in ("shop/servers", A, f"{A}:{servers.port}"):
            async with http.get(f"/v1/history?subject={subject}") as answer:
                assert answer.status == 200
                assert (last in (await answer.json())["transitions"]) is (subject != "shop/servers")
