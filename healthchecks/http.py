"""http: a request brings an acceptable status and, if asked, a body that matches. https with `tls: true`.

Redirects are not followed: a redirect is an answer of this server, another server's answer is not. The response is
read to its last byte or to 64 KiB of body, so a server that sends its headers and then stalls is down. A status that
is not accepted decides at once.

Codes: L4CON, L4TOUT as tcp; L6RSP TLS failed or certificate not accepted, L6TOUT no TLS in time; L7OK; L7STS another
status; L7RSP not HTTP, cut short, or a body that does not match; L7TOUT no complete answer in time.
"""

from __future__ import annotations

import re
import ssl
from functools import cached_property, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, WithJsonSchema, model_validator

from healthchecks._match import Regex, Runaway, Wanted, matches, shown, wanted
from healthchecks._response import Garbage, Response
from healthchecks._wire import Failed, Wire
from lvsctl import checkapi
from lvsctl.checkapi import Ask, CannotAsk, Outcome, Target

_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding"})  # host: has a key of its own
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS_SCHEMA = {"type": ["integer", "string", "array"], "items": {"type": ["integer", "string"]}}
_HEADERS_SCHEMA = {"type": ["object", "array", "string"], "additionalProperties": {"type": "string"}}
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def _method(method: str) -> str:
    if not re.fullmatch(r"[A-Z]+", method) or method == "CONNECT":
        raise ValueError(f"{method!a} is not a method for a check; try GET, HEAD or OPTIONS")
    return method


def _path(path: str) -> str:
    if not re.fullmatch(r"/[\x21-\x7e]*", path):
        raise ValueError("a path begins with / and is printable ASCII without spaces; write others as %20, %C3%A9")
    return path


def _host(host: str) -> str:
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host):
        raise ValueError(f"{host!a} is not a host name; write shop.example, shop.example:8080 or [2001:db8::1]")
    return host


def _status(value: Any) -> str:
    """From 200, "200-399", [200, "300-399"] or "200,204" to the last form, in the order given."""
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    spans = [str(part).strip() for part in parts]
    for span in spans:
        low, _, high = span.partition("-")
        if not re.fullmatch(r"[1-9]\d\d(-[1-9]\d\d)?", span) or int(high or low) < int(low):
            raise ValueError(f"{span!a} is not a status; write 200, 200-399 or [200, 204]")
    if not spans:
        raise ValueError("at least one status is needed")
    return ",".join(spans)


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    """From a mapping, "Name: value", or a list of either pairs or such lines."""
    if isinstance(value, dict):
        pairs = [(str(name), _header_text(str(name), text)) for name, text in value.items()]
    else:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise ValueError("headers are a mapping, as {X-Probe: lvsctl}")
        pairs = [_pair(item) for item in items]
    for name, text in pairs:
        if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"header {name!a}: a name is letters, digits and dashes, a value is one line of latin-1")
        if name.lower() in _OWN_HEADERS:
            own = ", see host" if name.lower() == "host" else ""
            raise ValueError(f"header {name} cannot be given; the check sets it{own}")
    return tuple((name, text.strip()) for name, text in pairs)


def _header_text(name: str, text: Any) -> str:
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"header {name!a}: its value is text; put it in quotes")
    return str(text)


def _pair(item: Any) -> tuple[str, str]:
    if isinstance(item, (list, tuple)) and len(item) == 2:
        return str(item[0]), _header_text(str(item[0]), item[1])
    name, colon, text = str(item).partition(":")
    if not colon:
        raise ValueError(f"header {item!a}: write it as Name: value")
    return name, text


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", name):
        raise ValueError(f"{name!a} is not a server name; write shop.example")
    return name


def _can_be_asked_for(name: str) -> bool:
    """Whether TLS takes it for SNI; what it would refuse at every probe is refused here."""
    if name.startswith("[") or name.count(":") > 1:
        return True
    return all(0 < len(label) < 64 for label in name.partition(":")[0].removesuffix(".").split("."))


def _authorities(path: str) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path}: not a PEM file of certificates") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    return path


