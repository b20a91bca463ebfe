"""http: reply -> outcome, on real sockets; https with certificates made here."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import struct
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from healthchecks._wire import Failed, Wire
from healthchecks.http import KIND, Params, request, verified_name
from lvsctl.checkapi import Kind
from lvsctl.checks.runner import ask
from lvsctl.model import Target
from tests.healthchecks.servers import answer, closed_port, endless, probe, resetting, saying, serving

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
END = b"\r\n\r\n"


def replying(*pieces: bytes, stay: bool = False):
    return saying(*pieces, after=END, stay=stay)


OK200 = (PASS, "L7OK", "HTTP status 200")
MATCHES = (PASS, "L7OK", "HTTP status 200, the body matches")
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

REPLIES = [
    ("length", {}, replying(HEAD + b"Content-Length: 2\r\n\r\nok", stay=True), OK200),
    ("length 0", {}, replying(HEAD + b"Content-Length: 0\r\n\r\n", stay=True), OK200),
    ("chunked", {"body": "okay"}, replying(CHUNKED, b"2\r\nok\r\n", b"2;x=y\r\nay\r\n0\r\n\r\n", stay=True), MATCHES),
    ("until close", {"body": "okay"}, replying(HEAD + b"\r\nok", b"ay"), MATCHES),
    ("http/1.0", {"body_regex": "^o.ay$"}, replying(b"HTTP/1.0 200 OK\r\n\r\nokay"), MATCHES),
    ("bare line feeds", {}, replying(b"HTTP/1.0 200 OK\nA: b\n\nok"), OK200),
    (
        "interim",
        {},
        replying(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HEAD + b"Content-Length: 0\r\n\r\n", stay=True),
        OK200,
    ),
    ("head", {"method": "HEAD"}, replying(HEAD + b"Content-Length: 99\r\n\r\n", stay=True), OK200),
    ("204", {}, replying(b"HTTP/1.1 204 No Content\r\n\r\n", stay=True), (PASS, "L7OK", "HTTP status 204")),
    (
        "304",
        {},
        replying(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", stay=True),
        (PASS, "L7OK", "HTTP status 304"),
    ),
    (
        "redirect is an answer",
        {},
        replying(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.9/\r\nContent-Length: 0\r\n\r\n"),
        (PASS, "L7OK", "HTTP status 302"),
    ),
    (
        "refused redirect",
        {"status": 200},
        replying(b"HTTP/1.1 302 Found\r\n\r\n"),
        (FAIL, "L7STS", "HTTP status 302 Found, expected 200"),
    ),
    (
        "503, at once",
        {},
        replying(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n", stay=True),
        (FAIL, "L7STS", "HTTP status 503 Service Unavailable, expected 200-399"),
    ),
    ("odd status", {}, replying(b"HTTP/1.1 799 x\r\n\r\n"), (FAIL, "L7STS", "HTTP status 799, expected 200-399")),
    (
        "no match",
        {"body": "fine"},
        replying(HEAD + b"Content-Length: 2\r\n\r\nno"),
        (FAIL, "L7RSP", 'the body does not match: "no"'),
    ),
    (
        "runaway",
        {"body_regex": "(a+)+$"},
        replying(HEAD + b"\r\n" + b"a" * 3000 + b"!"),
        (FAIL, "L7RSP", "the regular expression takes too long on this answer"),
    ),
    (
        "cut body",
        {},
        replying(HEAD + b"Content-Length: 9\r\n\r\nok"),
        (FAIL, "L7RSP", "closed in the middle of the body"),
    ),
    (
        "cut headers",
        {},
        replying(HEAD + b"A: b\r\n"),
        (FAIL, "L7RSP", r'closed in the middle of the headers: "HTTP/1.1 200 OK\r\nA: b\r\n"'),
    ),
    ("closed", {}, replying(), (FAIL, "L7RSP", "closed without an answer")),
    ("garbage", {}, replying(b"\x16\x03\x01\0"), (FAIL, "L7RSP", r'not HTTP: "\x16\x03\x01\x00"')),
    (
        "both lengths",
        {},
        replying(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n"),
        (
            FAIL,
            "L7RSP",
            "not HTTP: Content-Length can't be present with Transfer-Encoding"
            + r': "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length:…"',
        ),
    ),
    ("reset", {}, resetting, (FAIL, "L7RSP", "Connection reset by peer while waiting for the answer")),
    ("silence", {}, replying(stay=True), (FAIL, "L7TOUT", "no complete answer within 1 s")),
    (
        "headers, then silence",
        {},
        replying(HEAD + b"Content-Length: 2\r\n\r\n", stay=True),
        (FAIL, "L7TOUT", "no complete answer within 1 s"),
    ),
    (
        "a byte now and then",
        {},
        endless(b"a", start=HEAD + b"\r\n", every=0.02),
        (FAIL, "L7TOUT", "no complete answer within 1 s"),
    ),
    ("gigabytes", {}, endless(b"a" * 65536, start=HEAD + b"\r\n"), OK200),
    (
        "gigabytes without a match",
        {"body": "b"},
        endless(b"a" * 65536, start=HEAD + b"\r\n"),
        (FAIL, "L7RSP", f'the body does not match: "{"a" * 60}…"'),
    ),
    (
        "headers without end",
        {},
        endless(b"A: b\r\n" * 100, start=HEAD),
        (
            FAIL,
            "L7RSP",
            r'more than 256 headers: "HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA"…',
        ),
    ),
    (
        "one header without end",
        {},
        endless(b"a" * 999, start=HEAD + b"A: "),
        (FAIL, "L7RSP", 'more than 32768 bytes of headers: "HTTP/1.1 200 OK\\r\\nA: ' + "a" * 40 + '…"'),
    ),
]


@pytest.mark.parametrize(
    ("params", "talk", "expected"), [reply[1:] for reply in REPLIES], ids=[reply[0] for reply in REPLIES]
)
async def test_replies(params, talk, expected):
    timeout = 1 if expected[1] == "L7TOUT" else 10
    found = await answer(KIND, talk, timeout=timeout, **params)
    if expected[2].startswith("more than"):  # the first piece that arrived is quoted, and that differs
        assert found[:2] == expected[:2] and found[2].startswith(expected[2].partition(":")[0])
    else:
        assert found == expected


async def test_a_closed_port_is_down():
    outcome = await probe(KIND, closed_port())
    assert (outcome.verdict, outcome.code, outcome.detail) == (FAIL, "L4CON", "Connection refused")


@given(st.binary(max_size=300), st.integers(1, 300))
def test_whatever_comes_back_is_an_answer(data, size):
    """Arbitrary bytes in arbitrary pieces, over a real socket: PASS or FAIL, never UNKNOWN."""
    import asyncio

    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    verdict, code, _ = asyncio.run(answer(KIND, replying(*pieces)))
    assert (verdict, code) in {(PASS, "L7OK"), (FAIL, "L7RSP"), (FAIL, "L7STS")}


async def test_a_target_that_closes_while_we_send_is_down():
    async def slam(reader, writer):
        writer.transport.abort()

    verdict, code, _ = await answer(KIND, slam)
    assert (verdict, code) == (FAIL, "L7RSP")


# --- the request ---

HERE = Target(ip_address("192.0.2.1"), 80)
SIX = Target(ip_address("2001:db8::1"), 8080)


@pytest.mark.parametrize(
    ("params", "target", "expected"),
    [
        ({}, HERE, "GET / HTTP/1.1|Host: 192.0.2.1|User-Agent: lvsctl|Accept: */*|Connection: close||"),
        ({}, SIX, "GET / HTTP/1.1|Host: [2001:db8::1]:8080|User-Agent: lvsctl|Accept: */*|Connection: close||"),
        (
            {
                "method": "POST",
                "path": "/a%20b?c=d",
                "host": "shop.example",
                "headers": {"accept": "text/plain", "X-A": " é "},
            },
            HERE,
            "POST /a%20b?c=d HTTP/1.1|Host: shop.example|User-Agent: lvsctl|accept: text/plain|X-A: é|"
            "Connection: close|Content-Length: 0||",
        ),
    ],
)
def test_request(params, target, expected):
    assert request(Params(**params), target) == expected.replace("|", "\r\n").encode("latin-1")


async def test_the_request_is_what_arrives():
    async def echo(reader, writer):
        received = await reader.readuntil(END)
        writer.write(HEAD + b"\r\n" + received)

    found = await answer(
        KIND, echo, path="/healthz", host="shop.example", body="GET /healthz HTTP/1.1\r\nHost: shop.example\r\n"
    )
    assert found == MATCHES


REFUSED = [
    ({"path": "healthz"}, "a path begins with / and is printable ASCII without spaces; write others as %20, %C3%A9"),
    ({"path": "/a b"}, "a path begins with / and is printable ASCII without spaces; write others as %20, %C3%A9"),
    ({"path": "/\r\nX: y"}, "a path begins with / and is printable ASCII without spaces; write others as %20, %C3%A9"),
    ({"path": "/a\n"}, "a path begins with / and is printable ASCII without spaces; write others as %20, %C3%A9"),
    ({"method": "get"}, "'get' is not a method for a check; try GET, HEAD or OPTIONS"),
    ({"method": "GET\n"}, r"'GET\n' is not a method for a check; try GET, HEAD or OPTIONS"),
    ({"method": "CONNECT"}, "'CONNECT' is not a method for a check; try GET, HEAD or OPTIONS"),
    ({"host": "a\r\nX: y"}, r"'a\r\nX: y' is not a host name; write shop.example, shop.example:8080 or [2001:db8::1]"),
    ({"host": "a\n"}, r"'a\n' is not a host name; write shop.example, shop.example:8080 or [2001:db8::1]"),
    (
        {"headers": {"A": "b\r\nC: d"}},
        "header 'A': a name is letters, digits and dashes, a value is one line of latin-1",
    ),
    (
        {"headers": {"A\r\n": "b"}},
        r"header 'A\r\n': a name is letters, digits and dashes, a value is one line of latin-1",
    ),
    ({"headers": {"A": "b\n"}}, "header 'A': a name is letters, digits and dashes, a value is one line of latin-1"),
    ({"headers": {"host": "a"}}, "header host cannot be given; the check sets it, see host"),
    ({"headers": {"Content-Length": "1"}}, "header Content-Length cannot be given; the check sets it"),
    ({"headers": "A"}, "header 'A': write it as Name: value"),
    ({"headers": {"A": True}}, "header 'A': its value is text; put it in quotes"),
    ({"headers": {"A": None}}, "header 'A': its value is text; put it in quotes"),
    ({"headers": [["A", ["b"]]]}, "header 'A': its value is text; put it in quotes"),
    ({"headers": 5}, "headers are a mapping, as {X-Probe: lvsctl}"),
    ({"status": "2xx"}, "'2xx' is not a status; write 200, 200-399 or [200, 204]"),
    ({"status": "399-200"}, "'399-200' is not a status; write 200, 200-399 or [200, 204]"),
    ({"status": 99}, "'99' is not a status; write 200, 200-399 or [200, 204]"),
    ({"status": True}, "'True' is not a status; write 200, 200-399 or [200, 204]"),
    ({"status": []}, "at least one status is needed"),
    ({"body": "a", "body_regex": "b"}, "body and body_regex cannot both be given"),
    ({"body_regex": "*"}, "not a regular expression: nothing to repeat at position 0"),
    ({"method": "HEAD", "body": "a"}, "a HEAD request brings no body to match; use GET"),
    ({"verify": False}, "server_name, ca_file and verify need tls: true"),
    (
        {"tls": True, "verify": False, "ca_file": ssl.get_default_verify_paths().cafile or "/etc/ssl/cert.pem"},
        "ca_file has no use with verify: false",
    ),
    ({"tls": True, "ca_file": "/nonexistent"}, "/nonexistent: No such file or directory"),
    ({"tls": True, "ca_file": "/etc/passwd"}, "/etc/passwd: not a PEM file of certificates"),
    ({"tls": True, "server_name": "a b"}, "'a b' is not a server name; write shop.example"),
    (
        {"tls": True, "host": "a..b:8443"},
        "'a..b:8443' cannot be the name of a TLS server: 1 to 63 characters between two dots",
    ),
    (
        {"tls": True, "server_name": ".shop.example"},
        "'.shop.example' cannot be the name of a TLS server: 1 to 63 characters between two dots",
    ),
]


@pytest.mark.parametrize(("params", "message"), REFUSED, ids=[message[:30] for _, message in REFUSED])
def test_refused_parameters(params, message):
    with pytest.raises(ValidationError) as refusal:
        Params(**params)
    assert refusal.value.errors()[0]["msg"].removeprefix("Value error, ") == message


@pytest.mark.parametrize(
    ("written", "stored"),
    [(200, "200"), ("200", "200"), ([200, 204], "200,204"), ("200-399", "200-399"), (["200-204", 301], "200-204,301")],
)
def test_status_forms(written, stored):
    assert Params(status=written).status == stored


def test_accepted_statuses():
    assert Params(status=["200-204", 301]).accepted == {200, 201, 202, 203, 204, 301}
    assert Params().accepted == frozenset(range(200, 400))


def test_header_forms_are_one():
    forms = [{"A": "b"}, "A: b", ["A: b"], [("A", "b")]]
    assert {Params(headers=form) for form in forms} == {Params(headers={"A": "b"})}


def test_params_are_values_and_survive_a_dump():
    params = Params(path="/x", headers={"A": "b"}, status=[200, "300-399"], host="shop.example", tls=True)
    assert Params.model_validate_json(params.model_dump_json()) == params
    assert hash(Params.model_validate(params.model_dump())) == hash(params)


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def serving_tls(certificate: trustme.LeafCert, names: list[str] | None = None):
    """An https server that answers 200; names: where the server names that clients ask for go."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)
    return serving(replying(HEAD + b"Content-Length: 2\r\n\r\nok", stay=True), tls=context)


