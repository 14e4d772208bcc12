"""One call of an application: from the request to an answer.

Most answers are a `Response` whose stream is what the application returned. One that was begun by `write()`, the
old way, is partly out before the application returns; then the answer is a `Scripted` that says the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from scraper.server.answers import Answer, Response, Scripted, frame
from scraper.server.conditional import write_date
from scraper.server.line import Line
from scraper.server.request import Request
from scraper.server.wsgi.environ import Environ, make_environ
from scraper.server.wsgi.pieces import Meter, Pieces
from scraper.server.wsgi.start import Start

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_log = logging.getLogger("scraper.server")


def answer_wsgi(app: Application, request: Request, script: str, path: str) -> Answer:
    """What an application mounted at `script` answers to `path`, both decoded.

    Raises what it raises before its first piece, and ValueError, TypeError or AssertionError where it breaks PEP 3333.
    """
    try:
        return _Call(request).answer(app, make_environ(request, script, path))
    except SystemExit as fault:  # it would end a thread without a word
        raise RuntimeError(f"the application called sys.exit({fault.code!r})") from fault


class _Call:
    """Between start_response and the end of the answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._start: Start | None = None
        self._written: _Written | None = None
        self._sent = False  # whether the head is out, or as good as out

    def answer(self, app: Application, environ: Environ) -> Answer:
        try:
            pieces = Pieces(app(environ, self._start_response))
        except Exception:
            if self._written is None:
                raise
            return self._written.broken()
        try:
            if self._written is not None:
                return self._written.rest(pieces)
            return self._response(pieces)
        except BaseException:
            pieces.close()
            raise

    def _response(self, pieces: Pieces) -> Response:
        pieces.begin()
        if self._start is None:
            raise AssertionError("the application did not call start_response")
        self._sent = True
        file = pieces.slice(self._start.length)
        if file is not None:
            return self._start.response(file=file)
        whole = pieces.whole()
        if whole is None or self._start.length is not None or self._request.method == "HEAD":
            return self._start.response(stream=pieces.metered(Meter(self._start.length)))
        pieces.close()
        return self._start.response(whole)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is None and self._start is not None:
            raise AssertionError("start_response was called twice, the second time without exc_info")
        if exc_info is not None and exc_info[1] is not None and self._sent:
            try:
                raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through this frame
        self._start = Start(status, headers)
        return self._write

    def _write(self, data: bytes) -> None:
        if self._written is None:
            assert self._start is not None  # who has this function called start_response
            self._sent = True
            self._written = _Written(self._request, self._start)
        self._written.send(data)


class _Written:
    """An answer that is said while the application runs."""

    def __init__(self, request: Request, start: Start) -> None:
        if request.line is None:
            raise RuntimeError("write() needs a connection to write to")
        self._line: Line = request.line
        self._status = start.status
        self._meter = Meter(start.length)
        close = not request.head.keep_alive or request.memory.stopping.is_set()
        whole = start.response(stream=())
        self._framing = frame(whole, request.method, request.head.version, close, write_date(time.time()))
        self._line.send(self._framing.head)

    def send(self, data: bytes) -> None:
        """One piece, now."""
        piece = self._meter.allow(data)
        if piece and self._framing.sends_body:
            self._line.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self._framing.chunked else piece)

    def rest(self, pieces: Pieces) -> Scripted:
        """What the application returned after all it wrote, and the end."""

        def play(line: Line) -> None:
            try:
                pieces.begin()
                for piece in pieces if self._framing.sends_body else ():
                    self.send(piece)
                if self._framing.sends_body:
                    self._meter.end()
                if self._framing.sends_body and self._framing.chunked:
                    line.send(b"0\r\n\r\n")
            finally:
                pieces.close()

        return Scripted(play, self._status, self._framing.close)

    def broken(self) -> Scripted:
        """The application failed: the answer ends without its end."""
        _log.exception("a WSGI application failed after it had begun to answer")
        return Scripted(lambda line: None, self._status, close=True)
