"""The role that somebody said with `lvsctl role`, as a file of the state directory: it holds over restarts."""

from __future__ import annotations

import json
from pathlib import Path

from lvsctl.daemon.state import write_down
from lvsctl.errors import LvsctlError
from lvsctl.model import Role


def read(file: Path) -> Role:
    """What was said last; STANDBY if nothing ever was. Raises LvsctlError on what cannot be understood."""
    try:
        return Role(json.loads(file.read_bytes())["role"])
    except FileNotFoundError:
        return Role.STANDBY
    except OSError as error:
        raise LvsctlError(f"cannot read {file}: {error.strerror}: say the role again (`lvsctl role`)") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LvsctlError(f"{file} is damaged: say the role again (`lvsctl role`); until then it is standby") from error


def write(file: Path, role: Role, *, by: str, at: float) -> None:
    """It is on the disk when this returns. by: who said it; at: Unix time. Raises LvsctlError."""
    write_down(file, json.dumps({"version": 1, "role": str(role), "by": by, "at": at}) + "\n")
