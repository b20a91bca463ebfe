"""A guest as a process of this host: it ends with us, and when its time is over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(
    command: Sequence[str | Path], *, timeout: float
) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """The guest, its output as a pipe; and whether it had to be ended after `timeout` seconds. Over when this is."""
    guest = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(guest)

    timer = threading.Timer(timeout, end)
    timer.start()
    try:
        yield guest, late
        guest.communicate()
    except BaseException:
        _kill(guest)
        guest.wait()
        raise
    finally:
        timer.cancel()


def _kill(guest: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(guest.pid, signal.SIGKILL)