class Params(checkapi.Params):
    """What is requested, what must come back, and for https whose certificate.

    host: the Host header; else the target's address. status: what is accepted. body, body_regex: what the body must
    contain; either, not both. server_name: the name for SNI and in the certificate; else that of host, else the
    target's address. verify: false accepts any certificate. ca_file: trusted instead of the system's authorities.
    """

    method: Annotated[str, AfterValidator(_method)] = "GET"
    path: Annotated[str, AfterValidator(_path)] = "/"
    host: Annotated[str, AfterValidator(_host)] | None = None
    headers: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_headers), WithJsonSchema(_HEADERS_SCHEMA)] = ()
    status: Annotated[str, BeforeValidator(_status), WithJsonSchema(_STATUS_SCHEMA)] = "200-399"
    body: Annotated[str, Field(min_length=1)] | None = None
    body_regex: Regex | None = None
    tls: StrictBool = False
    verify: StrictBool = True
    server_name: Annotated[str, AfterValidator(_name)] | None = None
    ca_file: Annotated[str, AfterValidator(_authorities)] | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Params:
        if self.tls and (name := self.server_name or self.host) and not _can_be_asked_for(name):
            raise ValueError(f"{name!a} cannot be the name of a TLS server: 1 to 63 characters between two dots")
        if self.body is not None and self.body_regex is not None:
            raise ValueError("body and body_regex cannot both be given")
        if self.method == "HEAD" and (self.body is not None or self.body_regex is not None):
            raise ValueError("a HEAD request brings no body to match; use GET")
        if not self.tls and (self.server_name is not None or self.ca_file is not None or not self.verify):
            raise ValueError("server_name, ca_file and verify need tls: true")
        if not self.verify and self.ca_file is not None:
            raise ValueError("ca_file has no use with verify: false")
        return self

    @cached_property
    def accepted(self) -> frozenset[int]:
        spans = [span.partition("-") for span in self.status.split(",")]
        return frozenset(number for low, _, high in spans for number in range(int(low), int(high or low) + 1))

    @cached_property
    def wanted(self) -> Wanted | None:
        return wanted(self.body.encode() if self.body is not None else None, self.body_regex)

    @cached_property
    def around_host(self) -> tuple[bytes, bytes]:
        """The request up to the Host header's value (with it, if there is a `host`), and what follows it."""
        lines = {"User-Agent": "lvsctl", "Accept": "*/*"}
        given = {name.lower() for name, _ in self.headers}
        extra = [(name, text) for name, text in lines.items() if name.lower() not in given]
        extra += [*self.headers, ("Connection", "close")]
        if self.method not in ("GET", "HEAD", "OPTIONS"):
            extra.append(("Content-Length", "0"))
        tail = "".join(f"\r\n{name}: {text}" for name, text in extra)
        before = f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.host or ''}"
        return before.encode(), f"{tail}\r\n\r\n".encode("latin-1")


def request(params: Params, target: Target) -> bytes:
    """The bytes of the request; without `host` the target's address, and its port unless it is the scheme's own."""
    before, after = params.around_host
    if params.host is not None:
        return before + after
    address = str(target.address) if target.address.version == 4 else f"[{target.address}]"
    port = "" if target.port == (443 if params.tls else 80) else f":{target.port}"
    return before + f"{address}{port}".encode() + after


def verified_name(params: Params, target: Target) -> str:
    """The name for SNI and in the certificate: server_name, else host without its port, else the target's address."""
    if params.server_name is not None:
        return params.server_name
    if params.host is None:
        return str(target.address)
    return params.host[1:].partition("]")[0] if params.host.startswith("[") else params.host.partition(":")[0]


@lru_cache(maxsize=64)
def _context(verify: bool, ca_file: str | None, _changed: int) -> ssl.SSLContext:
    """Reading the authorities takes 20 ms and a megabyte: once for all checks, and again when the file changes."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust(params: Params) -> ssl.SSLContext:
    try:
        changed = Path(params.ca_file).stat().st_mtime_ns if params.ca_file is not None else 0
        return _context(params.verify, params.ca_file, changed)
    except OSError as error:
        raise CannotAsk(f"ca_file {params.ca_file}: {error.strerror or error}") from error


async def run(ask: Ask[Params]) -> Outcome:
    """Connect, do the handshake if `tls`, send the request, read the response, judge it."""
    params = ask.params
    context = _trust(params) if params.tls else None
    wire = Wire(ask)
    try:
        await wire.connect()
        if context is not None:
            ask.timeout_code = "L6TOUT"
            await wire.secure(context, verified_name(params, ask.target))
        ask.timeout_code = "L7TOUT"
        await wire.send(request(params, ask.target))
        return _judged(ask, await _response(ask, wire))
    except Failed as failure:
        return ask.failed(failure.code, failure.detail)
    except Runaway as error:
        return ask.failed("L7RSP", str(error))
    finally:
        wire.close()


async def _response(ask: Ask[Params], wire: Wire) -> Response:
    params, traced = ask.params, ask.trace is not None
    if traced:
        ask.note(f"sent {params.method} {params.path} for host {params.host or ask.target}")
    response = Response(accepted=params.accepted, bodiless=params.method == "HEAD", keep_headers=traced)
    first = b""
    try:
        while not response.done:
            data = await wire.receive()
            first = first or data
            if data:
                response.feed(data)
            else:
                response.end()
    except Garbage as error:
        begins = f": {shown(first)}" if first and not response.status else ""
        raise Failed("L7RSP", f"{error}{begins}") from error
    finally:
        if traced:
            _note(ask, response)
    return response


def _note(ask: Ask[Params], response: Response) -> None:
    status = f"status {_named(response.status)}" if response.status else "no status"
    ask.note(f"{status}, {response.count} headers, {len(response.body)} bytes of body read")
    for name, value in response.headers or ():
        ask.note(f"header {name.decode('latin-1')}: {shown(value, 200)}")


def _judged(ask: Ask[Params], response: Response) -> Outcome:
    params = ask.params
    if response.status not in params.accepted:
        return ask.failed("L7STS", f"HTTP status {_named(response.status)}, expected {params.status}")
    if params.wanted is not None:
        ask.note(f"body: {shown(bytes(response.body), 200)}")
        if not matches(params.wanted, bytes(response.body)):
            return ask.failed("L7RSP", f"the body does not match: {shown(bytes(response.body))}")
        return ask.passed("L7OK", f"HTTP status {response.status}, the body matches")
    return ask.passed("L7OK", f"HTTP status {response.status}")


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


KIND = checkapi.Kind(
    name="http",
    summary="an HTTP request brings an acceptable response",
    params=Params,
    run=run,
    usual_port=lambda params: 443 if params.tls else 80,
)
