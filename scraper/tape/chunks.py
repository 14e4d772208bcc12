"""A body without its chunks (RFC 9112 section 7.1), in pieces, however long a chunk is. Pure.

    for piece in pieces: out += chunks.feed(piece)
    out += chunks.end()

A body that does not begin with a chunk's size stays as it is: many an archive keeps `Transfer-Encoding: chunked`
before a body that is without chunks already.
"""

from __future__ import annotations

import re

__all__ = ["Chunks"]

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")
_LINE_MAX = 4 * 1024  # as the bundled server takes it


class Chunks:
    """Takes a body in, gives it without chunks.

    Attributes:
        plain: whether it never had any; whole: whether the last chunk came.
    """

    def __init__(self) -> None:
        self.plain = self.whole = False
        self._held = b""
        self._left = 0  # of the chunk that is being read
        self._over = False  # a chunk's data are read, and not yet the CRLF behind them
        self._began = False
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        """What a piece adds to the body. Behind the last chunk, and behind what is no chunk, nothing is taken."""
        if self.plain:
            return data
        if self.whole or self._broken:
            return b""
        data, at, out = self._held + data, 0, []
        while at < len(data) and not (self.plain or self.whole or self._broken):
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                self._over = not self._left
                at += len(piece)
                out.append(piece)
                continue
            end = data.find(b"\n", at)
            if end < 0 and len(data) - at <= _LINE_MAX:
                break
            self._line(data[at : end + 1])
            at = end + 1
        if self.plain:
            return data
        self._held = data[at:]
        return b"".join(out)

    def end(self) -> bytes:
        """No more comes; what was held back of a body that has no chunks."""
        if self._began or self.plain:
            return b""
        self.plain = True
        return self._held

    def _line(self, line: bytes) -> None:
        ends = line.endswith(b"\r\n")
        if self._over:
            self._over, self._broken = False, line != b"\r\n"
        elif ends and (size := _SIZE.fullmatch(line[:-2])):
            self._began, self._left = True, int(size[1], 16)
            self.whole = not self._left
        else:
            self.plain = not self._began
            self._broken = self._began
