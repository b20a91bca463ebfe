"""Whatever stands in a file, the answer is a Spec or a ConfigError whose problems have sensible places."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.config.load import load
from lvsctl.errors import ConfigError
from tests.config.kinds import kinds

DATA = Path(__file__).parent / "testdata"
GOOD = [path.read_bytes() for path in sorted(DATA.glob("good/*.yaml"))]
ALL = [*GOOD, *(path.read_bytes() for path in sorted(DATA.glob("bad/*.yaml")))]
PIECES = [
    b": ", b"- ", b"\n", b"  ", b"{", b"}", b"[", b"]", b",", b"&a ", b"*a", b"!!int ", b"<<: ", b"'", b'"', b"#", b"|",
    b"?", b"~", b"-1", b"99999999999999999999", b"1.5", b"true", b".nan", b"${env:HOME}", b"${file:/dev/zero}", b"none",
    b"\x00", b"\xff", b"\xe2\x80\xa8", b"---\n", b"%", b"\t", b"0s", b"[::1]:80", b"tcp", b"check: ", b"services:\n",
]  # fmt: skip


def check(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.yaml"
        file.write_bytes(content)
        lines = content.decode(errors="replace").replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
        count = lines.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
        try:
            problems = load(Path(folder), kinds()).warnings
        except ConfigError as error:
            problems = error.problems
            assert problems
        assert list(problems) == sorted(problems, key=lambda one: (one.file, one.line, one.column))
        for problem in problems:
            assert problem.file in (str(file), folder)
            assert (problem.line, problem.column) == (0, 0) or (1 <= problem.line <= count and problem.column >= 1)
            assert problem.message
            assert str(problem).isprintable()
            assert "pydantic" not in problem.message
            assert len(problem.message) < 600


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text.encode("utf-8", "replace"))


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    check(content)


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["tcp", "none", "192.0.2.2", "1s", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([
            "services", "checks", "defaults", "global", "web", "address", "mark", "pools", "servers", "check", "weight",
            "thresholds", "upper", "lower", "tunnel", "type", "port", "http", "tcp", "path", "interval", "floor",
            "flags", "persistent", "forward", "scheduler", "schedular", "adress", "provider", "instances", "groups",
            "interface", "vrid", "addresses", "peers", "keys", "state", "peer", "key", "listen", "hooks", "on_active",
            "penalties", "penalty", "keepalived", "instance",
        ]), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["services", "checks", "defaults", "global", "servics", "pair"]), _VALUE))
def test_any_values_under_known_keys(value: object) -> None:
    import json

    check(json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf").encode())


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_files_with_random_edits(random: random.Random) -> None:
    content = bytearray(random.choice(ALL))
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(content))
        edit = random.choice(("insert", "delete", "copy", "splice"))
        match edit:
            case "insert":
                content[at:at] = random.choice(PIECES)
            case "delete":
                del content[at : at + random.randint(1, 12)]
            case "copy":
                start = random.randint(0, len(content))
                content[at:at] = content[start : start + random.randint(1, 60)]
            case "splice":
                other = random.choice(ALL)
                content[at:] = other[random.randint(0, len(other)) :]
    check(bytes(content))