async def https(target: Target, **params) -> tuple[str, str, str]:
    outcome = await probe(KIND, target, tls=True, **params)
    return outcome.verdict, outcome.code, outcome.detail


async def test_a_verified_certificate(authority, ca_file):
    names: list[str] = []
    async with serving_tls(authority.issue_cert("shop.example"), names) as target:
        assert await https(target, host="shop.example:8443", ca_file=ca_file, body="ok") == MATCHES
    assert names == ["shop.example"]


async def test_the_targets_address_is_verified_when_no_name_is_known(authority, ca_file):
    async with serving_tls(authority.issue_cert("127.0.0.1")) as target:
        assert await https(target, ca_file=ca_file) == OK200


@pytest.mark.parametrize("name", ["shop.example.", "::1", "[2001:db8::1]:8443", "a" * 63, "shop_1.example:8443"])
def test_names_that_tls_takes(name):
    params = Params(tls=True, **{"host" if name[-4:] == "8443" else "server_name": name})
    with socket.socket() as sock:
        context = ssl.create_default_context()
        context.wrap_socket(sock, server_hostname=verified_name(params, HERE), do_handshake_on_connect=False).close()


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "192.0.2.1"),
        ({"host": "shop.example:8443"}, "shop.example"),
        ({"host": "[2001:db8::1]:8443"}, "2001:db8::1"),
        ({"host": "shop.example", "server_name": "origin.example"}, "origin.example"),
    ],
)
def test_verified_name(params, name):
    assert verified_name(Params(tls=True, **params), HERE) == name


