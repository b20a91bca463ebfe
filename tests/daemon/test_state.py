"""What survives a restart, and the lock that keeps a second writer out."""

from __future__ import annotations

import json
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.daemon.state import State, key_from_json, key_json
from lvsctl.errors import AlreadyRunning, LvsctlError
from lvsctl.model import AddressKey, Family, MarkKey, Protocol, ServiceKey

WEB = AddressKey(ip_address("192.0.2.20"), 80, Protocol.TCP)
MARK = MarkKey(Family.INET6, 20)

keys: st.SearchStrategy[ServiceKey] = st.one_of(
    st.builds(AddressKey, st.ip_addresses(), st.integers(0, 65535), st.sampled_from(Protocol)),
    st.builds(MarkKey, st.sampled_from(Family), st.integers(1, 2**32 - 1)),
)


@given(keys)
def test_a_key_survives_json(key: ServiceKey) -> None:
    assert key_from_json(json.loads(json.dumps(key_json(key)))) == key


def test_nothing_is_owned_at_first(tmp_path: Path) -> None:
    assert State(tmp_path).owned() == frozenset()


def test_what_was_remembered_is_known_to_the_next(tmp_path: Path) -> None:
    State(tmp_path).remember({WEB, MARK})
    assert State(tmp_path).owned() == {WEB, MARK}


def test_the_same_is_not_written_twice(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.remember({WEB})
    (tmp_path / "owned.json").unlink()
    state.remember({WEB})
    assert not (tmp_path / "owned.json").exists()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"owned": [1]}', b'{"owned": [{"kind": "address"}]}', b"\x80\0\xff", b"[" * 100_000]
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "owned.json").write_bytes(text)
    with pytest.raises(LvsctlError) as caught:
        State(tmp_path).owned()
    assert str(caught.value) == (
        f"{tmp_path}/owned.json is damaged: move it away and start again; services that lvsctl made and that are no "
        "longer in conf.d must then be deleted by hand (ipvsadm -D)"
    )
    assert (tmp_path / "owned.json").read_bytes() == text


def test_a_second_writer_is_kept_out_by_name(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from lvsctl.daemon.state import State\n"
            "with State(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(AlreadyRunning) as caught, State(tmp_path).lock():
        pass
    assert str(caught.value) == (
        f"lvsctl is already running (pid {holder.pid}) on {tmp_path}: use `lvsctl reload`, or stop it first"
    )
    holder.kill()  # a lock does not outlive its holder
    holder.communicate()
    with State(tmp_path).lock():
        assert (tmp_path / "lock").read_text().isdigit()


def test_a_state_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LvsctlError) as caught, State(tmp_path / "file" / "state").lock():
        pass
    assert str(caught.value) == (
        f"cannot use the state directory {tmp_path}/file/state: Not a directory; name another with --state-dir"
    )
