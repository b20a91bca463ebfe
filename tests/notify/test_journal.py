"""The queue's file: whatever moment a process is killed at, what was promised is there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lvsctl.notify.journal import Journal, Kept, gone, put
from tests.notify.made import alert, notification


def kept(path: Path) -> Kept:
    journal = Journal(path)
    try:
        return journal.open()
    finally:
        journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notify" / "team.jsonl"


def test_what_was_put_is_there_until_it_is_gone(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    first, second = notification(name="n1"), notification(alert(ended=3, note="ä\n\udc80"), name="n2")
    journal.append([put(first), put(second)])
    assert list(kept(path).waiting.values()) == [first, second]
    journal.append([gone(["n1"])])
    after = kept(path)
    assert (list(after.waiting), list(after.gone), after.damaged) == (["n2"], ["n1"], 0)


def test_nobody_else_may_read_it(path: Path) -> None:
    kept(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_cut_short_wherever_only_the_last_line_is_lost(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.append([put(notification(name="n1"))])
    whole = path.stat().st_size
    journal.append([put(notification(name="n2"))])
    content = path.read_bytes()
    for end in {*range(whole, len(content), 17), len(content) - 1}:
        path.write_bytes(content[:end])
        again = Journal(path)
        assert list(again.open().waiting) == ["n1"]
        again.append([put(notification(name="n3"))])
        assert list(kept(path).waiting) == ["n1", "n3"], "what was cut is not in the way of what comes after it"
        again.close()


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b"{}", b'{"put": {}}', b'{"gone": 3}', b"\xff\xfe", b"[" * 100_000, b"null", b"3"]
)
def test_a_line_that_makes_no_sense_costs_no_other(path: Path, line: bytes) -> None:
    journal = Journal(path)
    journal.open()
    journal.append([put(notification(name="n1"))])
    with path.open("ab") as file:
        file.write(line + b"\n")
    journal.append([put(notification(name="n2"))])
    after = kept(path)
    assert (list(after.waiting), after.damaged) == (["n1", "n2"], 1)


def test_written_anew_it_holds_what_it_is_given(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    for number in range(100):
        journal.append([put(notification(name=f"n{number}")), gone([f"n{number}"])])
    journal.rewrite([gone(["n99"]), put(notification(name="n100"))])
    assert path.read_bytes().count(b"\n") == 2
    journal.append([put(notification(name="n101"))])
    after = kept(path)
    assert (list(after.waiting), list(after.gone)) == (["n100", "n101"], ["n99"])


def test_on_a_full_disk_nothing_is_half_written(path: Path) -> None:
    """A limit on the size of files is as good as a full disk; it is set in a process of its own."""
    script = f"""
import resource, signal
from pathlib import Path
from lvsctl.notify.journal import Journal, put
from tests.notify.made import notification
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path({str(path)!r}))
journal.open()
journal.append([put(notification(name="n1"))])
size = Path({str(path)!r}).stat().st_size
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
try:
    journal.append([put(notification(name="n2"))])
except OSError:
    print("refused", Path({str(path)!r}).stat().st_size == size)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
journal.append([put(notification(name="n3"))])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "refused True\n"
    assert list(kept(path).waiting) == ["n1", "n3"]


def test_killed_while_it_writes_it_has_all_that_was_promised(path: Path) -> None:
    """A process that appends, rewrites and says what it has promised, killed at moments that nobody chose."""
    script = f"""
from pathlib import Path
from lvsctl.notify.journal import Journal, gone, put
from tests.notify.made import notification
journal = Journal(Path({str(path)!r}))
held = list(journal.open().waiting.values())
number = 0
while True:
    number += 1
    one = notification(name=f"n{{number}}")
    held.append(one)
    journal.append([put(one)])
    print(number, flush=True)
    if number % 3 == 0:
        journal.rewrite([put(each) for each in held])
"""
    for count in (1, 2, 3, 7, 12):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        promised = 0
        while promised < count:
            promised = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        promised = max([promised, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
        process.wait()
        process.stdout.close()
        found = kept(path)
        assert list(found.waiting)[:promised] == [f"n{number}" for number in range(1, promised + 1)]
        assert found.damaged == 0
