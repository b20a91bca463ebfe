"""Questions to the daemon: HTTP over its unix socket, small enough to cost nothing at start-up.

The request is HTTP/1.0, so the answer comes in one piece and ends with the connection.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from lvsctl.errors import DaemonUnreachable, LvsctlError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LARGEST = 256 * 2**20  # bytes; a status of 10,000 servers has 8 MB
LONGEST = 2**20  # bytes of one line of a stream


Json = dict[str, Any]


class Answer(NamedTuple):
    """What the daemon said. status: of HTTP; body: the JSON object."""

    status: int
    body: Json


class Refusal(LvsctlError):
    """The daemon does not begin with what `following` asked for; answer: what it says instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(refusal(answer))
        self.answer = answer


class Stream(NamedTuple):
    """A long answer. started: when the daemon began, which tells it from the one after it; lines: until it hangs up."""

    started: str
    lines: Iterator[Json]


def ask(path: str, method: str, resource: str, *, body: Json | None = None, timeout: float = 10.0) -> Answer:
    """The answer of the daemon at `path` to e.g. GET /v1/status. body: sent as JSON. timeout: seconds for all of it.

    Raises DaemonUnreachable when nobody answers, or when what answers cannot be lvsctl's daemon. Not being allowed to
    ask says nothing of the daemon, so it is a plain failure: a watchdog that acts on status 4 must not act on it.
    """
    with _talking(path, timeout):
        return _parse(path, _exchange(path, _request(method, resource, body), timeout))


@contextlib.contextmanager
def following(
    path: str,
    resource: str,
    *,
    timeout: float = 10.0,
    patience: float | None = None,
    wait: Callable[[int], None] | None = None,
) -> Iterator[Stream]:
    """The answer to GET `resource`, JSON objects line by line as they come.

    timeout: seconds until it begins. patience: seconds without a line that are too many; None: it may take for ever,
    and `wait` is called then with the descriptor on which more will come. Raises as `ask` does, and Refusal if the
    daemon does not begin. Half a line at the end is left out.
    """
    with (
        socket.socket(socket.AF_UNIX) as connection,
        io.BufferedReader(_Incoming(connection, wait)) as reader,
    ):
        with _talking(path, timeout):
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(_request("GET", resource, None))
            head = _head(reader)
            if not head.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
                raise Refusal(_parse(path, head + reader.read(LARGEST)))
            connection.settimeout(patience)
        yield Stream(_field(head, b"lvsctl-started"), _lines(path, reader, patience or timeout))


class _Incoming(io.RawIOBase):
    """What comes on a connection; `wait` is called where reading it could take for ever."""

    def __init__(self, connection: socket.socket, wait: Callable[[int], None] | None) -> None:
        self._connection = connection
        self._wait = wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._wait is not None and self._connection.gettimeout() is None:
            self._wait(self._connection.fileno())
        return self._connection.recv_into(buffer)


def refusal(answer: Answer) -> str:
    """What the daemon says instead of what it was asked for."""
    return str(answer.body.get("error", f"the daemon answers with HTTP status {answer.status}"))


def _head(reader: BinaryIO) -> bytes:
    head = b""
    while (line := reader.readline(LONGEST)) not in (b"", b"\r\n") and len(head) < LONGEST:
        head += line
    return head + line


def _field(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("ascii", "replace")
    return ""


def _lines(path: str, reader: BinaryIO, patience: float) -> Iterator[Json]:
    while True:
        with _talking(path, patience):
            try:
                line = reader.readline(LONGEST)
            except ConnectionResetError:  # it was killed: that is an end as well
                return
        if not line.endswith(b"\n"):
            return
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise _stranger(path, "a line that is no JSON object")
        yield value


@contextlib.contextmanager
def _talking(path: str, timeout: float) -> Iterator[None]:
    """Every way in which nobody, or somebody else, answers, in words."""
    try:
        yield
    except TimeoutError as error:
        raise DaemonUnreachable(
            f"the daemon on {path} did not answer within {timeout:g} s (journalctl -u lvsctl may say why)"
        ) from error
    except PermissionError as error:
        raise LvsctlError(
            f"not allowed to talk to the daemon on {path}: be root, or in the group that owns the socket"
        ) from error
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise DaemonUnreachable(f"no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl)") from error
    except (ConnectionResetError, BrokenPipeError) as error:
        raise _cut_off(path) from error
    except OSError as error:
        raise DaemonUnreachable(f"cannot use {path} as a control socket: {error.strerror or error}") from error


def _request(method: str, resource: str, body: Json | None) -> bytes:
    said = (
        b"" if body is None else json.dumps(body, ensure_ascii=False).encode(errors="replace")
    )  # not all of argv is text
    form = "" if body is None else "Content-Type: application/json\r\n"
    head = f"{method} {resource} HTTP/1.0\r\nHost: lvsctl\r\n{form}Content-Length: {len(said)}\r\n\r\n"
    return head.encode() + said


def _exchange(path: str, request: bytes, timeout: float) -> bytes:
    """Everything that the other side says until it hangs up; one deadline from connect to the last byte."""
    deadline = time.monotonic() + timeout
    received = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(request)
        while len(received) <= LARGEST:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            piece = connection.recv(1 << 20)
            if not piece:
                return bytes(received)
            received += piece
    raise _stranger(path, f"more than {LARGEST >> 20} MiB")


def _parse(path: str, received: bytes) -> Answer:
    if not received:
        raise _cut_off(path)
    head, gap, body = received.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not code.isdigit() or len(code) != 3:
        raise _stranger(path, "it does not speak HTTP")
    if not gap or len(body) < _length(path, fields):
        raise _cut_off(path)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _stranger(path, f"HTTP status {int(code)} and no JSON object")
    return Answer(int(code), value)


def _length(path: str, fields: list[bytes]) -> int:
    """Content-Length, 0 where there is none: then the answer ends where the connection does."""
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length":
            text = value.strip()
            if not text.isdigit() or len(text) > 18:
                raise _stranger(path, "it does not speak HTTP")
            return int(text)
    return 0


def _cut_off(path: str) -> DaemonUnreachable:
    return DaemonUnreachable(
        f"the daemon on {path} hung up in the middle of its answer (journalctl -u lvsctl may say why)"
    )


def _stranger(path: str, what: str) -> DaemonUnreachable:
    return DaemonUnreachable(f"what answers on {path} is not lvsctl's daemon: {what}")
