"""The server as an HTTP proxy, for tests: absolute-form requests and CONNECT tunnels (RFC 9110 sections 7.6, 9.3.6).

It is no open proxy, and cannot become one, whatever it listens on: it serves clients on this machine only, and leads
to loopback addresses only, named by number or as `localhost` (no name is ever looked up). Everything else is 403.

What the far side says goes through byte for byte, its faults too; a forwarded request has its own connection, which
ends with the answer. A URL of the server itself is answered by its site. Plain paths (`GET /a`) are no matter of a
proxy and need no password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket

from scraper.server.answers import Answer, Scripted
from scraper.server.line import Line
from scraper.server.listening import is_loopback
from scraper.server.refusal import BadRequest
from scraper.server.relay import relay
from scraper.server.request import Request
from scraper.server.site import Answerer, Layer

_PATIENCE = 10.0  # seconds for a connection to the far side
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "transfer-encoding", "upgrade",
     "trailer", "expect", "host", "content-length"}
)  # fmt: skip
_ASK = (("Proxy-Authenticate", 'Basic realm="scraper", charset="UTF-8"'),)


class Proxy(Layer):
    """A layer that makes a site a proxy too. `login` is `user:password` where one is asked for.

    Raises ValueError for a login without a colon.
    """

    def __init__(self, login: str | None = None) -> None:
        if login is not None and not login.partition(":")[1]:
            raise ValueError("write USER:PASSWORD, with a colon between them")
        self._login = None if login is None else login.encode("utf-8")

    def answer(self, request: Request, inner: Answerer) -> Answer:
        authority = request.head.target.authority
        if authority is None:
            return inner(request)
        if not is_loopback(request.client[0]):
            raise BadRequest(403, "this proxy is for clients on its own machine")
        if not self._is_allowed(request):
            raise BadRequest(407, "the proxy asks for a name and a password", _ASK)
        tunnels = request.method == "CONNECT"
        if not tunnels and request.target.lower().startswith("https:"):
            raise BadRequest(400, "https goes through a proxy by CONNECT")
        host, port = _place(authority)
        if not tunnels and port == _own_port(request):
            return inner(request)
        far = _connected(host, port)
        return Scripted(lambda line: _tunnel(line, far) if tunnels else _forward(line, far, request), 200)

    def _is_allowed(self, request: Request) -> bool:
        if self._login is None:
            return True
        kind, _, given = request.headers.get("proxy-authorization").partition(" ")
        try:
            login = base64.b64decode(given.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and hmac.compare_digest(login, self._login)


def _place(authority: str) -> tuple[str, int]:
    """The loopback address and the port that an authority names; raises BadRequest 400 or 403."""
    host, colon, digits = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, digits = authority, "80"
    port = int(digits or "80")
    if not 0 < port < 65536:
        raise BadRequest(400, "there is no such port")
    host = host.removeprefix("[").removesuffix("]")
    if not is_loopback(host):
        raise BadRequest(403, "this proxy leads to loopback addresses only")
    return host, port


def _own_port(request: Request) -> int:
    """The port that the server listens on; 0 where nobody knows."""
    digits = request.server_url.rpartition(":")[2]
    return int(digits) if digits.isdigit() else 0


def _connected(host: str, port: int) -> socket.socket:
    """A connection to the far side; raises BadRequest(502)."""
    fault: OSError | None = None
    for address in _addresses(host):
        try:
            return socket.create_connection((address, port), _PATIENCE)
        except OSError as error:
            fault = fault or error
    raise BadRequest(502, f"no connection to port {port}: {(fault and fault.strerror) or 'timed out'}") from fault


def _addresses(host: str) -> tuple[str, ...]:
    """By number, so that nothing is looked up."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ("127.0.0.1", "::1")


def _tunnel(line: Line, far: socket.socket) -> None:
    line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    relay(line, far, line.early())


def _forward(line: Line, far: socket.socket, request: Request) -> None:
    relay(line, far, _said(request), both=False)


def _said(request: Request) -> bytes:
    """The request as the far side gets it."""
    target = request.head.target
    named = {name.strip().lower() for value in request.headers.all("connection") for name in value.split(",")}
    kept = [(name, value) for name, value in request.head.fields if name.lower() not in _HOP_BY_HOP | named]
    length = [("Content-Length", str(len(request.body)))] if request.body or "content-length" in request.headers else []
    fields = [("Host", target.authority or ""), *kept, *length, ("Via", "1.1 scraper"), ("Connection", "close")]
    path = _path(target.raw)
    lines = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + request.body


def _path(raw: str) -> str:
    """The origin-form of an absolute target."""
    rest = raw.partition("://")[2]
    at = min((found for mark in "/?" if (found := rest.find(mark)) >= 0), default=len(rest))
    return rest[at:] if rest[at : at + 1] == "/" else "/" + rest[at:]
