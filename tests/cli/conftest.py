"""The program under test, in this process; and something that answers on a unix socket."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lvsctl.cli import cli

Run = Callable[..., Result]
Answers = Callable[[bytes], "Listener"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`lvsctl ARGUMENTS`, with nothing of the caller's environment."""
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    for name in ("LVSCTL_CONFIG", "LVSCTL_SOCKET", "LVSCTL_STATE_DIR", "LVSCTL_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, prog_name="lvsctl")

    yield invoke
    signal.pthread_sigmask(signal.SIG_SETMASK, signals)  # `run` blocks some for as long as the process lives


class Listener:
    """Says the same bytes to everybody who asks, or what a function makes of the request; remembers what was asked."""

    def __init__(self, path: Path, answer: bytes | Callable[[bytes], bytes], *, hang: bool = False) -> None:
        self.path = str(path)
        self.asked: list[bytes] = []
        self._answer, self._hang = answer, hang
        self._closing = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._closing.is_set():
                    return
                request = b""
                while b"\r\n\r\n" not in request and (more := connection.recv(4096)):
                    request += more
                if not request:
                    continue  # it ended before it asked
                self.asked.append(request)
                try:
                    connection.sendall(self._answer(request) if callable(self._answer) else self._answer)
                except (BrokenPipeError, ConnectionResetError):
                    continue
                if self._hang:
                    self._closing.wait(30)

    def close(self) -> None:
        self._closing.set()
        with socket.socket(socket.AF_UNIX) as wake:
            wake.connect(self.path)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listener]]:
    """Start a Listener that gives this answer; hang: and then keeps the connection open."""
    started: list[Listener] = []

    def start(answer: bytes | Callable[[bytes], bytes], *, hang: bool = False) -> Listener:
        started.append(Listener(tmp_path / f"{len(started)}.sock", answer, hang=hang))
        return started[-1]

    yield start
    for listener in started:
        listener.close()
