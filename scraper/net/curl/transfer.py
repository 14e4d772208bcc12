"""One transfer at a time on one easy handle: begun, fed by libcurl's callbacks, over.

What raises in a callback would be printed by pycurl and lost, so it is kept here, the
transfer is stopped, and `trouble` tells it when libcurl gives the handle back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pycurl

from scraper import errors, secrets, urls
from scraper.net import head, wire
from scraper.net.answer import DRAIN
from scraper.net.curl.brake import Brake
from scraper.net.curl.faults import Proxied, transfer_trouble
from scraper.net.curl.profiles import BUFFER, Profile, new_handle
from scraper.net.outgoing import Outgoing, Wire, basic_header
from scraper.net.pace import Pace
from scraper.net.proxies import Way
from scraper.net.transport import Exchange

_BLANK = (b"\r\n", b"\n")
STOP = 0
"""What a write callback returns to end the transfer."""


class CurlAnswer:
    """The head of an answer (answer.Answer)."""

    __slots__ = ("address", "headers", "is_proxied", "reason", "status", "url")

    def __init__(self, url: str, found: head.Head, outgoing: Outgoing, address: str | None) -> None:
        self.url = url
        self.status = found.status
        if found.is_plain and not outgoing.has_sent_secrets:
            self.reason, self.headers = found.reason, found.headers
        else:
            self.reason = outgoing.conceal(found.reason)
            self.headers = outgoing.header_texts(found.headers)
        self.address = address
        self.is_proxied = address is None


class Transfer:
    """A handle with its callbacks.

    Args:
        brake: what holds it to a rate; None: there is none.
        buffer: bytes that are read from the connection at once.

    Attributes:
        easy: the handle; its attribute `transfer` leads back here.
        exchange: what is on its way, or None.
        size: bytes of the body that came.
    """

    def __init__(
        self, outgoing: Outgoing, profile: Profile, clock: Callable[[], float], brake: Brake | None = None,
        buffer: int = BUFFER,
    ) -> None:  # fmt: skip
        self.profile = profile
        self._method = ""
        self.exchange: Exchange | None = None
        self.size = 0
        self._outgoing = outgoing
        self._clock = clock
        self._brake = brake
        self._is_forwarded = profile.proxy is not None and not profile.proxy.startswith("socks")
        self._is_custom = False
        self._address: str | None = None
        self._lines: list[bytes] = []
        self._given: list[bytes] = []
        self.easy = easy = new_handle(outgoing, profile, buffer)
        easy.transfer = self
        easy.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        easy.setopt(pycurl.WRITEFUNCTION, self._write)
        easy.setopt(pycurl.PREREQFUNCTION, self._reach)
        if profile.guarded and profile.proxy is None:
            easy.setopt(pycurl.OPENSOCKETFUNCTION, self._open)

    def begin(
        self, exchange: Exchange, asked: Wire, url: str, headers: list[bytes], way: Way | None = None
    ) -> None:  # fmt: skip
        """Puts an exchange on the handle; `way` is the proxy that it takes."""
        easy = self.easy
        self._way = way
        self._era = self._outgoing.era
        self.exchange, self._asked, self._url = exchange, asked, url
        self.size, self._seen = 0, 0
        self._held_at: float | None = None
        self._answer: CurlAnswer | None = None
        self._is_wanted = True
        self._trouble: Exception | None = None
        self._lines.clear()
        self._address = None
        self._is_connected = False
        self._pace = Pace(self._outgoing.http.timeout, asked.url, self._clock, deadline=asked.deadline)
        easy.setopt(pycurl.URL, url)
        # libcurl would write the percent-encoding of a path anew.
        is_whole = self._is_forwarded and url.startswith("http:")
        easy.setopt(pycurl.REQUEST_TARGET, url if is_whole else url[url.index("/", 8) :])
        if headers is not self._given:
            easy.setopt(pycurl.HTTPHEADER, [*headers, b"Proxy-Connection:"] if self._is_forwarded else headers)
            self._given = headers
        self._ask(asked.method)

    def _ask(self, method: str) -> None:
        if method == self._method:
            return
        self._method = method
        if self._is_custom:
            self.easy.unsetopt(pycurl.CUSTOMREQUEST)
        self.easy.setopt(pycurl.NOBODY if method == "HEAD" else pycurl.HTTPGET, 1)
        self._is_custom = method not in ("GET", "HEAD")
        if self._is_custom:
            self.easy.setopt(pycurl.CUSTOMREQUEST, method)

    # -- callbacks -------------------------------------------------------------------------------------

    def _write(self, piece: bytes) -> int | None:
        try:
            if self._answer is None:
                self._judge()
            if self._brake is not None and self._is_held(len(piece)):
                return int(pycurl.WRITEFUNC_PAUSE)
            self.size += len(piece)
            if self._is_wanted:
                self.exchange.piece(piece)  # type: ignore[union-attr]
            elif self.size > DRAIN:
                return STOP
        except Exception as error:
            self._trouble = error
            return STOP
        return None

    def _is_held(self, count: int) -> bool:
        """Whether a piece is refused for now, because the run is in debt to its rate."""
        assert self._brake is not None, "asked before"
        if self._is_wanted and self._brake.holds(self):
            self._held_at = self._clock()
            return True
        self._brake.spend(count)
        return False

    def go_on(self) -> None:
        """Nothing holds it any more."""
        self._note_pause()
        self._held_at = None
        try:
            self.easy.pause(pycurl.PAUSE_CONT)
        except pycurl.error as error:  # the piece was refused for good; the next look ends the transfer
            self._trouble = self._trouble or errors.ProtocolError(self._asked.url, f"the connection broke: {error}")

    def _note_pause(self) -> None:
        """That we did not read was no fault of the server's."""
        if self._held_at is not None:
            now = self._clock()
            self._pace.paused(now - self._held_at)
            self._held_at = now

    def _open(self, _: int, found: Any) -> Any:
        """A socket for an address that may be asked."""
        if urls.is_private(str(found.addr[0])):
            self._refuse(str(found.addr[0]))
            return pycurl.SOCKET_BAD
        return wire.Lent(found.family, found.socktype, found.protocol)

    def _refuse(self, address: str) -> None:
        told = f"a public page leads to the private address {address}"
        self._trouble = errors.SkippedError(self._asked.url, "private", told)

    def _reach(self, address: str, *_: object) -> int:
        """The connection stands, new or used again; nothing was sent yet."""
        self._is_connected = True
        if self.profile.proxy is not None:
            return int(pycurl.PREREQFUNC_OK)
        self._address = address
        self._trouble = None  # another address of the host may have been refused
        if self._asked.guarded and urls.is_private(address):
            self._refuse(address)
            return int(pycurl.PREREQFUNC_ABORT)
        return int(pycurl.PREREQFUNC_OK)

    def _judge(self) -> None:
        """The head is whole: a body, or its end, follows."""
        shown = secrets.display(self._asked.url)
        try:
            found = head.read(self._lines)
        except head.HeadLimitError as error:
            raise _too_large(shown, error) from error
        except head.BadHeadError as error:
            raise errors.ProtocolError(shown, f"not HTTP: {error}") from error
        if found.cookies:
            self._outgoing.take_cookies(self._url, found.cookies, self._era)
        if found.status == 407 and self.profile.proxy is not None:
            raise errors.ProxyError(shown, "the proxy wants a user and password (407)", sent=False)
        if self._way is not None:
            self._outgoing.proxies.worked(self._way)
        self._answer = self._answered(shown, found)
        assert self.exchange is not None, "begun"
        self._is_wanted = self.exchange.head(self._answer)

    def _answered(self, shown: str, found: head.Head) -> CurlAnswer:
        return CurlAnswer(shown, found, self._outgoing, self._address)

    # -- in flight -------------------------------------------------------------------------------------

    def look(self, drain_time: float) -> Exception | None:
        """What is wrong with the time it takes: asked several times a second.

        Args:
            drain_time: seconds for a body that nobody wants.
        """
        count, self._seen = self.size - self._seen, self.size
        self._note_pause()
        try:
            if self._trouble is not None and self._is_connected:
                raise self._trouble
            if self._answer is not None and not self._is_wanted and self._pace.age > drain_time and not count:
                return DrainedError()
            assert self.exchange is not None, "begun"
            if self._is_wanted and (unwanted := self.exchange.unwanted) is not None:
                return unwanted
            if not self._is_connected:
                self._pace.connecting()
            elif self._answer is None and not self._has_head:
                self._pace.waiting()
            else:
                if self._answer is None:
                    self._judge()  # without waiting for the first byte of the body
                self._pace.step(count)
            if len(self._lines) > head.INTERIM * head.LINES:
                raise errors.LimitError(self._asked.url, "the head of the answer is too large")
        except errors.TimeoutError as error:
            return self._on_the_way(error)
        except Exception as error:
            return error
        return None

    def _on_the_way(self, error: errors.TimeoutError) -> errors.RequestError:
        """What passed on the way through a proxy was its time, not the server's."""
        proxied = None if self._is_connected else self._proxied
        if proxied is None:
            return error
        told = f"the proxy failed: {error.message}"
        return errors.ProxyError(error.url, told, sent=False, refused=proxied.is_refused)

    @property
    def _has_head(self) -> bool:
        """Whether all of the head came, that of an interim answer aside, and of one that libcurl may answer itself."""
        if not self._lines or self._lines[-1] not in _BLANK:
            return False
        last = next((line for line in reversed(self._lines) if line.startswith(b"HTTP/")), b"")
        return b" 1" not in last[:11] and not (self.profile.digest is not None and b" 401" in last[:13])

    def look_back(self) -> None:
        """It is whole by its framing, and still on its connection.

        libcurl reads as many bytes as were declared; where more came it says nothing, but it does not keep the
        connection, though the server would.
        """
        answer = self._answer
        if answer is None or answer.is_proxied or not self._is_wanted or "content-length" not in answer.headers:
            return
        if self.easy.getinfo(pycurl.ACTIVESOCKET) == -1 and self._is_kept_open(answer):
            self._trouble = errors.LengthError(answer.url, "more bytes came than were declared")

    def _is_kept_open(self, answer: CurlAnswer) -> bool:
        """Whether the server means to (RFC 9112 section 9.3)."""
        first = next(line for line in reversed(self._lines) if line.startswith(b"HTTP/"))
        return first.startswith(b"HTTP/1.1 ") and "close" not in answer.headers.get("connection", "").lower()

    def finish(self, code: int, text: str) -> None:
        """libcurl is done with it: tells the exchange how it ended. `code` 0: whole."""
        exchange, self.exchange = self.exchange, None
        assert exchange is not None, "begun"
        if self._trouble is None and self._answer is None and (code == 0 or self._has_head):
            self._judge_late(exchange)
        trouble = self._ended(code, text)
        if isinstance(trouble, errors.ProxyError):
            self._outgoing.proxies.failed(self._way, trouble)
        exchange.done(trouble)

    def stop(self, why: Exception) -> None:
        """It takes too long."""
        self._trouble = None if isinstance(why, DrainedError) else why
        if self._trouble is None:
            self._is_wanted = False
        self.finish(pycurl.E_WRITE_ERROR, "stopped")

    def _judge_late(self, exchange: Exchange) -> None:
        """An answer without a body."""
        self.exchange = exchange
        del self._lines[head.end(self._lines) :]  # of trailers
        try:
            self._judge()
        except Exception as error:
            self._trouble = error
        self.exchange = None

    def _ended(self, code: int, text: str) -> Exception | None:
        if self._trouble is not None or code == 0:
            return self._trouble
        if self._answer is None:
            try:
                head.check_size(self._lines)
            except head.HeadLimitError as error:
                return _too_large(self._asked.url, error)
            code = pycurl.E_RECV_ERROR if code == pycurl.E_PARTIAL_FILE else code  # cut in its head
        elif not self._is_wanted:
            return None  # the rest of a body that nobody wants
        elif code == pycurl.E_PARTIAL_FILE and "content-length" not in self._answer.headers:
            code = pycurl.E_RECV_ERROR  # cut in a chunk, or between two
        return transfer_trouble(
            code,
            self._outgoing.conceal(text),
            self._asked.url,
            proxied=self._proxied,
            connected=self._is_connected,
            has_head=self._answer is not None,
        )

    @property
    def _proxied(self) -> Proxied | None:
        """How far it came with its proxy, if it has one."""
        if (proxy := self.profile.proxy) is None:
            return None
        get = self.easy.getinfo
        reached, status = get(pycurl.NUM_CONNECTS) > 0, get(pycurl.HTTP_CONNECTCODE)  # CONNECT_TIME comes at the end
        return Proxied(proxy.startswith("https:"), reached, status, get(pycurl.PROXY_ERROR))


def _too_large(url: str, error: Exception) -> errors.LimitError:
    return errors.LimitError(url, f"the head of the answer is too large: {error}")


class DrainedError(Exception):
    """Enough was read of a body that nobody wants."""


def header_lines(outgoing: Outgoing, wire_: Wire, url: str) -> tuple[list[bytes], Any]:
    """The header lines of an exchange as libcurl takes them, and its credentials.

    Raises:
        UnsendableError: a value that cannot be sent.
    """
    found = outgoing.auth(wire_, url)
    headers = outgoing.headers(wire_)
    given = {name.lower() for name in headers}
    if "cookie" not in given and (cookie := outgoing.cookie_header(wire_, url)):
        headers["Cookie"] = cookie
    if found is not None and found.kind != "digest":
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = basic_header(found)
    return [_line(name, value) for name, value in headers.items()], found


def _line(name: str, value: str | None) -> bytes:
    """`Name:` keeps libcurl from sending its own, `Name;` sends an empty value."""
    if value is None:
        return f"{name}:".encode("latin-1")
    return (f"{name}: {value}" if value else f"{name};").encode("latin-1")
