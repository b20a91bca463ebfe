"""What the answer of a receiver means, whatever it does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from lvsctl.model import Secret
from lvsctl.notify.http import LONGEST_WAIT, Client, Request, judge, wait
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from tests.notify.server import Behaviour, Misbehaving, close, flood, hang, raw, status

TODAY = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT
SECRET = "T0KEN-in-the-path"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(lambda: TODAY)
    yield made
    await made.close()


async def told(client: Client, url: str, *, ca_file: str | None = None) -> Outcome:
    request = Request(Secret(url), b"{}", {"authorization": f"Bearer {SECRET}"}, ca_file)
    return await client.post(request)


TOO_MANY = "127.0.0.1 answers 429 (Too Many Requests)"
AWAY = "127.0.0.1 answers 503 (Service Unavailable)"
NOT_HTTP = Later("127.0.0.1 answers with something that is not HTTP")
HUNG_UP = Later("127.0.0.1 closed the connection without an answer")
OK_9 = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"

ANSWERS: list[tuple[str, Behaviour, Outcome]] = [
    ("it takes it", status(200), Taken()),
    ("it takes it and says nothing", status(204, body=b""), Taken()),
    ("it takes it for later", status(202), Taken()),
    ("too many, wait 7 seconds", status(429, "Retry-After: 7"), Later(TOO_MANY, 7.0)),
    (
        "too many, wait until 14:13:50",
        status(429, "Retry-After: Mon, 21 Sep 2026 14:13:50 GMT"),
        Later(TOO_MANY, 30.0),
    ),
    ("it is broken", status(500), Later("127.0.0.1 answers 500 (Internal Server Error)")),
    ("it is away for a minute", status(503, "Retry-After: 60"), Later(AWAY, 60.0)),
    ("the request took too long", status(408), Later("127.0.0.1 answers 408 (Request Timeout)")),
    ("it does not like it", status(400), Refused("127.0.0.1 answers 400 (Bad Request)")),
    ("it does not know us", status(403), Refused("127.0.0.1 answers 403 (Forbidden)")),
    ("a number nobody knows", status(499), Refused("127.0.0.1 answers 499")),
    (
        "it wants no more",
        status(410),
        Refused("127.0.0.1 answers 410 (Gone): it wants no more notifications", gone=True),
    ),
    (
        "it has moved",
        status(301, "Location: http://127.0.0.1:1/elsewhere"),
        Later("127.0.0.1 answers 301 (Moved Permanently), which is not followed: write the address to which it leads"),
    ),
    ("it hangs up", close, HUNG_UP),
    ("it speaks garbage", raw(b"\x00\xffgarbage\r\n\r\n"), NOT_HTTP),
    ("it hangs up in the middle of the head", raw(b"HTTP/1.1 200 OK\r\nContent-"), HUNG_UP),
    ("it takes it and hangs up in the middle of the body", raw(OK_9), Taken()),
    ("it takes it and never ends the body", raw(OK_9, then=hang), Taken()),
    ("it takes it and floods us", raw(b"HTTP/1.1 200 OK\r\n\r\n", then=flood), Taken()),
    ("it says that its body is packed, and lies", raw(PACKED), Taken()),
    ("a head that is larger than any", raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000), NOT_HTTP),
]


@pytest.mark.parametrize(("behaviour", "means"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_what_an_answer_means(client: Client, behaviour: Behaviour, means: Outcome) -> None:
    server = Misbehaving(behaviour)
    url = await server.start()
    assert await told(client, f"{url}/{SECRET}") == means
    assert len(server.heard) == 1, "nothing is sent twice, nowhere, by itself"
    await server.close()


async def test_a_head_that_never_comes_is_for_the_deadline(client: Client) -> None:
    server = Misbehaving(raw(b"HTTP/1.1 200 OK\r\n", then=hang))
    url = await server.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await told(client, url)
    await server.close()


async def test_nobody_listens(client: Client) -> None:
    assert await told(client, f"http://127.0.0.1:1/{SECRET}") == Later(
        "127.0.0.1 cannot be reached: Connection refused"
    )


async def test_a_name_that_nobody_has(client: Client) -> None:
    outcome = await told(client, f"http://nobody.invalid/{SECRET}")
    assert outcome == Later("nobody.invalid cannot be found: its name does not resolve")


@pytest.mark.parametrize("url", ["http://[::1/x", "ftp://host/x", "nonsense", "http://host:99999/"])
async def test_a_url_that_is_none(client: Client, url: str) -> None:
    outcome = await told(client, f"{url}{SECRET}")
    assert isinstance(outcome, Later) and SECRET not in outcome.why


async def test_the_url_is_sent_as_it_is_written(client: Client) -> None:
    server = Misbehaving()
    url = await server.start()
    await told(client, f"{url}/a%2Fb?sig=x%2By%3D&sv=1.0")
    assert server.heard[0].path == "/a%2Fb?sig=x%2By%3D&sv=1.0"
    await server.close()


async def test_no_proxy_of_the_environment_and_no_cookie(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = Misbehaving(status(200, "Set-Cookie: a=b"))
    url = await server.start()
    assert await told(client, url) == Taken()
    assert await told(client, url) == Taken()
    assert "cookie" not in server.heard[1].headers
    await server.close()


async def test_a_certificate_must_be_trusted(client: Client, tmp_path: Path) -> None:
    authority = trustme.CA()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = Misbehaving()
    url = await server.start(trust)
    assert await told(client, url, ca_file=str(tmp_path / "ca.pem")) == Taken()
    outcome = await told(client, url)
    assert isinstance(outcome, Later) and outcome.why.startswith(
        "127.0.0.1 cannot be asked: its certificate is not trusted: "
    )
    assert len(server.heard) == 1, "nothing was sent to whom is not trusted"
    await server.close()


async def test_a_certificate_of_another_name(client: Client, tmp_path: Path) -> None:
    authority = trustme.CA()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(trust)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = Misbehaving()
    url = await server.start(trust)
    outcome = await told(client, url, ca_file=str(tmp_path / "ca.pem"))
    assert isinstance(outcome, Later) and "not trusted" in outcome.why
    await server.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: No such file or directory"), ("nonsense", "holds no certificate in PEM form")],
)
async def test_a_ca_file_that_cannot_be_used(client: Client, tmp_path: Path, content: str | None, why: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    outcome = await told(client, "https://127.0.0.1:1/", ca_file=str(file))
    assert outcome == Later(f"the CA file for 127.0.0.1 {why}")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("1.5", None),
        ("-3", None),
        ("99999999999999999999999999", LONGEST_WAIT),
        ("soon", None),
        ("Mon, 21 Sep 2026 14:13:19 GMT", 0.0),
        ("Mon, 21 Sep 2026 15:13:20 +0100", 0.0),
        ("Tue, 22 Sep 2026 14:13:20 GMT", LONGEST_WAIT),
        ("Mon, 99 Sep 2026 14:13:20 GMT", None),
        ("²", None),
    ],
)
def test_how_long_a_receiver_wants_to_be_left_alone(header: str | None, seconds: float | None) -> None:
    assert wait(header, TODAY) == seconds


def test_each_status_means_something() -> None:
    again = {code for code in range(200, 600) if isinstance(judge("host", code, None, TODAY), Later)}
    assert again == {*range(300, 400), 408, 425, 429, *range(500, 600)}


def test_a_request_shows_no_secret() -> None:
    request = Request(Secret(f"https://host/{SECRET}"), SECRET.encode(), {"a": SECRET})
    assert SECRET not in repr(request)