async def test_the_wrong_name(authority, ca_file):
    async with serving_tls(authority.issue_cert("other.example")) as target:
        assert await https(target, host="shop.example", ca_file=ca_file) == (
            FAIL,
            "L6RSP",
            "certificate not accepted for shop.example: "
            "Hostname mismatch, certificate is not valid for 'shop.example'.",
        )
        assert await https(target, host="shop.example", server_name="other.example", ca_file=ca_file) == OK200


async def test_an_expired_certificate(authority, ca_file):
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    async with serving_tls(authority.issue_cert("shop.example", not_after=past)) as target:
        found = await https(target, host="shop.example", ca_file=ca_file)
        assert found == (FAIL, "L6RSP", "certificate not accepted for shop.example: certificate has expired")


async def test_a_certificate_of_nobody_we_know(authority):
    names: list[str] = []
    async with serving_tls(authority.issue_cert("shop.example"), names) as target:
        verdict, code, detail = await https(target, host="shop.example")
        assert (verdict, code) == (FAIL, "L6RSP")
        assert detail.startswith("certificate not accepted for shop.example: ")
        assert await https(target, host="shop.example", verify=False) == OK200
    assert names == ["shop.example", "shop.example"], "the name is sent without verification too"


async def test_plain_http_where_tls_is_expected():
    async with serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", after=None)) as target:
        assert await https(target) == (FAIL, "L6RSP", "TLS handshake failed: wrong version number")


