"""Wrong answers to a Range, and what else makes a resumed file two files spliced (RFC 9110 sections 14 and 15).

To be laid over a site that answers ranges rightly: what is asked there is asked in another way, or what is
answered is told in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from scraper.server.answers import Answer, Response, refuse
from scraper.server.conditional import Validators, read_date
from scraper.server.content import Content, present
from scraper.server.faults.fault import answered
from scraper.server.faults.told import whole_body
from scraper.server.ranges import content_range
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.site import Answerer

_CONDITIONS = ("range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_VALIDATORS = frozenset({"etag", "last-modified"})
_FIRST = re.compile(r"bytes=(\d+)-")
_TOLD = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_BOUNDARY = "THIS_SEPARATES"
_GROWTH = 1024  # bytes by which a changed file is smaller or bigger


@answered
def ignore_range(request: Request, inner: Answerer) -> Answer:
    """The whole file (200) whatever range was asked for."""
    return inner(asking(request, without=("range", "if-range")))


@answered
def ignore_if_range(request: Request, inner: Answerer) -> Answer:
    """A range is answered whatever version If-Range asked for."""
    return inner(asking(request, without=("if-range",)))


@answered
def wrong_offset(request: Request, inner: Answerer, by: int = 8) -> Answer:
    """206 that begins `by` bytes later or earlier than asked, and says so."""
    asked = _FIRST.match(request.headers.get("range"))
    if asked is None:
        return inner(request)
    moved = f"bytes={max(0, int(asked[1]) + by)}-"
    return inner(asking(request, without=("range", "if-range"), range=moved))


@answered
def wrong_total(request: Request, inner: Answerer, by: int = 8) -> Answer:
    """206 of a file that is `by` bytes larger than the one it is of."""
    answer = inner(request)
    told = _told_range(answer)
    if not isinstance(answer, Response) or told is None:
        return answer
    first, last, size = told
    return _with(answer, ("Content-Range", content_range(first, last, size + by)))


@answered
def bad_content_range(request: Request, inner: Answerer, value: str = "bytes a-b/c") -> Answer:
    """206 whose Content-Range is `value`; none at all if that is empty."""
    answer = inner(request)
    if not isinstance(answer, Response) or answer.status != 206:
        return answer
    return _with(answer, ("Content-Range", value)) if value else _without(answer, ("content-range",))


@answered
def unasked_range(request: Request, inner: Answerer, first: int = 0) -> Answer:
    """206 of the bytes from `first` on, though no range was asked for."""
    return inner(request if "range" in request.headers else asking(request, range=f"bytes={first}-"))


@answered
def byteranges(request: Request, inner: Answerer) -> Answer:
    """206 as multipart/byteranges, though one range was asked for (RFC 9110 section 14.6)."""
    answer = inner(request)
    told = _told_range(answer)
    if not isinstance(answer, Response) or told is None:
        return answer
    begin = f"--{_BOUNDARY}\r\nContent-Range: {content_range(*told)}\r\n\r\n".encode()
    body = begin + whole_body(answer) + f"\r\n--{_BOUNDARY}--\r\n".encode()
    type_ = f"multipart/byteranges; boundary={_BOUNDARY}"
    return replace(_with(_without(answer, ("content-range",)), ("Content-Type", type_)), body=body, file=None)


@answered
def not_satisfiable(request: Request, inner: Answerer, by: int = 0) -> Answer:
    """416 to any range; the size it tells is `by` bytes wrong."""
    if "range" not in request.headers:
        return inner(request)
    content = _content(request, inner)
    if content is None:
        return inner(request)
    told = ("Content-Range", f"bytes */{max(0, content.size + by)}")
    return refuse(BadRequest(416, "the range does not fit", (told,)))


@answered
def change(request: Request, inner: Answerer, size: Literal["same", "bigger", "smaller"] = "same") -> Answer:
    """Another version of the file: `changed(data, size)`, with its own ETag and Last-Modified, served rightly."""
    content = _content(request, inner)
    if content is None:
        return inner(request)
    assert isinstance(content.source, bytes)
    data = changed(content.source, size)
    known = Validators(f'"{size}-{len(data)}"', content.known.modified and content.known.modified + 1)
    return present(request, Content(content.type, len(data), known, data))


def changed(data: bytes, size: Literal["same", "bigger", "smaller"] = "same") -> bytes:
    """What `change` makes of a file: every byte turned over, and 1024 bytes more or less."""
    turned = data.translate(bytes(255 - byte for byte in range(256)))
    if size == "smaller":
        return turned[: max(0, len(turned) - _GROWTH)]
    return turned + turned[-_GROWTH:] if size == "bigger" else turned


@answered
def weak_etag(request: Request, inner: Answerer) -> Answer:
    """The ETag is a weak one, and there is no Last-Modified; ranges are answered whatever If-Range says."""
    answer = inner(asking(request, without=("if-range",)))
    if not isinstance(answer, Response):
        return answer
    tag = next((value for name, value in answer.pairs() if name.lower() == "etag"), '"none"')
    return _with(_without(answer, _VALIDATORS), ("ETag", f"W/{tag.removeprefix('W/')}"))


@answered
def no_validators(request: Request, inner: Answerer, etag: bool = False, date: bool = False) -> Answer:
    """No ETag and no Last-Modified (but the one that is true here); ranges are answered all the same."""
    dropped = _VALIDATORS - ({"etag"} if etag else set()) - ({"last-modified"} if date else set())
    answer = inner(request if etag or date else asking(request, without=("if-range",)))
    return _without(answer, dropped) if isinstance(answer, Response) else answer


def asking(request: Request, without: Iterable[str] = (), **fields: str) -> Request:
    """The request without some of its fields, and with others."""
    dropped = {*without, *fields}
    kept = [field for field in request.head.fields if field[0].lower() not in dropped]
    return replace(request, head=replace(request.head, fields=(*kept, *fields.items())))


def _content(request: Request, inner: Answerer) -> Content | None:
    """The file that lies beneath, whole; None where there is none to be had."""
    answer = inner(asking(request, without=_CONDITIONS))
    if not isinstance(answer, Response) or answer.status != 200:
        return None
    known = {name.lower(): value for name, value in answer.pairs()}
    data = whole_body(answer)
    validators = Validators(known.get("etag", ""), read_date(known.get("last-modified", "")))
    return Content(known.get("content-type", "application/octet-stream"), len(data), validators, data)


def _told_range(answer: Answer) -> tuple[int, int, int] | None:
    """First, last and total of a 206; None for another answer."""
    if not isinstance(answer, Response) or answer.status != 206:
        return None
    value = next((value for name, value in answer.pairs() if name.lower() == "content-range"), "")
    match = _TOLD.fullmatch(value)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _without(answer: Response, names: Iterable[str]) -> Response:
    dropped = frozenset(names)
    return replace(answer, headers=[pair for pair in answer.pairs() if pair[0].lower() not in dropped])


def _with(answer: Response, field: tuple[str, str]) -> Response:
    return replace(answer, headers=[*_without(answer, (field[0].lower(),)).pairs(), field])
