"""The log: structlog over the standard library, so that every library's records take the same way out."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

FORMS = ("auto", "console", "logfmt", "json")


def configure(form: str, *, out: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set up logging for the process. form: one of FORMS; auto is console on a terminal, else logfmt."""
    stream = out or sys.stderr
    journal = _is_journal(stream)
    shared: list[Processor] = [structlog.stdlib.add_log_level, structlog.processors.format_exc_info]
    if not journal:  # the journal has the time already
        shared.insert(0, structlog.processors.TimeStamper(fmt="iso", utc=True))
    renderer = _renderer("console" if form == "auto" and stream.isatty() else form)
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_WithPriority(formatter) if journal else formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


def _renderer(form: str) -> Processor:
    match form:
        case "console":
            return structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
        case "json":
            return structlog.processors.JSONRenderer()
        case _:
            return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)


def _is_journal(stream: TextIO) -> bool:
    """Whether `stream` is connected to journald, as systemd.exec(5) says under $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _WithPriority(logging.Formatter):
    """Puts the priority in front of each line as sd-daemon(3) wants it, so that `journalctl -p` works."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.DEBUG: 7}.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in self._inner.format(record).splitlines())
