"""The line to a server: urllib3's connections with bounds that http.client lacks. Owns nothing but the bounds.

    bound(pool_manager)                        its connections are bounded from now on
    line.begin(guarded, seconds, url); ...; line.peer

A socket's timeout counts from one recv to the next, so a head that drips in never ends:
here the whole head must come within the read timeout, and everything within `seconds`.
A head is at most 256 KiB and 100 lines long, interim answers (1xx) included, of which
there may be twenty; http.client hands all but "100 Continue" on as the answer.

Whether an address is private is judged where it is certain: on the connected socket,
before the first byte of a request. A name that resolved to a public address a moment
ago may lead inside now (DNS rebinding), and a kept connection may be an inside one.
"""

from __future__ import annotations

import email.errors
import http.client
import io
import threading
import time
from collections.abc import Callable
from typing import Any

from scraper import urls
from scraper.net import head, wire
from scraper.net.detour import Detour


class PrivateAddressError(Exception):
    """The connection leads to an address that is not public, and whoever asked may not go there."""


class BadHeadError(http.client.HTTPException):
    """A head of which http.client dropped a part; urllib3 would log it, with the URL and its secrets."""


class HeadLimitError(http.client.HTTPException):
    """The head of an answer is larger than any honest one."""


class Line(threading.local):
    """What one thread's exchange may do, and where it went.

    Attributes:
        guarded: whether a private address is refused.
        until: the monotonic time at which the exchange is over, or None.
        url: as it goes out, byte for byte: urllib3 would encode it anew.
        peer: the address that was reached, or None where a proxy or a tape stands between.
        detour: where the connection goes, whatever the URL.
        is_asking: whether the way to the server is open: from here on it may have seen the request.
    """

    guarded = False
    until: float | None = None
    url = ""
    peer: str | None = None
    detour: Detour | None = None
    is_asking = False

    def begin(self, *, guarded: bool, seconds: float | None, url: str, detour: Detour | None = None) -> None:
        """A new exchange."""
        self.guarded, self.url, self.peer, self.is_asking = guarded, url, None, False
        self.detour = detour
        self.until = None if seconds is None else time.monotonic() + seconds

    def reach(self, address: str) -> None:
        """The exchange goes to this address.

        Raises:
            PrivateAddressError: it must not.
        """
        self.peer = address
        if self.guarded and urls.is_private(address):
            raise PrivateAddressError(address)


line = Line()


def bound(manager: Any, *, fresh: bool = False) -> Any:
    """Makes a pool manager of urllib3, also of a proxy, give out bounded connections; `fresh`: each of them once."""
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bounded(pool, fresh) for scheme, pool in classes.items()}
    return manager


def _bounded(pool: type[Any], fresh: bool) -> type[Any]:
    connection = type(pool.ConnectionCls.__name__, (_Bounded, pool.ConnectionCls), {})
    return type(pool.__name__, (_Fresh, pool) if fresh else (pool,), {"ConnectionCls": connection})


