"""Delivery as a whole: queues on disk, restarts, reloads; over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from lvsctl.errors import LvsctlError
from lvsctl.events import DeliveryFailed, DeliveryRecovered, Event
from lvsctl.model import Receiver, Secret, Webhook
from lvsctl.notify import disk, journal
from lvsctl.notify.delivery import Delivery
from lvsctl.notify.journal import Journal, Kept, Line
from lvsctl.notify.outcome import Later
from tests.notify.made import alert, fresh, held
from tests.notify.server import Behaviour, Misbehaving, close, hang, raw, status
from tests.notify.test_signing import NEW, OLD

pytestmark = pytest.mark.usefixtures("brisk")


class Site:
    """A state directory, a receiver and what is told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = Misbehaving()
        self.url = ""
        self.told: list[Event] = []
        self.open: list[Delivery] = []

    async def delivery(self, *receivers: Receiver, grace: float = 0.1, lenient: bool = False) -> Delivery:
        made = Delivery(self.directory, tell=self.told.append, grace=grace)
        self.open.append(made)
        await made.configure(receivers or [self.receiver()], lenient=lenient)
        return made

    def receiver(self, name: str = "team", *, timeout: float = 5.0, queue: int = 1000, path: str = "") -> Receiver:
        hook = Webhook(Secret(f"{self.url}/{path}"), secrets=(Secret(NEW), Secret(OLD)))
        return Receiver(name, hook, timeout=timeout, queue=queue)

    def file(self, name: str = "team") -> Kept:
        return held(self.directory / f"{name}.jsonl")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path / "notify")
    made.url = await made.server.start()
    yield made
    for delivery in made.open:
        await delivery.close()
    await made.server.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what other tasks bring about; pytest-timeout ends what never comes."""
    while not true():
        await asyncio.sleep(0.01)


async def test_one_arrives_once_and_is_signed(site: Site) -> None:
    delivery = await site.delivery()
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    (heard,) = site.server.heard
    for secret in (NEW, OLD):
        Verifier(secret).verify(heard.body, heard.headers)
    assert heard.headers["webhook-id"] == "n1"
    assert heard.json()["alerts"][0]["labels"]["server"] == "10.0.0.1:80"
    await until(lambda: not site.file().waiting)


async def test_the_same_one_is_taken_in_once_even_after_a_restart(site: Site) -> None:
    first = await site.delivery()
    await asyncio.gather(*(first.submit(fresh(name="n1")) for _ in range(5)))
    await until(lambda: first.standings()[0].numbers.delivered == 1)
    await first.close()
    second = await site.delivery()
    await second.submit(fresh(name="n1"))
    await second.submit(fresh(name="n2"))
    await until(lambda: second.standings()[0].numbers.delivered == 1)
    assert [heard.headers["webhook-id"] for heard in site.server.heard] == ["n1", "n2"]


async def test_a_stop_waits_for_the_answer_to_what_was_just_told(site: Site) -> None:
    answered = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await answered.wait()
        await status(200)(writer)

    site.server.otherwise = slow
    for end in (Delivery.close, lambda delivery: delivery.configure([site.receiver(path="elsewhere")])):
        answered.clear()
        before = len(site.server.heard)
        delivery = await site.delivery(grace=5.0)
        await delivery.submit(fresh(name=f"n{before}"))
        await site.server.until(before + 1)
        ending = asyncio.create_task(end(delivery))
        await asyncio.sleep(0)
        assert not ending.done()
        answered.set()
        await ending
        assert not site.file().waiting
        assert len(site.server.heard) == before + 1
        await delivery.close()


async def test_a_stop_does_not_wait_for_ever(site: Site) -> None:
    site.server.otherwise = hang
    delivery = await site.delivery(grace=0.05)
    await delivery.submit(fresh(name="n1"))
    await site.server.until(1)
    async with asyncio.timeout(30):
        await delivery.close()
    assert list(site.file().waiting) == ["n1"]


@pytest.mark.parametrize(
    "bad",
    [status(500), status(429, "Retry-After: 1"), status(302, "Location: /"), close, raw(b"garbage\r\n\r\n")],
    ids=["broken", "too many", "redirect", "hangs up", "garbage"],
)
async def test_it_is_tried_again_with_the_same_id_and_body(site: Site, bad: Behaviour) -> None:
    site.server.behaviours = [bad]
    delivery = await site.delivery(site.receiver(timeout=60.0))
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    first, second = site.server.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "n1"
    assert first.body == second.body
    assert first.path == second.path
    assert delivery.standings()[0].numbers.failed == 1


async def test_who_says_nothing_is_asked_again_after_the_deadline(site: Site) -> None:
    """Once or more: on a busy machine a deadline that short may pass before anything is sent."""
    site.server.behaviours = [hang]
    delivery = await site.delivery(site.receiver(timeout=0.5))
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert delivery.standings()[0].numbers.failed >= 1
    assert {heard.headers["webhook-id"] for heard in site.server.heard} == {"n1"}


async def test_a_restart_goes_on_where_it_was(site: Site) -> None:
    site.server.otherwise = status(503)
    first = await site.delivery()
    await first.submit(fresh(name="n1"))
    await site.server.until(1)
    await first.close()
    site.server.otherwise = status(200)
    second = await site.delivery()
    await until(lambda: second.standings()[0].numbers.delivered == 1)
    assert {heard.headers["webhook-id"] for heard in site.server.heard} == {"n1"}


CHILD = """
import asyncio, sys
from pathlib import Path
from lvsctl.model import Receiver, Secret, Webhook
from lvsctl.notify.delivery import Delivery
from tests.notify.made import fresh

