"""Findings of `doctor` as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from lvsctl.cli.columns import align, counted
from lvsctl.decide.doctor.facts import Finding, Level

Json = dict[str, Any]
WIDTH = max(map(len, Level))


def render(findings: Sequence[Finding]) -> str:
    """By area: a line for every finding, below it the command that mends it; at the end, how many of what."""
    lines: list[str] = []
    for area, group in groupby(findings, key=lambda finding: finding.area):
        lines.append(str(area))
        for finding in group:
            lines.append(f"  {finding.level:<{WIDTH}}  {finding.text}")
            lines += [f"  {'':<{WIDTH}}  {finding.mend}"] if finding.mend else []
    return align([*lines, _closing(findings)])


def errors(findings: Sequence[Finding]) -> int:
    """How many."""
    return _count(findings, Level.ERROR)


def document(findings: Sequence[Finding]) -> Json:
    """`lvsctl/v1`, kind Doctor.

    findings: in the order of the text. level: ok, warning or error. area and subject are stable and say together what
    the finding is about; text is for people; mend is a shell command, or "".
    """
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Doctor",
        "errors": errors(findings),
        "warnings": _count(findings, Level.WARNING),
        "findings": [
            {
                "level": str(finding.level),
                "area": str(finding.area),
                "subject": finding.subject,
                "text": finding.text,
                "mend": finding.mend,
            }
            for finding in findings
        ],
    }


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)


def _closing(findings: Sequence[Finding]) -> str:
    wrong = [(errors(findings), "error"), (_count(findings, Level.WARNING), "warning")]
    return ", ".join(counted(number, thing) for number, thing in wrong if number) or "all is well"
