"""The head of an answer: read from its lines, and whether it says clearly where its body ends. Pure.

http.client takes what it can get, and so does libcurl: where a length or a coding cannot
be read they read on to the end of the connection, so that a cut body counts as whole. RFC
9112 section 6.3 calls that an error that cannot be mended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_LENGTH = re.compile(r"[0-9]{1,18}(?:[ \t]*,[ \t]*[0-9]{1,18})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_STATUS = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: (.*))?", re.ASCII)
BODILESS = (204, 304)
"""Statuses that never have a body, whatever their heads say (RFC 9112 section 6.3)."""
LINES = 100
"""Header lines of one answer; http.client's bound too."""
INTERIM = 20
"""Interim answers (1xx) before the real one."""
BYTES = 256 * 1024
"""Of all lines together; more than four times what common servers send at most."""
LINE = 64 * 1024
"""Bytes of one line; http.client's bound too."""


class Head(NamedTuple):
    """Status, reason and headers as they came, Latin-1: names in lower case, a repeated one joined with ", ".

    `cookies` are the values of Set-Cookie, which cannot be joined (RFC 6265 section 3), also those of a challenge;
    `is_plain`: whether all of it is known to be printable ASCII.
    """

    status: int
    reason: str
    headers: dict[str, str]
    cookies: tuple[str, ...] = ()
    is_plain: bool = False


class BadHeadError(ValueError):
    """What came is no head; the message says why."""


class HeadLimitError(ValueError):
    """The head is larger than any honest one."""


