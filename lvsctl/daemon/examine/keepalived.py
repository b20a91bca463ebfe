"""What a keepalived does to the IPVS table, by its arguments and its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from glob import glob
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Rival, Vrrp
from lvsctl.model import AddressKey, Family, MarkKey, Protocol, ServiceKey

DEFAULT_FILE = "/etc/keepalived/keepalived.conf"
MOST_FILES = 10_000  # some sites have one for every service
VALUED = frozenset("fprcbsAiuS")  # short options with a value, in the same word or in the next
MAYBE_VALUED = frozenset("gtM")  # those with a value in the same word, or with none

COMMENT = re.compile(r"[!#].*")
START = r"^[ \t]*(?:@\S+[ \t]+)?"  # of a line; after @ stands for which hosts it is
BLOCK = re.compile(START + r"virtual_server[ \t]+([^{\n]*)", re.MULTILINE)
INCLUDE = re.compile(START + r"include[a-z_]*[ \t]+[\"']?([^\s\"']+)", re.MULTILINE)
FLUSH = re.compile(START + r"lvs_flush(?:_on_stop)?[ \t\r]*$", re.MULTILINE)  # `lvs_flush_on_stop VS`: only its own
SECTION = re.compile(START + r"(vrrp_instance|vrrp_sync_group|virtual_server)[ \t]+\"?([^\"\s{]+)", re.MULTILINE)
ON = re.compile(START + r"interface[ \t]+(\S+)", re.MULTILINE)
ID = re.compile(START + r"virtual_router_id[ \t]+([0-9]{1,3})", re.MULTILINE)
FIFO = re.compile(START + r"(?:vrrp_)?notify_fifo[ \t]+[\"']?([^\"'\s]+)", re.MULTILINE)
SYNCS = re.compile(START + r"lvs_sync_daemon(?:_interface)?[ \t]", re.MULTILINE)
PROTOCOL = re.compile(r"^[ \t]*protocol[ \t]+(\w+)", re.MULTILINE)
INET6 = re.compile(r"^[ \t]*ip_family[ \t]+inet6", re.MULTILINE)


def rival(pid: int, arguments: list[str], its_root: Path) -> Rival:
    """its_root: where the process sees /. A file that cannot be read is one of which nothing is known."""
    options = _options(arguments)
    name = options.get("f", DEFAULT_FILE)
    text = "\n".join(_texts(its_root, name))
    vrrp = None if "C" in options else _vrrp(text)
    if "P" in options:  # VRRP alone
        return Rival("keepalived", pid, writes=False, file=name, vrrp=vrrp)
    if not text:
        return Rival("keepalived", pid, writes=None, file=name)
    blocks = list(_blocks(text))
    flushes = FLUSH.search(text) is not None
    claims = frozenset(key for block in blocks if (key := _key(*block)) is not None)
    return Rival(
        "keepalived", pid, writes=bool(blocks) or flushes, claims=claims, flushes=flushes, file=name, vrrp=vrrp
    )


def _options(arguments: list[str]) -> dict[str, str]:
    """Letter -> value, "" for none. Short options may stand together: -nlf FILE."""
    found: dict[str, str] = {}
    words = iter(arguments[1:])
    for word in words:
        match word.partition("="):
            case ("--vrrp", _, _):
                found["P"] = ""
            case ("--check", _, _):  # all but VRRP
                found["C"] = ""
            case ("--use-file", equals, value):
                found["f"] = value if equals else next(words, "")
            case (first, _, _) if first.startswith("-") and not first.startswith("--"):
                found |= _short(word[1:], words)
    return found


def _short(letters: str, words: Iterator[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, letter in enumerate(letters):
        rest = letters[index + 1 :]
        if letter in VALUED:
            return {**found, letter: rest or next(words, "")}
        if letter in MAYBE_VALUED:
            break
        found[letter] = ""
    return found


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
            due += _matching(its_root, PurePosixPath(file).parent / pattern)


def _matching(its_root: Path, pattern: PurePosixPath) -> list[str]:
    try:
        found = glob(str(pattern).lstrip("/"), root_dir=its_root)  # noqa: PTH207 - Path.glob objects to `a**b` and to `/`
    except ValueError:  # a NUL
        return []
    return [f"/{file}" for file in sorted(found)]


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
            family = Family.INET6 if INET6.search(body) else Family.INET
            return MarkKey(family, int(words[1]))
        told = PROTOCOL.search(body)
        protocol = Protocol(told[1].lower()) if told else Protocol.TCP
        return AddressKey(ip_address(words[0]), int(words[1]) if len(words) > 1 else 0, protocol)
    except (ValueError, IndexError):
        return None


def _vrrp(text: str) -> Vrrp | None:
    """None for a configuration without VRRP, or none that could be read."""
    found = list(SECTION.finditer(text))
    ends = [*(match.start() for match in found), len(text)]
    bodies = [(match[1], match[2], text[match.end() : end]) for match, end in zip(found, ends[1:], strict=True)]
    instances = [(name, body) for kind, name, body in bodies if kind == "vrrp_instance"]
    if not instances:
        return None
    routers = {
        (on[1], int(router[1])) for _, body in instances if (on := ON.search(body)) and (router := ID.search(body))
    }
    return Vrrp(
        routers=frozenset(routers),
        instances=frozenset(name for name, _ in instances),
        groups=frozenset(name for kind, name, _ in bodies if kind == "vrrp_sync_group"),
        fifos=frozenset(FIFO.findall(text)),
        syncs=SYNCS.search(text) is not None,
    )
