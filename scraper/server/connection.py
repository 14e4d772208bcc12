"""One connection: requests in, answers out, until somebody has had enough.

    idle --first byte--> head --> body --> answer --+--> idle          (keep-alive, pipelined requests too)
      |                   |         |               +--> linger --> closed
      +--(idle deadline)  +---------+--(deadline: 408)

Deadlines are for a whole phase, not for one recv: a client that sends a byte a second does not stay.
Sending has a deadline only between two bits of progress, for a slow reader is no enemy.

Lingering: a socket that is closed with unread bytes in it sends a reset, and the reset may overtake the
answer. So after the last answer our side is closed, the peer's bytes are read away for a moment, and then
the socket goes.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from scraper.server.access import Access
from scraper.server.answers import Answer, FileSlice, Framing, Raw, Response, Scripted, frame, refuse
from scraper.server.conditional import write_date
from scraper.server.http1 import NEED_DATA, Body, Head, Limits, Reader
from scraper.server.line import Line, awaited
from scraper.server.refusal import BadRequest
from scraper.server.request import Memory, Request
from scraper.server.site import Site
from scraper.server.tls import TlsSocket

_log = logging.getLogger("scraper.server")

_BUG = BadRequest(500, "the route of this path has a bug; the log of the server has it")
_PLAIN = BadRequest(400, "this port speaks https, and the request came as plain http; write https:// in its URL")
_SMALL = 64 * 1024  # up to here a file goes out in one piece with its head: one system call, one packet train


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: for a whole head, a whole body, between two requests, without progress in sending, of
    lingering, for a TLS handshake.

    10 and 15 are what stops a client that drips its head (slowloris) without hurting a slow line.
    """

    head: float = 10.0
    body: float = 60.0
    idle: float = 15.0
    send: float = 30.0
    linger: float = 1.0
    handshake: float = 10.0


