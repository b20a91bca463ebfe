"""What the kernel says while a test runs: the lines of its log."""

from __future__ import annotations

import os

ALARMS = ("BUG:", "WARNING:", "cut here", "Oops", "Call Trace", "rcu: INFO", "refcount_t")
RECORD = 8192  # bytes at most, a read gives one


class KernelLog:
    """The kernel's log from now on; `lines` is what `look` has seen so far, without times."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._log, 0, os.SEEK_END)

    def look(self) -> list[str]:
        """Read on; all lines so far. Raises BrokenPipeError when the kernel has said more than it keeps."""
        while True:
            try:
                record = os.read(self._log, RECORD).decode(errors="replace")
            except BlockingIOError:
                return self.lines
            self.lines.append(record.partition(";")[2].partition("\n")[0])

    def alarms(self) -> list[str]:
        """Lines so far that a kernel developer would not want to see."""
        return [line for line in self.look() if any(alarm in line for alarm in ALARMS)]

    def close(self) -> None:
        os.close(self._log)
