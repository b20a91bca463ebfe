"""What an operator's words mean when he looks back, and which records are about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvsctl.decide.about import About, about
from lvsctl.decide.explain.subject import NoSuchSubject
from tests.decide.making import OTHER_VIP, server, service, spec

ONE, TWO, THREE = "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"
SITE = spec(
    service([server(1), replace(server(2), name="web2")], [server(3)], name="shop"),
    service([server(1)], name="api", key=OTHER_VIP),
)
NOTHING_KNOWN = About("nobody")


@pytest.mark.parametrize(
    ("sentence", "words", "record", "answer"),
    [
        ("a service", "shop", ("shop", "", "", ""), True),
        ("its servers", "shop", ("shop", "a", ONE, ""), True),
        ("its address means it", "192.0.2.1:80", ("shop", "a", ONE, ""), True),
        ("another service", "shop", ("api", "", "", ""), False),
        ("the director", "shop", ("", "", "", ""), False),
        ("an order about a pool of it", "shop", ("shop", "", "", "shop/b"), True),
        ("an order about a server of it, wherever that is", "shop", ("", "", "", "10.0.0.3"), True),
        ("an order about a server that it does not have", "api", ("", "", "", "10.0.0.3"), False),
        ("an order about a server of another service", "shop", ("api", "", "", "api/10.0.0.1"), False),
        ("a server of a service", "shop/10.0.0.1:80", ("shop", "a", ONE, ""), True),
        ("with whatever port", "shop/10.0.0.1", ("shop", "a", ONE, ""), True),
        ("not with any digits", "shop/10.0.0.1", ("shop", "a", "10.0.0.11:80", ""), False),
        ("by its name", "shop/web2", ("shop", "a", TWO, ""), True),
        ("in another service it is another", "shop/10.0.0.1", ("api", "a", ONE, ""), False),
        ("the service is not the server", "shop/10.0.0.1", ("shop", "", "", ""), False),
        ("an order about just that", "shop/10.0.0.1", ("shop", "", "", "shop/10.0.0.1:80"), True),
        ("an order about more of it", "shop/10.0.0.1:80", ("shop", "", "", "shop/10.0.0.1"), True),
        ("an order about it wherever it is", "shop/10.0.0.1:80", ("", "", "", "10.0.0.1"), True),
        ("an order about its pool", "shop/10.0.0.1:80", ("shop", "", "", "shop/a"), True),
        ("an order about another pool", "shop/10.0.0.1:80", ("shop", "", "", "shop/b"), False),
        ("an order about it elsewhere", "shop/10.0.0.1", ("api", "", "", "api/10.0.0.1"), False),
        ("a server wherever it is", "10.0.0.1", ("api", "a", ONE, ""), True),
        ("by address and port", "10.0.0.1:80", ("shop", "a", ONE, ""), True),
        ("by name, wherever it is", "web2", ("shop", "a", TWO, ""), True),
        ("another one", "web2", ("shop", "a", ONE, ""), False),
        ("an order about it in one service", "10.0.0.1", ("api", "", "", "api/10.0.0.1:80"), True),
        ("an order about one of its pools", "10.0.0.1", ("shop", "", "", "shop/a"), True),
        ("an order about another server", "10.0.0.1", ("", "", "", "10.0.0.11"), False),
        ("a pool", "shop/a", ("shop", "a", "", ""), True),
        ("of a pool itself, not of its servers", "shop/a", ("shop", "a", ONE, ""), False),
        ("another pool", "shop/a", ("shop", "b", "", ""), False),
        ("an order about the pool", "shop/a", ("shop", "", "", "shop/a"), True),
        ("an order about a server is none about its pool", "shop/a", ("shop", "", "", "shop/10.0.0.1"), False),
    ],
)
def test_which_records_are_about_it(sentence: str, words: str, record: tuple[str, str, str, str], answer: bool) -> None:
    named, pool, at, order = record
    asked = about(SITE, words, lambda _: False)
    assert asked.tells(service=named, pool=pool, server=at, order=order) is answer, sentence


@pytest.mark.parametrize(
    ("words", "known", "record"),
    [
        ("blog", About("blog"), ("blog", "", "", "")),
        ("shop/10.0.0.9", About("shop", server="10.0.0.9"), ("shop", "a", "10.0.0.9:80", "")),
        ("blog/[2001:DB8::1]:80", About("blog", server="[2001:db8::1]:80"), ("blog", "a", "[2001:db8::1]:80", "")),
        ("blog/2001:db8::1", About("blog", server="2001:db8::1"), ("", "", "", "2001:db8::1")),
        ("10.0.0.9", About(server="10.0.0.9"), ("", "", "", "10.0.0.9")),
        ("shop/spare", About("shop", "spare"), ("shop", "spare", "", "")),
    ],
)
def test_what_has_left_is_found_while_something_is_known_of_it(
    words: str, known: About, record: tuple[str, str, str, str]
) -> None:
    named, pool, at, order = record
    assert about(SITE, words, lambda one: one == known) == known
    assert known.tells(service=named, pool=pool, server=at, order=order)
    with pytest.raises(NoSuchSubject):
        about(SITE, words, lambda _: False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("shpo", "there is no service or server `shpo`: did you mean `shop`?"),
        ("wbe2", "there is no service or server `wbe2`: did you mean `web2`?"),
        ("zzz", "there is no service or server `zzz`: `lvsctl status` lists them"),
        ("shpo/a", "there is no service `shpo`: did you mean `shop`?"),
        ("shop/web3", "there is no server or pool `web3` in shop: did you mean `web2`?"),
    ],
)
def test_what_nobody_is_called(words: str, why: str) -> None:
    with pytest.raises(NoSuchSubject) as caught:
        about(SITE, words, lambda _: False)
    assert str(caught.value) == why