async def main(directory, url):
    delivery = Delivery(Path(directory), tell=lambda event: None)
    await delivery.configure([Receiver("team", Webhook(Secret(url)))])
    for number in range(10_000):
        await delivery.submit(fresh(name=f"n{number}", group=f"g{number}"))
        print(number, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


@pytest.mark.parametrize("count", [1, 4, 40])
async def test_killed_at_any_moment_all_that_was_taken_in_arrives(site: Site, count: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(site.directory), site.url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    promised = -1
    while promised < count - 1:
        promised = int(await asyncio.to_thread(process.stdout.readline))
    process.kill()
    rest = await asyncio.to_thread(process.stdout.read)
    process.wait()
    process.stdout.close()
    promised = max([promised, *(int(line) for line in rest.split("\n")[:-1])])
    heard = {each.headers["webhook-id"] for each in site.server.heard}
    left = set(site.file().waiting)
    assert {f"n{number}" for number in range(promised + 1)} <= heard | left
    if count <= 4:  # a pace of two a second: the others would take their time
        delivery = await site.delivery()
        await until(lambda: delivery.standings()[0].waiting == 0)
        assert {f"n{number}" for number in range(promised + 1)} <= {
            each.headers["webhook-id"] for each in site.server.heard
        }


async def test_a_full_queue_drops_what_has_ended_and_says_so(site: Site) -> None:
    site.server.otherwise = hang
    delivery = await site.delivery(site.receiver(queue=2, timeout=60.0))
    await delivery.submit(fresh(name="first", group="first"))
    await site.server.until(1)
    for group in ("a", "b", "c"):
        begun = frozenset({alert(group).fingerprint})
        await delivery.submit(fresh(alert(group), name=f"{group}1", group=group, begun=begun))
        await delivery.submit(fresh(alert(group, ended=1.0), name=f"{group}2", group=group))
    (standing,) = delivery.standings()
    assert (standing.waiting, standing.numbers.lost) == (3, 1)
    assert set(site.file().waiting) == {"first", "b2", "c2"}
    failed = site.told[0]
    assert isinstance(failed, DeliveryFailed) and failed.why == "1 notification is lost: its queue is full"


async def test_a_full_queue_keeps_the_ends_of_what_was_told(site: Site) -> None:
    """Whatever begins meanwhile: that is told again."""
    site.server.otherwise = hang
    delivery = await site.delivery(site.receiver(queue=3, timeout=60.0))
    await delivery.submit(fresh(name="first", group="first"))
    await site.server.until(1)
    for group in ("a", "b"):
        await delivery.submit(fresh(alert(group, ended=1.0), name=group, group=group))
    for group in ("c", "d", "e"):
        await delivery.submit(fresh(alert(group), name=group, group=group))
    assert set(site.file().waiting) == {"first", "a", "b", "e"}
    (standing,) = delivery.standings()
    assert standing.numbers.lost == 2


async def test_the_file_does_not_grow_for_ever(site: Site) -> None:
    site.server.otherwise = status(503)
    delivery = await site.delivery(site.receiver(queue=2))
    for number in range(400):
        await delivery.submit(fresh(name=f"n{number}", group=f"g{number % 2}"))
    lines = (site.directory / "team.jsonl").read_bytes().count(b"\n")
    assert lines < 300
    assert set(site.file().waiting) >= {"n398", "n399"}
    await delivery.close()
    again = await site.delivery(site.receiver(queue=2))
    await again.submit(fresh(name="n0", group="g0"))
    assert "n0" not in site.file().waiting, "what is over is not forgotten with the lines"


async def test_a_reload_keeps_what_waits_and_uses_what_is_new(site: Site) -> None:
    site.server.otherwise = status(503)
    delivery = await site.delivery(site.receiver(path="old"))
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.failed == 1)
    site.server.otherwise = status(200)
    await delivery.configure([site.receiver(path="new")])
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert (site.server.heard[0].path, site.server.heard[-1].path) == ("/old", "/new")
    assert delivery.standings()[0].numbers.failed >= 1, "its numbers go on"


async def test_a_reload_that_cannot_work_changes_nothing(site: Site) -> None:
    delivery = await site.delivery()
    bad = Receiver("other", Webhook(Secret(site.url), secrets=(Secret("whsec_SECRET"),)))
    with pytest.raises(LvsctlError) as refused:
        await delivery.configure([bad])
    assert str(refused.value) == ("receiver `other`: a signing secret is `whsec_` and base64 of 24 to 64 bytes")
    await delivery.submit(fresh(name="n1"))
    await site.server.until(1)


async def test_a_reload_that_is_refused_leaves_a_damaged_queue_as_it_is(site: Site) -> None:
    delivery = await site.delivery()
    (site.directory / "other.jsonl").write_text("nonsense\n")
    bad = Receiver("bad", Webhook(Secret(site.url), secrets=(Secret("whsec_SECRET"),)))
    with pytest.raises(LvsctlError, match="receiver `bad`"):
        await delivery.configure([site.receiver(), site.receiver("other"), bad])
    assert (site.directory / "other.jsonl").read_text() == "nonsense\n"
    assert [one.receiver for one in delivery.standings()] == ["team"]


async def test_of_one_that_is_taken_out_nothing_is_left(site: Site) -> None:
    """Put back weeks later it is not told what went on weeks ago, but what goes on: the engine sees to that."""
    site.server.otherwise = status(503)
    delivery = await site.delivery()
    await delivery.submit(fresh(name="n1"))
    assert await delivery.configure([]) == {"team": 1}
    assert list(site.directory.iterdir()) == []
    await delivery.submit(fresh(name="n2"))  # nobody has it any more: nothing happens
    assert delivery.standings() == ()
    site.server.otherwise = status(200)
    assert await delivery.configure([site.receiver()]) == {}
    await delivery.submit(fresh(name="n3"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert site.server.heard[-1].headers["webhook-id"] == "n3"


async def test_of_one_that_was_taken_out_while_the_daemon_was_down_nothing_is_left(site: Site) -> None:
    site.server.otherwise = status(503)
    first = await site.delivery(site.receiver(), site.receiver("other"))
    await first.submit(fresh(name="n1"), fresh(name="n2", receiver="other"))
    await first.close()
    await site.delivery()
    assert [path.name for path in site.directory.iterdir()] == ["team.jsonl"]
    assert list(site.file().waiting) == ["n1"]


async def test_gone_until_the_next_reload(site: Site) -> None:
    site.server.behaviours = [status(410)]
    delivery = await site.delivery()
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].disabled)
    await delivery.submit(fresh(name="n2", group="other"))
    assert len(site.server.heard) == 1
    await delivery.configure([site.receiver()])
    await until(lambda: delivery.standings()[0].numbers.delivered == 2)
    assert [heard.headers["webhook-id"] for heard in site.server.heard] == ["n1", "n1", "n2"]


@pytest.mark.parametrize("name", ["a/b", "..", ".", "grüße", "a b"])
async def test_any_name_is_one_file_in_the_directory(site: Site, name: str) -> None:
    delivery = await site.delivery(site.receiver(name))
    await delivery.submit(fresh(name="n1", receiver=name))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert [path.suffix for path in site.directory.iterdir()] == [".jsonl"]


async def test_one_that_cannot_be_used_keeps_no_other_from_being_served(site: Site) -> None:
    queue = site.directory / "team.jsonl"
    queue.mkdir(parents=True)
    delivery = await site.delivery(site.receiver(), site.receiver("other", path="other"), lenient=True)
    team = [fresh(alert(group), name=f"{group}1", group=group) for group in "ab"]
    assert await delivery.submit(*team, fresh(name="o1", receiver="other")) == tuple(team)
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    why = f"cannot use {queue}: Is a directory"
    assert [(one.receiver, one.waiting, one.why) for one in delivery.standings()] == [
        ("other", 0, ""),
        ("team", 2, why),
    ]
    assert await delivery.test(fresh(name="t1")) == Later(why)
    assert site.told == [DeliveryFailed("team", why, 0)]
    queue.rmdir()
    await delivery.mend()
    assert isinstance(site.told[1], DeliveryRecovered)
    assert await delivery.submit(*team) == ()
    await until(lambda: delivery.standings()[1].numbers.delivered == 2)
    assert [one.waiting for one in delivery.standings()] == [0, 0]


async def test_what_is_kept_for_one_that_cannot_be_used_is_no_more_than_may_wait(site: Site) -> None:
    (site.directory / "team.jsonl").mkdir(parents=True)
    delivery = await site.delivery(site.receiver(queue=2), lenient=True)
    kept = await delivery.submit(*(fresh(alert(group), name=f"{group}1", group=group) for group in "abc"))
    assert [one.id for one in kept] == ["b1", "c1"]
    ended = fresh(alert("c", ended=1.0), name="c2", group="c")
    assert [one.id for one in await delivery.submit(*kept, ended)] == ["b1", "c2"]
    (standing,) = delivery.standings()
    assert (standing.waiting, standing.numbers.lost) == (2, 1)
    assert [event.why for event in site.told if isinstance(event, DeliveryFailed)][1].startswith(
        "1 notification is lost"
    )


async def test_one_that_could_not_be_used_before_keeps_nobody_from_a_reload(site: Site) -> None:
    (site.directory / "team.jsonl").mkdir(parents=True)
    delivery = await site.delivery(lenient=True)
    await delivery.configure([site.receiver(), site.receiver("other")])
    assert [one.receiver for one in delivery.standings()] == ["other", "team"]
    with pytest.raises(LvsctlError, match=r"^receiver `team`: cannot use"):
        await delivery.configure([site.receiver(path="elsewhere"), site.receiver("third")])
    assert [one.receiver for one in delivery.standings()] == ["other", "team"]


async def test_a_disk_that_hangs_keeps_nobody_from_being_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    write = journal._write

    def hung(handle: int, lines: Sequence[Line]) -> None:
        answers.wait(30)
        write(handle, lines)

    monkeypatch.setattr(disk.Disk.__init__, "__defaults__", (0.2,))
    delivery = await site.delivery()
    monkeypatch.setattr(journal, "_write", hung)
    try:
        for number in range(3):
            await delivery.submit(fresh(name=f"n{number}"))
        await until(lambda: delivery.standings()[0].waiting == 0)
        assert site.told == [DeliveryFailed("team", "its queue cannot be written: the disk does not answer", 1)]
    finally:
        answers.set()
    while not any(isinstance(event, DeliveryRecovered) for event in site.told):
        await delivery.submit(fresh(name=f"m{time.monotonic()}"))
        await until(lambda: delivery.standings()[0].waiting == 0)
    assert list(site.file().waiting) == []


async def test_a_directory_that_cannot_be_used(site: Site, tmp_path: Path) -> None:
    (tmp_path / "notify").write_text("a file")
    with pytest.raises(LvsctlError, match=r"^receiver `team`: cannot use .*/notify/team\.jsonl: (File exists|Not a)"):
        await site.delivery()


async def test_alerts_go_out_even_if_the_disk_takes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    delivery = await site.delivery()
    monkeypatch.setattr(journal, "_write", full)
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert site.told == [DeliveryFailed("team", "its queue cannot be written: No space left on device", 1)]
    monkeypatch.undo()
    await delivery.submit(fresh(name="n2"))
    await until(lambda: len(site.told) == 2)
    assert type(site.told[1]).__name__ == "DeliveryRecovered"


async def test_what_could_not_be_written_is_written_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be said that all is well, and a restart would lose it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    site.server.otherwise = status(503)
    delivery = await site.delivery()
    monkeypatch.setattr(journal, "_write", full)
    await delivery.submit(fresh(name="n1", group="a"))
    assert not site.file().waiting
    assert [path.name for path in site.directory.iterdir()] == ["team.jsonl"], "nothing half written is left behind"
    monkeypatch.undo()
    await delivery.submit(fresh(name="n2", group="b"))
    assert set(site.file().waiting) == {"n1", "n2"}


async def test_lines_that_make_no_sense_are_told_of_once(site: Site) -> None:
    site.directory.mkdir(mode=0o700)
    (site.directory / "team.jsonl").write_text('{"put": {"id": "n1"}}\n')
    first = await site.delivery()
    assert [event.why for event in site.told if isinstance(event, DeliveryFailed)] == [
        "1 notification is lost: lines of its queue's file make no sense"
    ]
    await first.submit(fresh(name="n2"))
    await until(lambda: any(isinstance(event, DeliveryRecovered) and event.lost == 1 for event in site.told))
    await first.close()
    site.told.clear()
    await site.delivery()
    assert site.told == []


async def test_the_file_written_anew_does_not_say_that_what_is_just_coming_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right then, it would be refused as known when it is submitted again."""
    began, gate, said = threading.Event(), threading.Event(), list[Line]()
    append, rewrite = Journal.append, Journal.rewrite

    def slow(self: Journal, lines: Sequence[Line]) -> None:
        began.set()
        gate.wait(10)
        append(self, lines)

    def heard(self: Journal, lines: Sequence[Line]) -> None:
        said.extend(lines)
        rewrite(self, lines)

    site.server.otherwise = hang
    delivery = await site.delivery()
    monkeypatch.setattr(Journal, "append", slow)
    monkeypatch.setattr(Journal, "rewrite", heard)
    monkeypatch.setattr(Journal, "wasteful", property(lambda _: True))
    first = asyncio.create_task(delivery.submit(fresh(name="n1", group="a")))
    await until(began.is_set)
    second = asyncio.create_task(delivery.submit(fresh(name="n2", group="b")))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, second)
    assert [line["gone"] for line in said if "gone" in line] == [[], []]


async def test_two_reloads_at_once_are_one_after_the_other(site: Site) -> None:
    delivery = await site.delivery()
    await delivery.configure([])
    await asyncio.gather(*(delivery.configure([site.receiver(path=path)]) for path in ("old", "new")))
    await delivery.submit(fresh(name="n1"))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert [heard.path for heard in site.server.heard] == ["/new"]
    names = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("notify ")]
    assert names == ["notify team"]


async def test_who_asks_during_a_reload_is_answered(site: Site) -> None:
    delivery = await site.delivery()
    reload = asyncio.create_task(delivery.configure([site.receiver(path="new"), site.receiver("other")]))
    seen = set()
    while not reload.done():
        seen.add(tuple(one.receiver for one in delivery.standings()))
        await asyncio.sleep(0)
    assert seen == {("team",)}
    assert [one.receiver for one in delivery.standings()] == ["other", "team"]


async def test_a_reload_at_the_end_is_refused(site: Site) -> None:
    delivery = await site.delivery()
    await delivery.close()
    with pytest.raises(LvsctlError, match=r"^the daemon is stopping: "):
        await delivery.configure([site.receiver()])


async def test_a_test_goes_past_the_queue(site: Site) -> None:
    site.server.otherwise = status(503)
    delivery = await site.delivery()
    outcome = await delivery.test(fresh(name="t1"))
    assert outcome == Later("127.0.0.1 answers 503 (Service Unavailable)")
    assert len(site.server.heard) == 1 and delivery.standings()[0].waiting == 0
    assert await delivery.test(fresh(name="t2", receiver="other")) == Later("it is not configured yet")


STOPPED = """
import asyncio, socket, sys, threading
from pathlib import Path
from lvsctl.model import Email, MailSecurity, Receiver, Secret, Slack
from lvsctl.notify.delivery import Delivery
from tests.notify.made import fresh

asked = threading.Semaphore(0)

def silent(host, *_):
    asked.release()
    threading.Event().wait()

async def main(directory):
    socket.getaddrinfo = silent
    delivery = Delivery(Path(directory), tell=lambda event: None, grace=0.1)
    mail = Email("mail.example", 25, "a@b.example", ("c@d.example",), MailSecurity.NONE)
    await delivery.configure([Receiver("slack", Slack(Secret("https://slack.example"))), Receiver("mail", mail)])
    for name in ("slack", "mail"):
        await delivery.submit(fresh(name=name, receiver=name))
    for _ in range(2):
        while not asked.acquire(blocking=False):
            await asyncio.sleep(0.01)
    assert await asyncio.to_thread(lambda: "the director goes on") == "the director goes on"
    await delivery.close()

asyncio.run(main(sys.argv[1]))
print("stopped")
"""


def test_a_name_server_that_is_silent_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", STOPPED, str(tmp_path)], capture_output=True, timeout=30, check=True)
    assert ran.stdout == b"stopped\n"
