"""Content encodings that nobody asked for, whole, broken, and as bombs (RFC 1952; RFC 9110 section 8.4)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

from scraper import units
from scraper.server.answers import Answer, Response, Scripted
from scraper.server.faults.fault import Count, Place, Size, Value, answered, position
from scraper.server.faults.told import Told, take_apart, whole_body
from scraper.server.line import Line
from scraper.server.request import Request
from scraper.server.site import Answerer

_BLOCK = 1 << 20  # zeros in one block of a bomb
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_DAMAGE = {"crc": -8, "size": -4, "data": -20}  # bytes from the end; the last 8 are CRC32 and ISIZE


@answered
def gzipped(request: Request, inner: Answerer, coding: Value = "gzip") -> Answer:
    """The body is gzip, whole and right; `coding` is what it is called (`x-own`: nobody knows it)."""
    return _coded(inner(request), lambda data: data, coding)


@answered
def gzip_cut(request: Request, inner: Answerer, at: Place = "50%") -> Answer:
    """The body is gzip that ends too early, under a Content-Length that fits what there is."""
    return _coded(inner(request), lambda data: data[: position(at, len(data))])


@answered
def gzip_corrupt(request: Request, inner: Answerer, part: Literal["crc", "size", "data"] = "crc") -> Answer:
    """The body is gzip with a wrong byte in its `crc`, `size` or `data`."""
    at = _DAMAGE[part]
    return _coded(inner(request), lambda data: data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])


@answered
def gzip_tail(request: Request, inner: Answerer, text: str = "and more") -> Answer:
    """The body is gzip, and garbage follows it inside the declared length."""
    return _coded(inner(request), lambda data: data + text.encode())


@answered
def bomb(
    request: Request, inner: Answerer, code: int = 200, size: Size = "256M", layers: Count = 1, to: Value = "/"
) -> Answer:
    """`size` zero bytes as gzip, about a thousandth of that on the wire; `layers: 2` is gzip in gzip.

    With a `code` of 3xx the Location is `to`. What lies beneath gives type and name of a 200.
    """
    beneath = inner(request) if code == 200 else Response(code)
    if request.method == "HEAD" or not isinstance(beneath, Response):
        return beneath
    told = take_apart(beneath)
    told.release()
    location = [("Location", to)] if 300 <= code < 400 else []
    shown = Told(code, (*told.fields, *location, ("Content-Encoding", ", ".join(["gzip"] * layers))), b"")

    def play(line: Line) -> None:
        line.narrow()
        line.send(shown.head(("Connection", "close")))
        line.send_all(_bomb(units.size(size)) if layers == 1 else [_wrapped(units.size(size), layers)])

    return Scripted(play, code)


def _bomb(size: int) -> Iterator[bytes]:
    """A gzip stream of zeros, made while it is sent: one compressed block, again and again."""
    blocks, rest = divmod(size, _BLOCK)
    checksum = 0
    yield _HEADER
    for _ in range(blocks):
        checksum = zlib.crc32(_zeros(), checksum)
        yield _deflated()
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield last.compress(bytes(rest)) + last.flush()
    checksum = zlib.crc32(bytes(rest), checksum)
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


@lru_cache(maxsize=4)
def _wrapped(size: int, layers: int) -> bytes:
    data = b"".join(_bomb(size))
    for _ in range(layers - 1):
        data = gzip.compress(data, 9, mtime=0)
    return data


@lru_cache(maxsize=1)
def _zeros() -> bytes:
    return bytes(_BLOCK)


@lru_cache(maxsize=1)
def _deflated() -> bytes:
    """A block of zeros that any number of others may stand before and after (a full flush)."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(_zeros()) + stream.flush(zlib.Z_FULL_FLUSH)


def _coded(answer: Answer, spoil: Callable[[bytes], bytes], coding: str = "gzip") -> Answer:
    """An answer with its body as gzip, spoiled, under its own length."""
    if not isinstance(answer, Response):
        return answer
    fields = [*take_apart(answer).fields, ("Content-Encoding", coding)]
    return Response(answer.status, fields, spoil(gzip.compress(whole_body(answer), 1, mtime=0)))