@dataclass(frozen=True)
class Seen:
    """A request that was understood, for tests to read. `when` is monotonic seconds; `status` 0 where the answer
    tells none."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    when: float
    port: int


@dataclass(frozen=True)
class Surroundings:
    """What every connection of one server shares."""

    site: Site
    url: str
    memory: Memory
    deadlines: Deadlines
    limits: Limits
    note: Callable[[Seen], None]
    access: Callable[[Access], None] | None = None


class Connection:
    """Serves one accepted socket. `run` returns when it is closed; it raises nothing."""

    def __init__(self, sock: socket.socket, peer: tuple[str, int], around: Surroundings) -> None:
        self._sock = sock
        self._peer = peer
        self._around = around
        self._reader = Reader(around.limits)
        self._line = Line(sock, around.deadlines.send, self._reader.rest)

    def run(self) -> None:
        """Answer requests until the connection ends."""
        try:
            with self._sock:
                self._sock.setblocking(False)
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._around.site.welcomes(self._sock.getsockname()[:2]) and self._is_secured():
                    self._converse()
        except OSError as fault:  # the peer is gone or does not read: nobody to tell, and no bug of ours
            _log.debug("%s:%d: connection lost: %r", *self._peer, fault)
        except Exception:
            _log.exception("%s:%d: a bug while an answer was sent", *self._peer)

    def _is_secured(self) -> bool:
        """Shake hands, where this is TLS; false where the peer speaks plain HTTP, and is told so."""
        if not isinstance(self._sock, TlsSocket):
            return True
        if self._sock.shakes_hands(time.monotonic() + self._around.deadlines.handshake):
            return True
        _log.info("%s:%d: refused: plain HTTP on a port for https", *self._peer)
        with self._sock.laid_bare() as self._sock:
            self._line = Line(self._sock, self._around.deadlines.send)
            self._send_response(refuse(_PLAIN), "GET", (1, 1), close=True)
            self._linger()
        return False

    def _converse(self) -> None:
        try:
            while self._exchange():
                pass
        except BadRequest as fault:
            _log.info("%s:%d: refused: %s", *self._peer, fault)
            self._refuse(fault)
        self._linger()

    def _refuse(self, fault: BadRequest) -> None:
        """Answer what is no request, as the last thing on this connection."""
        before = self._line.sent
        try:
            self._send_response(refuse(fault), "GET", (1, 1), close=True)
        finally:
            if self._around.access is not None:
                self._around.access(Access(self._peer[0], None, fault.status, self._line.sent - before))

    def _exchange(self) -> bool:
        """One request and its answer; false where it was the last."""
        head = self._await_head()
        if head is None:
            return False
        when = time.monotonic()
        request = self._request(head, self._await_body(head))
        answer = self._answer(request)
        self._note(request, answer, when)
        if self._around.access is None:
            return self._deliver(answer, head)
        before = self._line.sent
        try:
            return self._deliver(answer, head)
        finally:
            self._around.access(Access(self._peer[0], head, answer.status, self._line.sent - before))

    def _deliver(self, answer: Answer, head: Head) -> bool:
        """Send an answer; false where it was the last of its connection."""
        if isinstance(answer, Raw):
            return self._send_raw(answer)
        if isinstance(answer, Scripted):
            answer.play(self._line)
            return self._line.is_open and not answer.close
        return self._send_response(answer, head.method, head.version, not head.keep_alive or self._stopping)

    @property
    def _stopping(self) -> bool:
        return self._around.memory.stopping.is_set()

    def _request(self, head: Head, body: bytes) -> Request:
        return Request(head, body, self._peer, self._around.url, self._around.memory, self._line)

    def _answer(self, request: Request) -> Answer:
        try:
            return self._around.site.answer(request)
        except BadRequest as fault:
            return refuse(fault)
        except Exception:
            _log.exception("a bug in the route of %s %s", request.method, request.target)
            return refuse(_BUG)

    def _note(self, request: Request, answer: Answer, when: float) -> None:
        fields = list(request.head.fields)
        seen = Seen(request.method, request.target, fields, request.body, answer.status, when, self._peer[1])
        self._around.note(seen)
        _log.info("%s:%d: %s %s %d", *self._peer, seen.method, seen.target, seen.status)

    # Receiving

    def _await_head(self) -> Head | None:
        """The next head; None where the peer is done or was silent for too long."""
        if self._reader.idle and not self._receive(self._around.deadlines.idle + time.monotonic()):
            return None
        until = self._around.deadlines.head + time.monotonic()
        while (event := self._reader.next_event()) is NEED_DATA:
            if not self._receive(until):
                raise self._cut_short()
        assert isinstance(event, Head)
        return event

    def _await_body(self, head: Head) -> bytes:
        until = self._around.deadlines.body + time.monotonic()
        told = not head.expects_continue
        while (event := self._reader.next_event()) is NEED_DATA:
            if not told:
                self._line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                told = True
            if not self._receive(until):
                raise self._cut_short()
        assert isinstance(event, Body)
        return event.data

    def _receive(self, until: float) -> bool:
        """Feed what comes; false at the end of the stream or of the time."""
        data = self._read(until)
        self._timed_out = data is None
        self._reader.feed(data or b"")
        return bool(data)

    def _read(self, until: float) -> bytes | None:
        """What came, empty at the end of the stream; None at the end of the time."""
        while True:
            try:
                return self._sock.recv(_SMALL)
            except BlockingIOError as busy:
                if not self._line.ready(awaited(busy, select.POLLIN), until):
                    return None

    def _cut_short(self) -> BadRequest:
        if self._timed_out:
            return BadRequest(408, "the request took too long")
        return BadRequest(400, "the request ends before its end")

    # Sending

    def _send_response(self, response: Response, method: str, version: tuple[int, int], close: bool) -> bool:
        """Send it; whether the connection may be used again."""
        try:
            sent, framing = self._frame(response, method, version, close)
            sent_whole = self._send_body(sent, framing)
            return sent_whole and not framing.close
        finally:
            response.release()

    def _frame(
        self, response: Response, method: str, version: tuple[int, int], close: bool
    ) -> tuple[Response, Framing]:
        """The response and its framing; 500 in place of one whose headers would break out of their lines."""
        date = write_date(time.time())
        try:
            return response, frame(response, method, version, close, date)
        except ValueError:
            _log.exception("a bug in a route: its answer cannot be sent")
            bug = refuse(_BUG)
            return bug, frame(bug, method, version, close, date)

    def _send_body(self, response: Response, framing: Framing) -> bool:
        if not framing.sends_body:
            self._line.send(framing.head)
            return True
        if response.file is not None:
            return self._send_file(framing.head, response.file)
        if response.stream is None:
            self._line.send(framing.head + response.body)
            return True
        self._line.send(framing.head)
        for piece in response.stream:
            if piece:
                self._line.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framing.chunked else piece)
        if framing.chunked:
            self._line.send(b"0\r\n\r\n")
        return True

    def _send_file(self, head: bytes, part: FileSlice) -> bool:
        """False where the file became shorter than its head says: then only closing tells the client."""
        if part.count <= _SMALL:
            data = os.pread(part.file.fileno(), part.count, part.offset)
            self._line.send(head + data)
            return len(data) == part.count
        self._line.send(head)
        return self._line.send_file(part.file, part.offset, part.count) == part.count

    def _send_raw(self, raw: Raw) -> bool:
        for piece in raw.pieces():
            self._line.send(piece)
        if raw.hook is not None:
            self._sock.setblocking(True)
            raw.hook(self._sock)
        if self._sock.fileno() >= 0:  # a hook may close it
            self._sock.setblocking(False)
        return not raw.close

    def _linger(self) -> None:
        if self._sock.fileno() < 0:
            return
        until = time.monotonic() + self._around.deadlines.linger
        self._line.finish()
        while not self._stopping and self._read(until):
            pass
