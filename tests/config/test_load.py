"""Which files are read, and what is said of those that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lvsctl.config.load import MAX_BYTES, Loaded, load
from lvsctl.errors import ConfigError
from tests.config.kinds import kinds

WEB = "services: {web: {address: '192.0.2.1:80', check: none, servers: [192.0.2.2]}}\n"
APP = WEB.replace("web", "app").replace("192.0.2.1", "192.0.2.9")


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, named as an operator would name it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf.d").mkdir()
    return Path("conf.d")


def said(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, kinds())
    return str(caught.value)


def test_a_directory_is_read_in_the_order_of_names(conf: Path) -> None:
    (conf / "9.yaml").write_text(WEB)
    (conf / "10.yml").write_text(APP)
    found = load(conf, kinds())
    assert found == Loaded(found.spec, (), (conf / "10.yml", conf / "9.yaml"))
    assert list(found.spec.services) == ["app", "web"]


def test_one_file_is_read_whatever_its_name(conf: Path) -> None:
    (conf / "anything.conf").write_text(WEB)
    assert list(load(conf / "anything.conf", kinds()).spec.services) == ["web"]


@pytest.mark.parametrize(
    "name",
    [".web.yaml", "web.yaml~", "web.yaml.bak", "web.yaml.dpkg-old", "web.yaml.ucf-dist", "web.yaml.rpmsave",
     "#web.yaml#", "web.json", "yaml", ".web.yaml.swp"],
)  # fmt: skip
def test_what_editors_and_packagers_leave_behind_is_not_read(name: str, conf: Path) -> None:
    (conf / "10.yaml").write_text(WEB)
    (conf / name).write_text("][")
    assert load(conf, kinds()).files == (conf / "10.yaml",)


def test_a_byte_order_mark_is_no_mistake(conf: Path) -> None:
    (conf / "10.yaml").write_bytes(b"\xef\xbb\xbf" + WEB.encode())
    assert list(load(conf, kinds()).spec.services) == ["web"]


def test_windows_line_ends_are_no_mistake(conf: Path) -> None:
    (conf / "10.yaml").write_bytes(WEB.replace("\n", "\r\n").encode())
    assert list(load(conf, kinds()).spec.services) == ["web"]


def test_a_path_that_does_not_exist(conf: Path) -> None:
    assert said(Path("nowhere")) == "nowhere: does not exist: name the right file or directory with -c"
    assert said(Path("a\0b")) == "a\\x00b: is not a file name"
    assert said(Path("x" * 300)).endswith(": cannot be read: File name too long")


def test_a_dangling_link(conf: Path) -> None:
    (conf / "10.yaml").symlink_to("gone.yaml")
    assert said(conf) == "conf.d/10.yaml: does not exist: name the right file or directory with -c"


def test_a_file_too_big(conf: Path) -> None:
    (conf / "10.yaml").write_bytes(b"# " + b"x" * MAX_BYTES)
    assert said(conf) == "conf.d/10.yaml: is larger than 4 MiB: that is no configuration, or it should be split"


def test_a_binary_file(conf: Path) -> None:
    (conf / "10.yaml").write_bytes(b"\x7fELF\x02\x01\x01\x00\x00")
    assert said(conf) == "conf.d/10.yaml: is a binary file, not YAML: remove it from conf.d"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_unicode_encoding(encoding: str, conf: Path) -> None:
    (conf / "10.yaml").write_text(WEB, encoding=encoding)
    assert said(conf) == "conf.d/10.yaml: is a binary file, not YAML: remove it from conf.d"


def test_a_file_that_is_not_utf8(conf: Path) -> None:
    (conf / "10.yaml").write_bytes(b"# ok\n# caf\xe9\n" + WEB.encode())
    assert said(conf) == (
        "conf.d/10.yaml:2:6: is not UTF-8 text: byte 0xe9 cannot stand here; save it as UTF-8"
    )  # fmt: skip


def test_a_directory_and_a_fifo_among_the_files(conf: Path) -> None:
    (conf / "10.yaml").mkdir()
    os.mkfifo(conf / "20.yaml")
    (conf / "30.yaml").write_text(WEB)
    assert said(conf).splitlines() == [
        "conf.d/10.yaml: is not a regular file: remove it from conf.d",
        "conf.d/20.yaml: is not a regular file: remove it from conf.d",
    ]


def test_an_unreadable_file(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied")

    (conf / "10.yaml").write_text(WEB)
    monkeypatch.setattr(Path, "open", refuse)  # chmod does not stop root, who may run the tests
    assert said(conf) == "conf.d/10.yaml: cannot be read: permission denied; let the user that runs lvsctl read it"


def test_a_failing_disk(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, *args: object) -> None:
        raise OSError(5, "Input/output error")

    (conf / "10.yaml").write_text(WEB)
    monkeypatch.setattr(Path, "open", fail)
    assert said(conf) == "conf.d/10.yaml: cannot be read: Input/output error"


def test_a_name_not_found_proves_nothing_when_a_file_could_not_be_read(conf: Path) -> None:
    (conf / "10.yaml").write_text(WEB.replace("none", "alive"))
    (conf / "20.yaml").write_text("checks: {alive: [")
    assert said(conf).splitlines() == ["conf.d/20.yaml:1:18: not valid YAML: did not find expected node content"]


def test_a_name_whose_check_has_a_mistake_is_no_second_mistake(conf: Path) -> None:
    (conf / "10.yaml").write_text(WEB.replace("none", "alive"))
    (conf / "20.yaml").write_text("checks: {alive: {tcp: {}, rise: 0}}")
    assert said(conf) == "conf.d/20.yaml:1:33: checks.alive.rise: must be at least 1, not `0`"


def test_what_follows_from_broken_defaults_is_not_judged(conf: Path) -> None:
    (conf / "10.yaml").write_text("defaults: {forward: tunel}\n" + WEB.replace("192.0.2.2", "'2001:db8::2'"))
    assert said(conf) == (
        "conf.d/10.yaml:1:21: defaults.forward: must be one of masquerade, route, tunnel, not `tunel`: "
        "did you mean `tunnel`?"
    )


def test_a_name_that_would_break_its_line(conf: Path) -> None:
    (conf / "10.yaml").write_text('services: {"a\\nb\\e[2J": {mark: 1, check: none, servers: [192.0.2.2]}}\n')
    assert said(conf) == (
        "conf.d/10.yaml:1:12: services.a\\nb\\x1b[2J: `a\\nb\\x1b[2J` is not a name: use letters, digits, "
        "`_`, `-` and `.`, at most 63"
    )


def test_warnings_come_with_a_spec_that_can_be_used(conf: Path) -> None:
    (conf / "10.yaml").write_text(WEB.replace("check: none, ", ""))
    found = load(conf, kinds())
    assert [str(warning).split(": ")[1] for warning in found.warnings] == ["warning"]
    assert list(found.spec.services) == ["web"]
