"""HTTP/1.1 requests out of bytes, with no socket, no clock and no thread in it.

    feed(bytes) -> the inbox -> next_event() -> Head, then Body; or NEED_DATA; or BadRequest is raised

The caller owns the socket and asks again until NEED_DATA. What comes out depends on the bytes alone, never on
how they were cut: every rule below is decided on the shortest prefix that decides it. A reader that raised
BadRequest raises it again for ever, for after a broken request nobody knows where the next one begins.

    START --line--> FIELDS --empty line--> Head --> LENGTH ------------------------> Body --> START
                                                \\-> CHUNK --0--> TRAILERS --------/
                                                    (size line, data, CRLF)

Strict where leniency is how requests are smuggled (RFC 9112 sections 2.2, 5.1, 5.2, 6.3, 11.2): lines end in
CRLF, no folding, no space before a colon, one Host, one way to say how long the body is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from scraper.server.inbox import KNOWN_METHODS, Field, Inbox, Limits
from scraper.server.refusal import BadRequest
from scraper.server.target import Target, is_authority, parse_target

__all__ = ["KNOWN_METHODS", "NEED_DATA", "BadRequest", "Body", "Event", "Head", "Limits", "Reader"]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")  # RFC 9112 section 2.3: case-sensitive, one digit each
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;.*)?", re.DOTALL)
_CHUNK_LINE_MAX = 4 * 1024
_LENGTH_DIGITS_MAX = 18  # beyond every body and below int()'s own limit of digits


class _Need(Enum):
    DATA = "need data"


NEED_DATA: Final = _Need.DATA


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its fields, judged. `fields` are pairs as sent (Latin-1), in order; `version` is
    (1, 0) or (1, n); `length` is that of the body in bytes, None for a chunked one."""

    method: str
    target: Target
    version: tuple[int, int]
    fields: tuple[Field, ...]
    length: int | None
    keep_alive: bool
    expects_continue: bool

    def joined(self) -> dict[str, str]:
        """The fields by their names in lower case; those of one name joined (RFC 9110 section 5.3)."""
        found: dict[str, str] = {}
        for name, value in self.fields:
            key = name.lower()
            found[key] = f"{found[key]}, {value}" if key in found else value
        return found


@dataclass(frozen=True, slots=True)
class Body:
    """The whole body of the request whose Head came before; often empty."""

    data: bytes


Event = Head | Body
_Step = Event | Literal[_Need.DATA] | None  # None: the state changed, go on


