"""The log's forms."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from lvsctl.daemon import log


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def said(form: str) -> str:
    out = io.StringIO()
    log.configure(form, out=out)
    structlog.get_logger("lvsctl").warning("server is down", target="192.0.2.1:80", detail="no answer")
    logging.getLogger("library").warning("said by a library")
    return out.getvalue()


def test_logfmt_is_the_default_off_a_terminal() -> None:
    ours, theirs = said("auto").splitlines()
    assert ours.endswith('level=warning event="server is down" target=192.0.2.1:80 detail="no answer"')
    assert ours.startswith("timestamp=")
    assert theirs.endswith('level=warning event="said by a library"')


def test_json() -> None:
    ours, theirs = map(json.loads, said("json").splitlines())
    assert (ours["event"], ours["level"], ours["target"]) == ("server is down", "warning", "192.0.2.1:80")
    assert theirs["event"] == "said by a library"


def test_console_has_no_colours() -> None:
    text = said("console")
    assert "server is down" in text
    assert "\x1b" not in text


def test_in_the_journal_every_line_has_its_priority_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+") as out:
        status = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log.configure("logfmt", out=out)
        logger = structlog.get_logger("lvsctl")
        logger.error("round failed")
        logger.info("applied")
        out.seek(0)
        assert out.read().splitlines() == ['<3>level=error event="round failed"', "<6>level=info event=applied"]
