"""The way to a server as far as its first byte: straight, or through a proxy (a tunnel of HTTP, or SOCKS).

    road = Road(host, port, places)                    straight
    road = Road(host, port, places, proxy=url)         places are those of the proxy
    stream = road.open(patience)                       raises OSError, ssl.SSLError, TunnelError

A transport does all this within one call and tells one error; here each step is one's own.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

from scraper.net.outgoing import Credentials, basic_header
from scraper.net.proxies import user_of
from scraper.probe import sockets
from scraper.probe.patience import Patience
from scraper.probe.report import Trouble
from scraper.probe.sockets import Place

_HEAD = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080


class Stream(Protocol):
    """What a socket does, as far as it is asked for here."""

    def sendall(self, data: bytes, /) -> None:
        """Sends all of it."""
        ...

    def recv(self, size: int, /) -> bytes:
        """What came; b"": it has ended."""
        ...

    def settimeout(self, seconds: float | None, /) -> None:
        """What the next call may take."""
        ...

    def close(self) -> None:
        """Hangs up."""
        ...


class TunnelError(Exception):
    """The proxy did not open the way; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


def proxy_place(proxy: str) -> tuple[str, int]:
    """Host and port of a proxy's URL."""
    parts = urlsplit(proxy)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, _SOCKS_PORT)


class Road:
    """The way to one server.

    Args:
        places: that took a connection, of the server or of the proxy.
        proxy: its URL as it is used, password and all; None: straight.
        secured: makes TLS of a stream, for a proxy that is spoken to over it.

    Attributes:
        said: what the proxy answered to being asked for a tunnel; connections: how many were opened.
    """

    def __init__(
        self, host: str, port: int, places: list[Place], proxy: str | None = None,
        secured: Callable[[Stream, str, Patience], Stream] | None = None,
    ) -> None:  # fmt: skip
        self._host, self._port = host, port
        self._places = places
        self._proxy = proxy
        self._secured = secured
        self.said: str | None = None
        self.connections = 0

    def open(self, patience: Patience) -> Stream:
        """A stream of which the first byte goes to the server.

        Raises:
            OSError, ssl.SSLError: the connection, or that to the proxy. TunnelError: the proxy did not open the way.
        """
        self.connections += 1
        if self._proxy is None:
            return sockets.connected(self._places[0], patience)
        scheme = urlsplit(self._proxy).scheme
        if scheme.startswith("socks"):
            return self._socks(scheme, self._proxy, patience)
        stream: Stream = sockets.connected(self._places[0], patience)
        try:
            if scheme == "https" and self._secured is not None:
                stream = self._secured(stream, proxy_place(self._proxy)[0], patience)
            self._connect(stream, self._proxy, patience)
        except BaseException:
            sockets.closed(stream)
            raise
        return stream

    def _connect(self, stream: Stream, proxy: str, patience: Patience) -> None:
        """Asks for a tunnel (RFC 9110 section 9.3.6)."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        target = f"{host}:{self._port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if (user := user_of(proxy)) is not None:
            lines.append(f"Proxy-Authorization: {basic_header(Credentials('basic', *user))}")
        stream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head, until = b"", patience.clock() + patience.reading
        while b"\r\n\r\n" not in head and len(head) < _HEAD:
            stream.settimeout(max(0.001, until - patience.clock()))
            if patience.clock() > until or not (data := stream.recv(4096)):
                break
            head += data
        found = _STATUS.match(head)
        if found is None:
            said = "hung up" if not head else "did not answer as a proxy of HTTP does"
            raise _refused("PROTOCOL", f"the proxy {said}", "check the proxy's URL, its scheme and port above all")
        self.said = f"{found[1].decode()} {(found[2] or b'').decode('latin-1')}".strip()
        if found[1] == b"407":
            cure = "name a user and password: http.proxies: http://user:password@proxy:port"
            raise _refused("407", f"the proxy wants a user and password ({self.said})", cure)
        if not found[1].startswith(b"2"):
            cure = "its owner allows this host and port, or not; NO_PROXY goes straight"
            raise _refused(found[1].decode(), f"the proxy did not open the way: {self.said}", cure)

    def _socks(self, scheme: str, proxy: str, patience: Patience) -> Stream:
        import socks

        kind = socks.SOCKS4 if scheme.startswith("socks4") else socks.SOCKS5
        user, password = user_of(proxy) or (None, None)
        place = self._places[0]
        sock = socks.socksocket(place.family)
        sock.set_proxy(
            kind, place.host, place.address[1], rdns=scheme in ("socks5h", "socks4a"), username=user, password=password
        )
        end = threading.Timer(patience.connecting, _hang_up, (sock,))  # its answer may come byte by byte
        end.daemon = True
        end.start()
        try:
            sock.settimeout(patience.connecting)
            sock.connect((self._host, self._port))
        except socks.ProxyError as error:
            sockets.closed(sock)
            raise _refused(
                "SOCKS", f"the proxy did not open the way: {error.msg}", "check user, host and port"
            ) from None
        except BaseException:
            sockets.closed(sock)
            raise
        finally:
            end.cancel()
        self.said = f"{scheme}: open"
        stream: Stream = sock
        return stream


def _hang_up(sock: Any) -> None:
    with suppress(OSError):
        sock.shutdown(sockets.BOTH)


def _refused(name: str, message: str, cure: str) -> TunnelError:
    return TunnelError(Trouble("proxy", name, message, cure))


def ssl_name(error: ssl.SSLError | OSError) -> str:
    """What OpenSSL calls it, or the system."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
        return "EOF" if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) else str(error.reason or "SSL")
    from scraper.probe.words import errno_name

    return errno_name(error)