class Reader:
    """Requests from one connection's bytes, one after the other."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._inbox = Inbox()
        self._fault: BadRequest | None = None
        self._restart()

    @property
    def idle(self) -> bool:
        """Whether no byte of a next request has arrived."""
        return self._state == self._start and not self._skipped and not len(self._inbox)

    def feed(self, data: bytes) -> None:
        """Take what the peer sent."""
        self._inbox.add(data)

    def rest(self) -> bytes:
        """What came behind the last event; it is not read any more."""
        return self._inbox.take(len(self._inbox))

    def next_event(self) -> Event | Literal[_Need.DATA]:
        """The next Head or Body, or NEED_DATA. Raises BadRequest; any other exception is a bug here."""
        if self._fault:
            raise self._fault
        try:
            while (event := self._state()) is None:
                pass
        except BadRequest as fault:
            self._fault = fault
            raise
        return event

    def _restart(self) -> None:
        self._state: Callable[[], _Step] = self._start
        self._skipped = False
        self._line: tuple[str, str, tuple[int, int]] = ("", "", (1, 1))
        self._fields: list[Field] = []
        self._used = 0  # bytes of the head, or of what surrounds chunks
        self._chunks = bytearray()
        self._size = 0

    def _start(self) -> _Step:
        if not self._skipped and (head := self._inbox.head(self._limits)) is not None:
            return self._begin(*head)
        line = self._inbox.line(self._limits.line, _TARGET_TOO_LONG)
        if line is None:
            return NEED_DATA
        if not line and not self._skipped:  # RFC 9112 section 2.2: at least one empty line is ignored
            self._skipped = True
            return None
        self._line = parse_request_line(line)
        self._state = self._read_fields
        return None

    def _read_fields(self) -> _Step:
        line = self._field_line()
        if line is None:
            return NEED_DATA
        return None if line else self._begin(self._line, tuple(self._fields))

    def _begin(self, line: tuple[str, str, tuple[int, int]], fields: tuple[Field, ...]) -> Head:
        """Judge what is a whole head, and make ready for its body."""
        head = judge(*line, fields)
        if head.length is not None and head.length > self._limits.body:
            raise BadRequest(413, "the body is too large")
        self._size, self._used = head.length or 0, 0
        self._state = self._chunk_size if head.length is None else self._sized_body
        return head

    def _field_line(self) -> bytes | None:
        """One line of fields, kept unless empty; None where it is not whole."""
        line = self._inbox.line(self._limits.head - self._used, _FIELDS_TOO_LARGE)
        if line:
            self._used += len(line) + 2
            self._fields.append(parse_field(line))
            if len(self._fields) > self._limits.fields or self._used > self._limits.head:
                raise BadRequest(*_FIELDS_TOO_LARGE)
        return line

    def _sized_body(self) -> _Step:
        if len(self._inbox) < self._size:
            return NEED_DATA
        return self._finish(self._inbox.take(self._size))

    def _finish(self, data: bytes) -> Body:
        self._restart()
        return Body(data)

    def _chunk_size(self) -> _Step:
        line = self._inbox.line(_CHUNK_LINE_MAX, (400, "a chunk's size line is too long"))
        if line is None:
            return NEED_DATA
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise BadRequest(400, "a chunk's size is not a hexadecimal number")
        self._chunk_cost(len(line), int(match[1], 16))
        self._state = self._chunk_data if self._size else self._trailers
        if not self._size:
            self._used, self._fields = 0, []
        return None

    def _chunk_cost(self, line: int, size: int) -> None:
        """Bound the body, and what it takes to say it: long extensions on tiny chunks are an attack."""
        self._size = size
        self._used += line
        total = len(self._chunks) + size
        if total > self._limits.body or self._used > self._limits.head + total:
            raise BadRequest(413, "the body is too large")

    def _chunk_data(self) -> _Step:
        if len(self._inbox) < self._size + 2:
            return NEED_DATA
        data = self._inbox.take(self._size + 2)
        if not data.endswith(b"\r\n"):
            raise BadRequest(400, "a chunk does not end where its size says")
        self._chunks += data[:-2]
        self._state = self._chunk_size
        return None

    def _trailers(self) -> _Step:
        line = self._field_line()
        if line is None:
            return NEED_DATA
        return None if line else self._finish(bytes(self._chunks))


_TARGET_TOO_LONG = (414, "the request line is too long")
_FIELDS_TOO_LARGE = (431, "the fields are too large or too many")


def parse_request_line(line: bytes) -> tuple[str, str, tuple[int, int]]:
    """Method, raw target and version; raises BadRequest 400, 501 (method) or 505 (version)."""
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[1]:
        raise BadRequest(400, "the request line is not METHOD target HTTP/1.1")
    version = _VERSION.fullmatch(parts[2])
    if not version or not _TOKEN.fullmatch(parts[0]):
        raise BadRequest(400, "the request line is not METHOD target HTTP/1.1")
    if version[1] != b"1":
        raise BadRequest(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    method = parts[0].decode("ascii")
    if method not in KNOWN_METHODS:
        raise BadRequest(501, "the method is not known here")
    return method, parts[1].decode("latin-1"), (1, int(version[2]))


def parse_field(line: bytes) -> Field:
    """Name and value of a field line; folding and a space before the colon are no names (RFC 9112 section
    5)."""
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise BadRequest(400, "a field line is not Name: value")
    return name.decode("ascii"), value.strip(b" \t").decode("latin-1")


def judge(method: str, raw: str, version: tuple[int, int], fields: tuple[Field, ...]) -> Head:
    """The Head of a request whose fields fit together; raises BadRequest where they do not."""
    index: dict[str, list[str]] = {}
    for name, value in fields:
        index.setdefault(name.lower(), []).append(value)
    _check_host(version, index.get("host", []))
    length = body_length(version, index)
    return Head(
        method,
        parse_target(method, raw),
        version,
        fields,
        length,
        _keeps_alive(version, _listed(index, "connection")),
        _expects(version, index, length),
    )


def body_length(version: tuple[int, int], index: dict[str, list[str]]) -> int | None:
    """Bytes of the body, None for chunked (RFC 9112 section 6.3).

    Raises BadRequest: 400 for both ways at once, for lengths that are no number or differ, for `chunked`
    that is not last; 501 for a transfer coding that is not chunked.
    """
    if "transfer-encoding" in index:
        if "content-length" in index or version < (1, 1):
            raise BadRequest(400, "Transfer-Encoding does not go with Content-Length or HTTP/1.0")
        _check_codings(_listed(index, "transfer-encoding"))
        return None
    if "content-length" not in index:
        return 0
    lengths = {text.strip(" \t") for value in index["content-length"] for text in value.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise BadRequest(400, "Content-Length is not one number")
    if len(length) > _LENGTH_DIGITS_MAX:
        raise BadRequest(413, "the body is too large")
    return int(length)


def _check_codings(codings: list[str]) -> None:
    if not codings or "chunked" in codings[:-1]:
        raise BadRequest(400, "Transfer-Encoding must end in chunked, once")
    if codings != ["chunked"]:
        raise BadRequest(501, "the only transfer coding here is chunked")


def _check_host(version: tuple[int, int], hosts: list[str]) -> None:
    """RFC 9112 section 3.2: exactly one in HTTP/1.1, never several, never something that is no host."""
    if len(hosts) > 1 or (not hosts and version >= (1, 1)) or not all(map(is_authority, hosts)):
        raise BadRequest(400, "there must be one Host field with a host in it")


def _expects(version: tuple[int, int], index: dict[str, list[str]], length: int | None) -> bool:
    """RFC 9110 section 10.1.1: whether to say 100 first; an HTTP/1.0 client's wish is ignored."""
    wishes = _listed(index, "expect")
    if not wishes or version < (1, 1):
        return False
    if wishes != ["100-continue"]:
        raise BadRequest(417, "the only expectation met here is 100-continue")
    return length != 0


def _keeps_alive(version: tuple[int, int], options: list[str]) -> bool:
    """RFC 9112 section 9.3: 1.1 persists unless told, 1.0 only if told."""
    return "close" not in options and (version >= (1, 1) or "keep-alive" in options)


def _listed(index: dict[str, list[str]], name: str) -> list[str]:
    """The members of a list field, in lower case, empty ones left out (RFC 9110 section 5.6.1)."""
    if name not in index:
        return []
    members = (part.strip(" \t").lower() for value in index[name] for part in value.split(","))
    return [member for member in members if member]