def read(lines: Sequence[bytes]) -> Head:
    """The last head among lines that came: those of interim answers and of challenges stand before it.

    Raises:
        BadHeadError, HeadLimitError: it is none, or too large.
    """
    if lines and (found := _quick(lines)) is not None:
        return found
    starts = check_size(lines)
    if not starts:
        raise BadHeadError("no status line")
    if len(lines) - starts[-1] > LINES + 2:
        raise HeadLimitError(f"more than {LINES} header lines")
    if lines[-1] not in (b"\r\n", b"\n"):
        raise BadHeadError("it is cut in its head")
    heads = [_decoded(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    found = _read(heads[-1])
    before = [value for each in heads[:-1] if not _is_interim(each[0]) for value in _cookies(each)]
    return found._replace(cookies=(*before, *found.cookies)) if before else found


def end(lines: Sequence[bytes]) -> int:
    """Where the last head among lines that came ends: trailers stand behind it, if there was no body between."""
    starts = [at for at, line in enumerate(lines) if line.startswith(b"HTTP/")]
    blank = (at for at in range(starts[-1] if starts else 0, len(lines)) if lines[at] in (b"\r\n", b"\n"))
    return next(blank, len(lines) - 1) + 1


def fields(lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """Of the last head among lines that came its fields as they came: order, spelling and repetitions kept, Latin-1."""
    begin = max(at for at, line in enumerate(lines) if line.startswith(b"HTTP/"))
    found = []
    for line in _decoded(lines[begin + 1 : end(lines) - 1]):
        name, _, value = line.partition(":")
        found.append((name, value.strip(" \t")))
    return found


def _decoded(lines: Sequence[bytes]) -> list[str]:
    return [line.rstrip(b"\r\n").decode("latin-1") for line in lines]


def _is_interim(first: str) -> bool:
    return first.partition(" ")[2].startswith("1")


def _cookies(lines: list[str]) -> list[str]:
    pairs = (line.partition(":") for line in lines[1:])
    return [value.strip(" \t") for name, _, value in pairs if name.lower() == "set-cookie"]


_SOUND = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ -~]{0,2000}\r\n", re.ASCII)
_REMEMBERED = 1024
"""Lines, and status lines; most come again with the next answer of the same host."""
_statuses: dict[bytes, tuple[int, str]] = {}
_pairs: dict[bytes, tuple[str, str]] = {}


def _quick(lines: Sequence[bytes]) -> Head | None:
    """A success as nearly all are: one head, every line sound and short, all of it printable ASCII; None: another."""
    status = _statuses.get(lines[0]) or _status_of(lines[0])
    if status is None or len(lines) > LINES + 2 or lines[-1] != b"\r\n":
        return None
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for line in lines[1:-1]:
        pair = _pairs.get(line) or _pair_of(line)
        if pair is None:
            return None
        name, value = pair
        if name == "set-cookie" or name in headers:
            _add(headers, cookies, name, value)
        else:
            headers[name] = value
    if (wrong := _framing_fault(headers)) is not None:
        raise BadHeadError(wrong)
    return Head(status[0], status[1], headers, tuple(cookies), is_plain=True)


def _status_of(line: bytes) -> tuple[int, str] | None:
    found = _SUCCESS.fullmatch(line.decode("latin-1"))
    return None if found is None else _remember(_statuses, line, (int(found[1]), found[2]))


def _pair_of(line: bytes) -> tuple[str, str] | None:
    text = line.decode("latin-1")
    if _SOUND.fullmatch(text) is None:
        return None
    name, _, value = text.partition(":")
    return _remember(_pairs, line, (name.lower(), value.strip(" \r\n")))


def _remember(known: dict[bytes, T], line: bytes, found: T) -> T:
    if len(line) <= _LINE_KEPT:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[line] = found
    return found


_SUCCESS = re.compile(r"HTTP/1\.1 (2[0-9]{2}) ([ -~]*)\r\n", re.ASCII)
_LINE_KEPT = 256
"""Bytes of the longest line that is remembered."""


def _add(headers: dict[str, str], cookies: list[str], name: str, value: str) -> None:
    if name == "set-cookie":
        cookies.append(value)
    headers[name] = f"{headers[name]}, {value}" if name in headers else value


def check_size(lines: Sequence[bytes]) -> list[int]:
    """Where the heads among lines that came begin.

    Raises:
        HeadLimitError: there are too many, or too much of them.
    """
    starts = [at for at, line in enumerate(lines) if line.startswith(b"HTTP/")]
    if len(starts) > INTERIM:
        raise HeadLimitError(f"more than {INTERIM} interim answers")
    sizes = [*map(len, lines)]
    if sum(sizes) > BYTES:
        raise HeadLimitError(f"more than {BYTES} bytes")
    if sizes and max(sizes) > LINE:
        raise HeadLimitError(f"a line of more than {LINE} bytes")
    return starts


def _read(lines: list[str]) -> Head:
    first = _STATUS.fullmatch(lines[0])
    if first is None:
        raise BadHeadError("a status line that is none")
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for line in lines[1:]:
        if line:
            name, colon, value = line.partition(":")
            if not colon:
                raise BadHeadError("a header line without a colon")
            _add(headers, cookies, name.lower(), value.strip(" \t"))
    head = Head(int(first[1]), first[2] or "", headers, tuple(cookies))
    if (wrong := fault(head.status, headers)) is not None:
        raise BadHeadError(wrong)
    return head


def fault(status: int, headers: Mapping[str, str]) -> str | None:
    """What is wrong with a head, or None.

    Args:
        headers: names in lower case; a repeated one joined with ", ".
    """
    if status < 200:
        return f"a protocol that was not asked for ({status})"
    if not _TOKEN.fullmatch("".join(headers)) or _CONTROL.search("".join(headers.values())) or "" in headers:
        return "a header with a control character or an unfit name" if headers else None
    return _framing_fault(headers)


def _framing_fault(headers: Mapping[str, str]) -> str | None:
    coding = headers.get("transfer-encoding")
    if coding is not None:
        return None if coding.strip(" \t").lower() == "chunked" else "a transfer coding that was not asked for"
    length = headers.get("content-length")
    if length is None or (length.isdecimal() and length.isascii() and len(length) <= 18):
        return None
    return "a Content-Length that is no length" if length_of(length) is None else None


def length_of(text: str) -> int | None:
    """The bytes of a Content-Length; None where it is none.

    One that is said several times must be the same each time, to the letter as browsers have it: 030 is not 30.
    """
    said = {one.strip(" \t") for one in text.split(",")} if _LENGTH.fullmatch(text) else ()
    return int(next(iter(said))) if len(said) == 1 else None
