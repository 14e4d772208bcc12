"""An answer taken apart: status, fields without those of framing, and a body that can be read from any byte."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scraper.server.answers import FileSlice, Response, render_head
from scraper.server.conditional import write_date

PIECE = 16 * 1024  # bytes; what is said at once, and a chunk
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Told:
    """What would have been said. `body` is bytes or a slice of an open file, which `release` closes."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes | FileSlice

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.count

    def head(self, *fields: tuple[str, str], lines: tuple[bytes, ...] = ()) -> bytes:
        """The head with these fields more, and then `lines` as they are, fit or not."""
        date = ("Date", write_date(time.time()))
        whole = render_head(self.status, [*self.fields, *fields, date, ("Server", "scraper")])
        return b"\r\n".join([whole[:-4], *lines, b"", b""])

    def sized(self, declared: int | None = None, *fields: tuple[str, str]) -> bytes:
        """The head with a Content-Length: the true one unless another is declared."""
        return self.head(("Content-Length", str(self.size if declared is None else declared)), *fields)

    def pieces(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The body from byte `first` to before `end`, in pieces of 16 KiB."""
        end = self.size if end is None else end
        for start in range(first, end, PIECE):
            yield self._read(start, min(PIECE, end - start))

    def whole(self) -> bytes:
        """All of the body."""
        return b"".join(self.pieces())

    def chunks(self, end: int | None = None) -> Iterator[bytes]:
        """The same, each piece as a chunk of the chunked coding, without the last one."""
        for piece in self.pieces(0, end):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)

    def release(self) -> None:
        """Close the file, if it is one."""
        if isinstance(self.body, FileSlice):
            self.body.file.close()

    def _read(self, start: int, count: int) -> bytes:
        if isinstance(self.body, bytes):
            return self.body[start : start + count]
        return os.pread(self.body.file.fileno(), count, self.body.offset + start)


def take_apart(response: Response) -> Told:
    """A response in parts. The stream of one is read to its end."""
    fields = tuple((name, value) for name, value in response.pairs() if name.lower() not in _FRAMING)
    if response.file is not None:
        return Told(response.status, fields, response.file)
    try:
        body = response.body if response.stream is None else b"".join(response.stream)
    finally:
        response.release()
    return Told(response.status, fields, body)


def whole_body(response: Response) -> bytes:
    """All bytes of a response's body; its file is closed."""
    told = take_apart(response)
    try:
        return told.whole()
    finally:
        told.release()
