"""Bytes of a connection that are not understood yet: a line of them, a count of them, or a whole head at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scraper.server.refusal import BadRequest

# RFC 9110 section 9.3 and RFC 5789 (PATCH): what is known but not offered is 405, what is not known 501.
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # all but HTAB
# A head as nearly all are: the rules of `line` and of http1's parsers in one expression, which cannot backtrack.
_SIMPLE = re.compile(
    rb"([A-Z]++) ([\x21-\x7e\x80-\xff]++) HTTP/1\.([0-9])\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(r"([^:\r\n]+):([^\r\n]*)\r\n")

Field = tuple[str, str]
StartLine = tuple[str, str, tuple[int, int]]
"""Method, target as sent, version."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost, in bytes and lines. Precedents: nginx and Apache take lines of 8 KiB, Apache
    100 fields; 64 KiB of head and 16 MiB of body are our own."""

    line: int = 8 * 1024
    head: int = 64 * 1024
    fields: int = 100
    body: int = 16 * 1024 * 1024


class Inbox:
    """Bytes not yet understood, and how far they were searched already, so that a slow sender costs no
    more."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._seen = 0

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        """Take what came."""
        self._data += data

    def take(self, count: int) -> bytes:
        """The first bytes, at most so many."""
        data = bytes(self._data[:count])
        del self._data[:count]
        self._seen = 0
        return data

    def head(self, limits: Limits) -> tuple[StartLine, tuple[Field, ...]] | None:
        """A whole head at once, where it came in one piece and nothing is wrong with it; None leaves it to `line`,
        which knows what is."""
        match = _SIMPLE.match(self._data) if not self._seen else None
        if match is None or match.end(3) > limits.line or len(match[4]) > limits.head:
            return None
        fields = _FIELD.findall(match[4].decode("latin-1"))
        method = match[1].decode("ascii")
        if len(fields) > limits.fields or method not in KNOWN_METHODS:
            return None
        line = method, match[2].decode("latin-1"), (1, int(match[3]))
        self.take(match.end())
        return line, tuple([(name, value.strip(" \t")) for name, value in fields])

    def line(self, limit: int, too_long: tuple[int, str]) -> bytes | None:
        """The next line without its CRLF, None where it is not whole; raises BadRequest for a line longer
        than `limit` bytes (as `too_long` says), a bare CR or LF, or a control character (RFC 9112 section
        2.2)."""
        end = self._data.find(b"\n", self._seen, limit + 2)
        stop = end if end >= 0 else min(len(self._data), limit + 2)
        returns = stop > self._seen and self._data[stop - 1] == 0x0D
        text_end = stop - 1 if returns else stop
        if _CONTROL.search(self._data, self._seen, text_end):
            raise BadRequest(400, "a control character in the head")
        if end >= 0 and not returns:
            raise BadRequest(400, "a line that ends without CR")
        if end >= 0:
            return self.take(end + 1)[:-2]
        if len(self._data) >= limit + 2:
            raise BadRequest(*too_long)
        self._seen = text_end
        return None