async def test_a_close_in_the_handshake():
    async with serving(saying(after=b"\x16")) as target:
        verdict, code, detail = await https(target)
        assert (verdict, code) == (FAIL, "L6RSP") and detail.startswith("TLS handshake failed: ")


async def test_a_reset_between_connection_and_handshake_is_down_and_leaves_nothing_open():
    """As a proxy does whose backend is dead: it must not count as "could not be asked"."""
    before = os.listdir("/proc/self/fd")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        async def run(asked):
            wire = Wire(asked)
            try:
                await wire.connect()
                accepted, _ = server.accept()
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()
                await wire.secure(ssl.create_default_context(), "shop.example")
            except Failed as failure:
                return asked.failed(failure.code, failure.detail)
            finally:
                wire.close()

        target = Target(ip_address("127.0.0.1"), server.getsockname()[1])
        outcome = await ask(Kind("tls", "", Params, run), target, Params(), 10)
    assert (outcome.verdict, outcome.code) == (FAIL, "L6RSP")
    assert outcome.detail == "TLS handshake failed: Connection reset by peer"
    assert os.listdir("/proc/self/fd") == before


async def test_a_handshake_that_never_ends():
    async with serving(saying(after=None, stay=True)) as target:
        outcome = await probe(KIND, target, tls=True, timeout=1)
    assert (outcome.verdict, outcome.code, outcome.detail) == (FAIL, "L6TOUT", "no TLS handshake within 1 s")


