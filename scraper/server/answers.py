"""Answers as values, and how their heads are written (RFC 9112 sections 4 to 6).

A `Response` has one of three bodies: bytes, a slice of an open file, or a stream of pieces. `frame` decides
how its end is told: by Content-Length, by chunks, or by closing (to HTTP/1.0). A `Raw` is what a fault test
wants the client to see, byte for byte; nothing about it is checked. A `Scripted` talks over the connection
itself: the faults of `faults/` that need more than bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, BinaryIO

from scraper.server.line import Line
from scraper.server.refusal import BadRequest

Pairs = tuple[tuple[str, str], ...]

REASONS = {int(status): status.phrase for status in HTTPStatus}
_NO_BODY = frozenset({204, 304})  # RFC 9110 sections 15.3.5 and 15.4.5; their length is not told either
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FileSlice:
    """`count` bytes of an open file, from byte `offset`. Who sends the answer closes the file."""

    file: BinaryIO
    offset: int
    count: int


@dataclass(frozen=True)
class Response:
    """An answer. `headers` is a mapping or pairs; `stream` or `file`, where given, is the body instead of
    `body`. Who sends it closes either, also a stream that has a `close` method. `reason` is the text of the status
    line, where it is not the usual one."""

    status: int = 200
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    body: bytes = b""
    stream: Iterable[bytes] | None = None
    file: FileSlice | None = None
    reason: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """The headers as pairs, in order."""
        return list(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)

    def release(self) -> None:
        """Close what the body comes from."""
        if self.file is not None:
            self.file.file.close()
        getattr(self.stream, "close", _nothing)()


def _nothing() -> None:
    """What there is to close in a list."""


@dataclass(frozen=True)
class Raw:
    """Bytes for the socket as they are, for tests of what servers do wrong.

    `data` is written piece by piece, then `hook(sock)` is called with the socket, which may do with it what
    it wants (reset it, stall, close it), then the connection closes unless `close` is false. `status` is
    only for the log.
    """

    data: bytes | Iterable[bytes] = b""
    close: bool = True
    hook: Callable[[Any], None] | None = None
    status: int = 0

    def pieces(self) -> Iterable[bytes]:
        """The bytes to write, in order."""
        return (self.data,) if isinstance(self.data, bytes) else self.data


@dataclass(frozen=True)
class Scripted:
    """An answer that `play` gives itself, over the connection beneath HTTP: when, how fast, how far.

    The connection closes after it, unless `close` is false. `status` is only for the log.
    """

    play: Callable[[Line], None]
    status: int = 0
    close: bool = True


Answer = Response | Raw | Scripted


@dataclass(frozen=True, slots=True)
class Framing:
    """How the end of a body is told: the head to send, whether the body is sent, in chunks, and then
    closed."""

    head: bytes
    sends_body: bool
    chunked: bool
    close: bool


def frame(response: Response, method: str, version: tuple[int, int], close: bool, date: str) -> Framing:
    """The head of `response` to a request of this method and version; raises ValueError for an unfit
    header."""
    fields = response.pairs()
    given = {name.lower() for name, _ in fields}
    length = _length(response)
    silent = response.status in _NO_BODY
    chunked = length is None and "content-length" not in given and not silent and version >= (1, 1)
    endless = length is None and "content-length" not in given and not silent and not chunked
    close = close or endless
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    elif length is not None and not silent and "content-length" not in given:
        fields.append(("Content-Length", str(length)))
    fields += _general(given, version, close, date)
    head = render_head(response.status, fields, response.reason)
    return Framing(head, method != "HEAD" and not silent, chunked, close)


def is_fit(value: str, name: str = "X") -> bool:
    """Whether this can be sent as a field, or as a reason: it does not break out of its line, and `name` is one."""
    return _NAME.fullmatch(name) is not None and _UNFIT.search(value) is None


def render_head(status: int, fields: Iterable[tuple[str, str]], reason: str = "") -> bytes:
    """A status line and its fields; raises ValueError where one would break out of its line."""
    if _UNFIT.search(reason):
        raise ValueError(f"not fit for a status line: {reason!r}")
    lines = [f"HTTP/1.1 {status} ".encode("ascii") + _encode(reason or REASONS.get(status, "Unknown"))]
    for name, value in fields:
        if _UNFIT.search(value):
            raise ValueError(f"not fit for a header: {name!r}: {value!r}")
        lines.append(_prefix(name) + _encode(value))
    return b"\r\n".join(lines) + b"\r\n\r\n"


@lru_cache(1024)
def _prefix(name: str) -> bytes:
    """The begin of a field's line; raises ValueError for what is no name. Names are few and come again."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not fit for the name of a header: {name!r}")
    return f"{name}: ".encode("ascii")


def refuse(fault: BadRequest) -> Response:
    """The answer to a request that is refused: a small page with the status and the reason."""
    title = f"{fault.status} {REASONS.get(fault.status, 'Refused')}"
    page = f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{html.escape(fault.reason)}</p>\n"
    return Response(fault.status, (("Content-Type", HTML), *fault.headers), page.encode("utf-8"))


HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"


def _length(response: Response) -> int | None:
    if response.file is not None:
        return response.file.count
    return None if response.stream is not None else len(response.body)


def _general(given: set[str], version: tuple[int, int], close: bool, date: str) -> list[tuple[str, str]]:
    fields = [("Date", date), ("Server", "scraper")]
    if close:
        fields.append(("Connection", "close"))
    elif version < (1, 1):
        fields.append(("Connection", "keep-alive"))
    return [field for field in fields if field[0].lower() not in given]


def _encode(value: str) -> bytes:
    """Latin-1 as headers are read, UTF-8 for what has no place in it, as many servers do."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
