"""What survives a restart: which services lvsctl itself created, and the lock that keeps a second writer out.

`owned.json` in the state directory: {"version": 1, "owned": [key, ...]} with keys as `key_json` writes them. It is
written before the kernel is: a crash in between leaves a name too many (harmless), never a service nobody owns.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from lvsctl.errors import AlreadyRunning, LvsctlError
from lvsctl.model import AddressKey, Family, MarkKey, Protocol, ServiceKey


def key_json(key: ServiceKey) -> dict[str, object]:
    """A key as the state file and the control socket write it."""
    match key:
        case AddressKey(address, port, protocol):
            return {"kind": "address", "address": str(address), "port": port, "protocol": str(protocol)}
        case MarkKey(family, mark):
            return {"kind": "mark", "mark": mark, "family": str(family)}


def key_from_json(value: dict[str, object]) -> ServiceKey:
    """The inverse of `key_json`; raises ValueError, KeyError or TypeError on anything else."""
    if value["kind"] == "mark":
        return MarkKey(Family(str(value["family"])), int(str(value["mark"])))
    return AddressKey(ip_address(str(value["address"])), int(str(value["port"])), Protocol(str(value["protocol"])))


def write_down(file: Path, text: str) -> None:
    """Replace the file by one with this text, as a whole and on the disk; raises LvsctlError, and it is as it was."""
    scratch = file.with_suffix(".new")
    try:
        with scratch.open("w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(file)
        directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise LvsctlError(f"cannot write {file}: {error.strerror}") from error


class State:
    """The state directory of one writer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "owned.json"
        self.overrides = directory / "overrides.json"
        self._saved: frozenset[ServiceKey] | None = None

    def owned(self) -> frozenset[ServiceKey]:
        """The services remembered. A file that cannot be understood is an error: guessing could orphan services."""
        try:
            text = self.file.read_bytes()
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise LvsctlError(f"cannot read {self.file}: {error.strerror}") from error
        try:
            keys = frozenset(key_from_json(item) for item in json.loads(text)["owned"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LvsctlError(
                f"{self.file} is damaged: move it away and start again; services that lvsctl made and that are no "
                "longer in conf.d must then be deleted by hand (ipvsadm -D)"
            ) from error
        self._saved = keys
        return keys

    def remember(self, owned: Iterable[ServiceKey]) -> None:
        """Write the services down, atomically; does nothing when they are the ones written last."""
        keys = frozenset(owned)
        if keys == self._saved:
            return
        text = json.dumps({"version": 1, "owned": sorted((key_json(key) for key in keys), key=str)}, indent=1)
        write_down(self.file, text + "\n")
        self._saved = keys

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer of this state directory; raises AlreadyRunning when somebody else is."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle = (self.directory / "lock").open("a+")
        except OSError as error:
            raise LvsctlError(
                f"cannot use the state directory {self.directory}: {error.strerror}; name another with --state-dir"
            ) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise AlreadyRunning(
                    f"lvsctl is already running (pid {holder}) on {self.directory}: "
                    "use `lvsctl reload`, or stop it first"
                ) from error
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield
