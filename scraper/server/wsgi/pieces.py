"""The body of an application's answer: what it returned, piece by piece, and held to what it declared."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from scraper.server.answers import FileSlice
from scraper.server.wsgi.environ import FileWrapper

_log = logging.getLogger("scraper.server")


class Meter:
    """Counts a body against its Content-Length; None lets anything pass."""

    def __init__(self, declared: int | None) -> None:
        self._declared = self._left = declared

    def allow(self, piece: Any) -> bytes:
        """What of a piece may go out; what is beyond the length is cut off, and the log says so."""
        if not isinstance(piece, bytes):
            raise TypeError(f"a WSGI application gave {type(piece).__name__}, not bytes")
        if self._left is None:
            return piece
        if len(piece) > self._left:
            _log.error("a WSGI application gives more than its Content-Length of %d; it is cut", self._declared)
        fit = piece[: self._left]
        self._left -= len(fit)
        return fit

    @property
    def full(self) -> bool:
        """Whether nothing more may go out."""
        return self._left == 0

    def end(self) -> None:
        """Raises ValueError where something is missing: only closing the connection tells that."""
        if self._left:
            raise ValueError(f"a WSGI application gave {self._left} bytes less than its Content-Length")


class Pieces:
    """The body, for one reading; whoever sends it closes it."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self._iterator: Iterator[Any] = iter(())
        self._first = b""
        self._meter = Meter(None)

    def begin(self) -> None:
        """Ask until a piece holds something or there is no more: only then may the head go out."""
        if self.file is not None:
            return
        self._iterator = iter(self._result)
        for piece in self._iterator:
            self._first = Meter(None).allow(piece)
            if self._first:
                return

    @property
    def file(self) -> FileWrapper | None:
        """The wrapper of a plain file, which is sent without being read here."""
        wrapped = isinstance(self._result, FileWrapper) and self._result.rest() is not None
        return self._result if wrapped else None

    def slice(self, declared: int | None) -> FileSlice | None:
        """The file's bytes from where it stands, as many as are declared."""
        rest = self.file.rest() if self.file is not None else None
        if self.file is None or rest is None:
            return None
        return FileSlice(self.file.file, rest[0], rest[1] if declared is None else declared)

    def whole(self) -> bytes | None:
        """The body where it is known without asking further: one piece of a list, or nothing at all."""
        alone = isinstance(self._result, list | tuple) and len(self._result) == 1
        return self._first if alone or not self._first else None

    def metered(self, meter: Meter) -> Pieces:
        """The same, held to a length."""
        self._meter = meter
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield self._meter.allow(self._first)
        while not self._meter.full and (piece := next(self._iterator, None)) is not None:
            yield self._meter.allow(piece)
        self._meter.end()

    def close(self) -> None:
        """Tell the application that its answer is over (PEP 3333)."""
        getattr(self._result, "close", lambda: None)()
