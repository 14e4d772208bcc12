"""Statuses, redirects, and contents that are not what was promised."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import replace
from typing import Literal

from scraper.server.answers import HTML, Answer, Response
from scraper.server.conditional import write_date
from scraper.server.faults.fault import Count, MaybeValue, Place, Value, answered, position
from scraper.server.faults.told import take_apart, whole_body
from scraper.server.request import Request
from scraper.server.site import Answerer

_AHEAD = re.compile(r"date([+-]\d{1,12})")
_HOP = "hop"
PAGE = b"<!doctype html>\n<title>Sorry</title>\n<h1>This is not what you asked for</h1>\n"
_Digest = Literal["Repr-Digest", "Content-Digest", "Digest", "Content-MD5"]


@answered
def status(
    request: Request, inner: Answerer, code: int = 503, retry_after: MaybeValue = None, body: str = ""
) -> Answer:
    """A status. `retry_after` is seconds, any text, or `date+2`, `date-60`: an HTTP date so far from now."""
    fields = [("Content-Type", HTML)]
    if retry_after is not None:
        fields.append(("Retry-After", _when(str(retry_after))))
    return Response(code, fields, body.encode())


@answered
def redirect(request: Request, inner: Answerer, to: Value = "", code: int = 302) -> Answer:
    """A redirect to `to`, which may be anything; to itself, so a loop, if it is not given."""
    return Response(code, [("Location", to or request.target)])


@answered
def hops(request: Request, inner: Answerer, count: Count = 21, code: int = 302) -> Answer:
    """`count` redirects, one after the other, to the same path with `hop=` in its query; then the answer."""
    done = request.query.number(_HOP, 0)
    if done >= count:
        return inner(request)
    return Response(code, [("Location", f"{request.target.partition('?')[0]}?{_HOP}={done + 1}")])


@answered
def no_location(request: Request, inner: Answerer, code: int = 302) -> Answer:
    """A redirect that does not say where to."""
    return Response(code)


@answered
def two_locations(
    request: Request, inner: Answerer, to: Value = "/", other: Value = "/other", code: int = 302
) -> Answer:
    """A redirect that says it twice, differently."""
    return Response(code, [("Location", to), ("Location", other)])


@answered
def html(request: Request, inner: Answerer, typed: bool = True) -> Answer:
    """An HTML page with status 200 in place of the file; without `typed` under the file's own type."""
    answer = inner(request)
    if not isinstance(answer, Response):
        return answer
    told = take_apart(answer)
    told.release()
    kept = [pair for pair in told.fields if pair[0].lower() == "content-type" and not typed]
    return Response(200, kept or [("Content-Type", HTML)], PAGE)


@answered
def empty(request: Request, inner: Answerer) -> Answer:
    """No bytes at all, and the length says so."""
    return _shortened(inner(request), 0)


@answered
def truncate(request: Request, inner: Answerer, at: Place = "90%") -> Answer:
    """The file as it was when a part of it was lost: shorter, under a length that fits. Ranges stay as they are."""
    return _shortened(inner(request), at)


@answered
def wrong_digest(request: Request, inner: Answerer, field: _Digest = "Repr-Digest") -> Answer:
    """A digest of something else (RFC 9530, RFC 3230, RFC 1864)."""
    answer = inner(request)
    if not isinstance(answer, Response):
        return answer
    return replace(answer, headers=[*answer.pairs(), (field, digest_field(field, b"something else"))])


def digest_field(field: _Digest, data: bytes) -> str:
    """The value of a digest field for `data`."""
    if field == "Content-MD5":
        return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    value = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return f"SHA-256={value}" if field == "Digest" else f"sha-256=:{value}:"


def _when(text: str) -> str:
    """The value of a Retry-After."""
    ahead = _AHEAD.fullmatch(text)
    return write_date(time.time() + int(ahead[1])) if ahead else text


def _shortened(answer: Answer, at: int | str) -> Answer:
    if not isinstance(answer, Response) or answer.status != 200:
        return answer
    data = whole_body(answer)
    return Response(200, take_apart(replace(answer, file=None)).fields, data[: position(at, len(data))])
