"""OVERLOAD, step by step in both generations, and how the generation is recognised."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.overload import LoadedServer, bound, edited, lower_bound, unbound
from lvsctl.kernel.generation import generation_of
from lvsctl.model import Forward, Generation, RealAttrs, RealKey

KEY = RealKey(IPv4Address("10.0.0.1"), 80)
OLD, NEW = Generation.OLD, Generation.NEW


def after(subject: LoadedServer, word: str, generation: Generation) -> LoadedServer:
    """`+` and `-`: a connection more, one less; `T` and `t`: a template; `u/l`: an edit."""
    match word:
        case "+" | "T":
            return bound(subject, generation, template=word == "T")
        case "-" | "t":
            return unbound(subject, generation, template=word == "t")
    upper, lower = word.split("/")
    return edited(subject, RealAttrs(Forward.ROUTE, 1, int(upper), int(lower)), generation)


def play(words: list[str], generation: Generation) -> str:
    """The flag after each word, of a server that has no limit at first."""
    subject, flags = LoadedServer(KEY, RealAttrs(Forward.ROUTE, 1)), ""
    for word in words:
        subject = after(subject, word, generation)
        flags += "x" if subject.overloaded else "."
    return flags


RULES = [
    ("full at u, back below l", "4/2 + + + + - - - +", "....xxx..", "....xxx.."),
    ("one full below u = 8, l = 0: back at 5", "8/0 + + + + + + + + - - -", "........xxx.", "........xxx."),
    ("u = l = 3: back at 2", "3/3 + + + -", "...x.", "...x."),
    ("u = 1: free at 0", "1/0 + -", ".x.", ".x."),
    ("no limit: never full", "0/0 + + +", "....", "...."),
    ("u raised: cleared by the old code, kept by the new while T >= l", "4/2 + + + + 6/2 + +", "....x..x", "....xxxx"),
    ("u and l raised above T", "4/2 + + + + 6/5 +", "....x..", "....x.."),
    ("u becomes 0", "4/2 + + + + 0/0 +", "....x..", "....x.."),
    ("u lowered below T, with room: the old code lets one more in", "8/6 + + + + 3/2 +", "......x", ".....xx"),
    ("u lowered while full", "4/2 + + + + 3/2 - - -", "....xxxx.", "....xxxx."),
    ("l alone raised: the old code sees it when one ends", "4/2 + + + + - 4/4 -", "....xxx.", "....xx.."),
    ("l alone lowered: it stays full", "4/3 + + + + 4/1 - - - -", "....xxxxx.", "....xxxxx."),
    ("nothing changed", "4/2 + + + + - 4/2", "....xxx", "....xxx"),
    ("from no limit to one that is exceeded", "0/0 + + + 2/1 +", ".....x", "....xx"),
    ("a template does not count", "2/1 T T +", "....", "...."),
    ("a template that ends makes the old code look again", "4/2 + + + + T - 4/4 t", "....xxxx.", "....xxx.."),
    ("a template that begins makes the old code look, too", "8/6 + + + + 3/2 T", "......x", ".....xx"),
]


@pytest.mark.parametrize(("sentence", "script", "old", "new"), RULES, ids=[row[0] for row in RULES])
def test_rules(sentence: str, script: str, old: str, new: str) -> None:
    assert play(script.split(), OLD) == old
    assert play(script.split(), NEW) == new


@pytest.mark.parametrize(
    ("upper", "lower", "below"),
    [(8, 0, 6), (7, 0, 6), (4, 0, 3), (3, 0, 3), (1, 0, 1), (5, 2, 2), (5, 5, 5), (0, 0, 0)],
)
def test_the_lower_threshold_is_three_quarters_rounded_up_where_none_is_given(
    upper: int, lower: int, below: int
) -> None:
    assert lower_bound(RealAttrs(Forward.ROUTE, 1, upper, lower)) == below


limits = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda pair: f"{max(pair)}/{min(pair)}")
scripts = st.lists(st.sampled_from("++-") | limits, max_size=40)


def without_impossible_ends(words: list[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word != "-" or kept.count("+") > kept.count("-"):
            kept.append(word)
    return kept


@given(scripts.map(without_impossible_ends), st.sampled_from(Generation))
def test_without_edits_the_flag_is_a_hysteresis(words: list[str], generation: Generation) -> None:
    events = [word for word in words if "/" not in word]
    total, full = 0, False
    for word, flag in zip(events, play(["5/3", *events], generation)[1:], strict=True):
        total += 1 if word == "+" else -1
        full = total >= 5 or (full and total >= 3)
        assert flag == ("x" if full else ".")


@given(scripts.map(without_impossible_ends))
def test_the_new_code_is_never_wrong_beyond_the_limits(words: list[str]) -> None:
    subject = LoadedServer(KEY, RealAttrs(Forward.ROUTE, 1))
    for word in words:
        subject = after(subject, word, NEW)
        if 0 < subject.attrs.upper <= subject.total:
            assert subject.overloaded
        if subject.attrs.upper == 0 or subject.total < lower_bound(subject.attrs):
            assert not subject.overloaded


DEBIAN = "Linux version {} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0) #1 SMP Debian {}"

RELEASES = [
    ("a stable kernel of the old code", "6.1.176", "", OLD),
    ("long before it", "6.1.0", "", OLD),
    ("the first seen of the new code", "6.1.187", "", NEW),
    ("later ones, with a name behind", "6.1.201-custom", "", NEW),
    ("between the two that were seen", "6.1.180", "", None),
    ("the newer series", "6.12.117", "", NEW),
    ("its first kernels were not looked at", "6.12.40", "", None),
    ("a series that was not looked at", "6.6.120", "", None),
    ("Debian's release says nothing", "6.1.0-54-amd64", "", None),
    ("Debian's uname -v does", "6.1.0-54-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-10-30)", NEW),
    ("an older one", "6.1.0-40-cloud-amd64", "#1 SMP Debian 6.1.170-1 (2026-05-01)", OLD),
    ("/proc/version names the compiler too", "6.1.0-54-amd64", DEBIAN.format("6.1.0-54-amd64", "6.1.192-1 (x)"), NEW),
    ("Debian's compiler is no kernel", "6.1.176", "Linux version 6.1.176 (gcc (Debian 12.2.0-14) 12.2.0) #1 Sat", OLD),
    ("Debian 13", "6.12.107+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-10)", NEW),
    ("somebody else's package", "5.14.0-427.13.1.el9_4.x86_64", "#1 SMP PREEMPT_DYNAMIC Wed", None),
    ("not a release", "unknown", "", None),
]


@pytest.mark.parametrize(("sentence", "release", "version", "generation"), RELEASES, ids=[row[0] for row in RELEASES])
def test_the_generation_of_a_kernel(sentence: str, release: str, version: str, generation: Generation | None) -> None:
    assert generation_of(release, version) is generation
