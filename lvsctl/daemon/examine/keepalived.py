"""What a keepalived does to the IPVS table, by its arguments and its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Rival
from lvsctl.model import AddressKey, Family, MarkKey, Protocol, ServiceKey

DEFAULT_FILE = "/etc/keepalived/keepalived.conf"
MOST_FILES = 100  # of includes that include each other
COMMENT = re.compile(r"[!#].*")
BLOCK = re.compile(r"^\s*virtual_server\s+([^{\n]*)", re.MULTILINE)
INCLUDE = re.compile(r"^\s*include[a-z_]*\s+(\S+)", re.MULTILINE)
FLUSH = re.compile(r"^\s*lvs_flush", re.MULTILINE)
PROTOCOL = re.compile(r"^\s*protocol\s+(\w+)", re.MULTILINE)


def rival(pid: int, arguments: list[str], its_root: Path) -> Rival:
    """its_root: where the process sees /. A file that cannot be read is one of which nothing is known."""
    name = _file(arguments)
    text = "\n".join(_texts(its_root, name))
    if _only_vrrp(arguments):
        return Rival("keepalived", pid, writes=False, file=name)
    if not text:
        return Rival("keepalived", pid, writes=None, file=name)
    blocks = list(_blocks(text))
    flushes = FLUSH.search(text) is not None
    claims = frozenset(key for block in blocks if (key := _key(*block)) is not None)
    return Rival("keepalived", pid, writes=bool(blocks) or flushes, claims=claims, flushes=flushes, file=name)


def _only_vrrp(arguments: list[str]) -> bool:
    """-P and --vrrp leave IPVS alone; short options may stand together (-nP)."""
    return any(word == "--vrrp" or re.fullmatch(r"-[a-zA-Z]*P[a-zA-Z]*", word) for word in arguments[1:])


def _file(arguments: list[str]) -> str:
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        if word in ("-f", "--use-file"):
            return after
        if word.startswith("--use-file="):
            return word.partition("=")[2]
        if word.startswith("-f"):
            return word[2:]
    return DEFAULT_FILE


def _texts(its_root: Path, name: str) -> Iterator[str]:
    """The file and what it includes, without comments."""
    due, seen = [name], set[str]()
    while due and len(seen) < MOST_FILES:
        file = due.pop()
        if file in seen:
            continue
        seen.add(file)
        text = COMMENT.sub("", text_of(its_root / file.lstrip("/")))
        yield text
        for pattern in INCLUDE.findall(text):
            due += _matching(its_root, Path(file).parent / pattern)


def _matching(its_root: Path, pattern: Path) -> list[str]:
    relative = str(pattern).lstrip("/")
    return [f"/{file.relative_to(its_root)}" for file in its_root.glob(relative)]


def _blocks(text: str) -> Iterator[tuple[list[str], str]]:
    """The words after `virtual_server`, and the text up to the next one."""
    found = list(BLOCK.finditer(text))
    ends = [*(match.start() for match in found), len(text)]
    for match, end in zip(found, ends[1:], strict=True):
        yield match[1].split(), text[match.end() : end]


def _key(words: list[str], body: str) -> ServiceKey | None:
    """None for a group, whose addresses stand elsewhere, and for what keepalived itself would refuse."""
    try:
        if words[0] == "fwmark":
            family = Family.INET6 if re.search(r"^\s*ip_family\s+inet6", body, re.MULTILINE) else Family.INET
            return MarkKey(family, int(words[1]))
        told = PROTOCOL.search(body)
        protocol = Protocol(told[1].lower()) if told else Protocol.TCP
        return AddressKey(ip_address(words[0]), int(words[1]) if len(words) > 1 else 0, protocol)
    except (ValueError, IndexError):
        return None
