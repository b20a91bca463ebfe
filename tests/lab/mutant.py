"""`python -m tests.lab.mutant`: hprio without its callback for deleted servers, for the kernel `debug`; prints where.

A kernel that watches over its memory has to catch it (tests/kernel/test_mutant.py). Else it proves nothing that this
kernel has no complaint about the module as it is.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.lab import module, source
from tests.lab.source import CannotBuildError

CALLBACK = "\t.del_dest = hprio_del_dest,\n"
FUNCTION = "static int hprio_del_dest("
PLACE = source.CACHE / "debug" / "current" / "mutant"


def build() -> Path:
    """Raises CannotBuildError."""
    if not PLACE.parent.exists():
        raise CannotBuildError("no kernel debug here: python -m tests.lab.kernels debug")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "mutant"
        shutil.copytree(module.SOURCE, copy)
        code = copy / "ip_vs_hprio.c"
        text = code.read_text()
        if text.count(CALLBACK) != 1 or text.count(FUNCTION) != 1:
            raise CannotBuildError(f"{code.name} is not what {Path(__file__).name} expects: adapt it")
        code.write_text(text.replace(CALLBACK, "").replace(FUNCTION, f"__maybe_unused {FUNCTION}"))
        return module.compiled(PLACE.parent.resolve() / "objects", PLACE, source=copy)


if __name__ == "__main__":
    try:
        print(build())
    except CannotBuildError as problem:
        sys.exit(f"no mutant: {problem}")
