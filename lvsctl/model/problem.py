"""What is wrong with a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in conf.d. file: as the operator named it. line and column: from 1; 0 for the file as a whole."""

    file: str
    line: int
    column: int
    path: str  # "services.shop.pools.service", "" for the document
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        warning = "warning: " if self.severity is Severity.WARNING else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}: {warning}{path}{self.message}"