class _Fresh:
    """A pool that keeps nothing."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        return self._new_conn()  # type: ignore[attr-defined]

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.close()


_OF_BODIES = (
    email.errors.StartBoundaryNotFoundDefect,
    email.errors.CloseBoundaryNotFoundDefect,
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.MultipartInvariantViolationDefect,
    email.errors.InvalidMultipartContentTransferEncodingDefect,
)
"""What the parser of heads, which is one of mails, finds wrong with a body that it was not given."""


class _Head(http.client.HTTPResponse):
    """An answer whose head is bounded in time and size.

    Attributes:
        surplus: whether more came than was declared, as far as it came by then.
    """

    surplus = False

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._watch = _Watch(sock)
        raw = self.fp.detach()
        self._lines = self.fp = _Lines(_Watched(raw, self._watch))
        self._declared: int | None = None

    def begin(self) -> None:
        """Reads the head."""
        try:
            super().begin()
        except http.client.LineTooLong as error:
            raise HeadLimitError(str(error)) from error
        except http.client.HTTPException as error:
            if type(error) is http.client.HTTPException:  # so it tells of too many lines
                raise HeadLimitError(str(error)) from error
            raise
        if any(not isinstance(defect, _OF_BODIES) for defect in self.msg.defects):
            raise BadHeadError("a header line without a colon")
        if self._lines.last not in (b"\r\n", b"\n"):  # http.client takes the end of the connection for one
            raise BadHeadError("it is cut in its head")
        self._watch.head_came()
        self._see_length()
        self._declared = None if self.status in head.BODILESS else self.length
        self._see_chunks()

    def hurry(self, seconds: float) -> None:
        """From now on all that still comes may take so long together."""
        self._watch.hurry(seconds)

    def _see_length(self) -> None:
        """http.client takes a length that is said as a list for none, and reads to the end of the connection.

        One that is none ends the exchange here: urllib3 would stumble over some, and leave their sockets open.
        """
        said = self.headers.get_all("content-length")
        if said is None or "transfer-encoding" in self.headers:
            return
        length = head.length_of(", ".join(one.strip(" \t") for one in said))
        if length is None:
            raise BadHeadError("a Content-Length that is no length")
        if self.length is None and not self.chunked:
            self.length = length

    def _see_chunks(self) -> None:
        """http.client takes `chunked` with a blank behind it for no coding, and reads to the end of the connection."""
        coding = self.headers.get("transfer-encoding", "").strip(" \t").lower()
        if coding == "chunked" and self.length != 0 and not self.chunked:
            self.chunked, self.chunk_left, self.length, self._declared = True, None, None, None

    def _close_conn(self) -> None:
        """The body is whole."""
        if self._declared is not None and self.length == 0:
            self.surplus = self._watch.count > self._lines.bytes + self._declared or self._watch.has_more()
        super()._close_conn()  # type: ignore[misc]

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(head.INTERIM):
            self._check_protocol()
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise HeadLimitError(f"more than {head.INTERIM} interim answers")

    def _check_protocol(self) -> None:
        """What begins otherwise is no HTTP, and may never come to the end of its line."""
        if not b"HTTP/".startswith(begun := self._lines.peek(1)[:5]):
            raise http.client.BadStatusLine(repr(begun))

    def _read_and_discard_trailer(self) -> None:
        """Behind the last chunk an empty line must come (RFC 9112 section 7.1); http.client takes the end for one."""
        while (line := self.fp.readline(head.LINE + 1)) not in (b"\r\n", b"\n"):
            if not line:
                raise http.client.IncompleteRead(b"")
            if len(line) > head.LINE:
                raise http.client.LineTooLong("trailer line")


class _Watch:
    """The bounds of one answer; asked before each recv, told what it gave."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._read: float | None = sock.gettimeout()
        self._head_until = None if self._read is None else time.monotonic() + self._read
        self._until = line.until
        self._left = head.BYTES
        self.count = 0
        self._is_head = True

    def head_came(self) -> None:
        """From now on only bytes of the body come."""
        self._is_head, self._head_until = False, None
        self._sock.settimeout(self._read)

    def hurry(self, seconds: float) -> None:
        """All that still comes may take so long together."""
        until = time.monotonic() + seconds
        self._until = until if self._until is None else min(self._until, until)

    def before(self) -> None:
        """Sets the time that the next recv may take."""
        ends = [end for end in (self._head_until, self._until) if end is not None]
        if not ends:
            return
        left = min(ends) - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left if self._read is None else min(left, self._read))

    def has_more(self) -> bool:
        """Whether bytes wait that nobody read."""
        tls = getattr(self._sock, "sslobj", self._sock)  # TLS within TLS is an object of urllib3's
        return bool(tls.pending()) if hasattr(tls, "pending") else wire.has_bytes(self._sock)

    def after(self, count: int) -> None:
        """So many bytes came."""
        self.count += count
        self._left -= count
        if self._is_head and self._left < 0:
            raise HeadLimitError(f"more than {head.BYTES} bytes")


class _Lines(io.BufferedReader):
    """Counts the bytes of the lines that are read: those of the head; `last` is the last of them."""

    bytes = 0
    last = b""

    def readline(self, size: int | None = -1, /) -> Any:
        """A line."""
        self.last = line = super().readline(size)
        self.bytes += len(line)
        if b"\r" in line.rstrip(b"\r\n"):
            raise BadHeadError("a carriage return in a line")  # the parser of mails would take it for a line's end
        return line


class _Watched(io.RawIOBase):
    """A socket's file that asks a watch."""

    def __init__(self, raw: io.RawIOBase, watch: _Watch) -> None:
        self._raw = raw
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._watch.before()
        count: int | None = self._raw.readinto(buffer)
        self._watch.after(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded:
    """Over a connection class of urllib3."""

    response_class = _Head
    sock: Any
    proxy: Any
    port: Any
    _dns_host: Any

    def _new_conn(self) -> Any:
        sock = super()._new_conn() if line.detour is None else self._detoured(line.detour)  # type: ignore[misc]
        try:
            self._reach(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def connect(self) -> None:
        """Opens the way to the server: through a proxy, and TLS, too."""
        super().connect()  # type: ignore[misc]
        line.is_asking = True

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        """A kept connection was reached by an earlier exchange; `url` is whole where a proxy is asked."""
        if self.sock is not None:
            self._reach(self.sock)
            line.is_asking = True
        is_path = url.startswith("/") and line.detour is None
        target = line.url[line.url.index("/", 8) :] if is_path else line.url
        putrequest: Callable[..., None] = super().putrequest  # type: ignore[misc]
        putrequest(method, target, *args, **options)

    def _detoured(self, goal: Detour) -> Any:
        """A connection to where all of them go; what it is called stays as it is."""
        own = self._dns_host, self.port
        self._dns_host, self.port = goal
        try:
            return super()._new_conn()  # type: ignore[misc]
        finally:
            self._dns_host, self.port = own

    def _reach(self, sock: Any) -> None:
        if self.proxy is None and line.detour is None and not hasattr(self, "_socks_options"):
            line.reach(str(sock.getpeername()[0]))