async def test_a_ca_file_that_vanished_is_unknown(authority, tmp_path: Path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    params = Params(tls=True, ca_file=str(path))
    path.unlink()
    outcome = await ask(KIND, HERE, params, 5)
    assert (outcome.verdict, outcome.detail) == (UNKNOWN, f"ca_file {path}: No such file or directory")


async def test_trace(authority, ca_file):
    trace: list[tuple[float, str]] = []
    async with serving_tls(authority.issue_cert("shop.example", common_name="shop")) as target:
        await ask(KIND, target, Params(tls=True, host="shop.example", ca_file=ca_file, body="ok"), 10, trace=trace)
    texts = [text for _, text in trace]
    assert texts[:2] == ["connecting", "connected from 127.0.0.1"]
    assert texts[2].startswith("TLSv1.3 ")
    assert texts[3].startswith("certificate of shop, shop.example, valid until ")
    assert texts[4:] == [
        "sent GET / for host shop.example",
        "status 200 OK, 1 headers, 2 bytes of body read",
        'header Content-Length: "2"',
        'body: "ok"',
    ]


async def test_nothing_is_left_open(authority, ca_file):
    async with serving_tls(authority.issue_cert("shop.example")) as target:
        await https(target, host="shop.example", ca_file=ca_file)
    async with serving(replying(stay=True)) as target:
        before = os.listdir("/proc/self/fd")
        await probe(KIND, target, timeout=0.05)
        await probe(KIND, closed_port())
    assert len(os.listdir("/proc/self/fd")) <= len(before)
