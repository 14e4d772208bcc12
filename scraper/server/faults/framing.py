"""Lengths and chunks that do not say where the body ends (RFC 9112 sections 6 and 7)."""

from __future__ import annotations

from dataclasses import replace

from scraper.server.answers import Answer, Response, Scripted
from scraper.server.faults.fault import Place, answered, position, spoken
from scraper.server.faults.told import PIECE, Told, take_apart, whole_body
from scraper.server.line import Line
from scraper.server.request import Request
from scraper.server.site import Answerer

_CHUNKED = ("Transfer-Encoding", "chunked")
_SECOND = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
_LAST = b"0\r\n\r\n"


@spoken
def length(line: Line, told: Told, by: int = 100) -> None:
    """Content-Length is `by` bytes too large (the body is short), or too small (the body is long)."""
    _at_once(line, told, told.sized(max(0, told.size + by)))


@spoken
def bad_length(line: Line, told: Told, value: str = "-5") -> None:
    """Content-Length is `value`; the body is whole, and the connection closes after it."""
    _at_once(line, told, told.head(lines=(b"Content-Length: " + value.encode(),)))


@spoken
def two_lengths(line: Line, told: Told, by: int = 1) -> None:
    """The true Content-Length, and another one that is `by` bytes larger."""
    _at_once(line, told, told.sized(None, ("Content-Length", str(told.size + by))))


@spoken
def length_and_chunks(line: Line, told: Told, by: int = -1) -> None:
    """Chunked, and a Content-Length beside it that is `by` bytes wrong (RFC 9112 section 6.3: chunked wins)."""
    line.send(told.sized(max(0, told.size + by), _CHUNKED))
    line.send_all(told.chunks())
    line.send(_LAST)


@answered
def surplus(request: Request, inner: Answerer, text: str = _SECOND) -> Answer:
    """The body is as long as declared, and a second answer, which nobody asked for, follows on a connection that
    stays."""
    answer = inner(request)
    if request.method == "HEAD" or not isinstance(answer, Response):
        return answer
    told, body = take_apart(replace(answer, file=None)), whole_body(answer)
    said = replace(told, body=body).sized() + body + text.encode()
    return Scripted(lambda line: line.send(said), told.status, close=not request.head.keep_alive)


@spoken
def no_length(line: Line, told: Told, at: Place = "100%") -> None:
    """The end of the connection is the end of the body; with `at` it comes too early, and nothing tells."""
    line.send(told.head(("Connection", "close")))
    line.send_all(told.pieces(0, position(at, told.size)))


@spoken
def chunk_cut(line: Line, told: Told, at: Place = "50%") -> None:
    """Chunked, and the connection closes inside a chunk."""
    end = position(at, told.size)
    line.send(told.head(_CHUNKED))
    line.send_all(told.chunks(end))
    rest = next(told.pieces(end, min(end + PIECE, told.size)), b"")
    line.send(b"%x\r\n%b" % (len(rest) + 1, rest))


@spoken
def chunk_end(line: Line, told: Told, at: Place = "50%") -> None:
    """Chunked, and the connection closes after a chunk."""
    line.send(told.head(_CHUNKED))
    line.send_all(told.chunks(position(at, told.size)))


@spoken
def no_last_chunk(line: Line, told: Told) -> None:
    """Chunked, every byte comes, and the chunk that says so does not."""
    line.send(told.head(_CHUNKED))
    line.send_all(told.chunks())


@spoken
def bad_chunk(line: Line, told: Told, size: str = "xyz", at: Place = "50%") -> None:
    """Chunked, and after `at` of it a chunk's size is `size`: no number, negative, huge."""
    end = position(at, told.size)
    line.send(told.head(_CHUNKED))
    line.send_all(told.chunks(end))
    line.send(size.encode() + b"\r\n")
    line.send_all(told.pieces(end))
    line.send(b"\r\n" + _LAST)


def _at_once(line: Line, told: Told, head: bytes) -> None:
    """A small answer in one packet, so that what is too much of it comes together with the rest."""
    if told.size <= PIECE:
        line.send(head + told.whole())
        return
    line.send(head)
    line.send_all(told.pieces())
