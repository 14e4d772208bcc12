"""A representation sent as its client asks: whole, a range of it, or not at all because it is known
already."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import BinaryIO

from scraper.server.answers import FileSlice, Response, refuse
from scraper.server.conditional import Validators, Verdict, decide_answer, write_date
from scraper.server.ranges import content_range
from scraper.server.refusal import BadRequest
from scraper.server.request import Request


@dataclass(frozen=True, slots=True)
class Content:
    """What there is: a media type, its validators, and its bytes or the open file of `size` bytes."""

    type: str
    size: int
    known: Validators
    source: bytes | BinaryIO

    def release(self) -> None:
        """Close the file, if it is one; for what is not presented."""
        if not isinstance(self.source, bytes):
            self.source.close()


def bytes_content(type_: str, data: bytes, modified: int | None = None) -> Content:
    """Content from memory; its entity tag is its digest."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return Content(type_, len(data), Validators(etag, modified), data)


def present(request: Request, content: Content, now: float | None = None) -> Response:
    """The answer to a GET or HEAD for `content`. It owns the open file from here on."""
    verdict = decide_answer(
        request.method,
        request.head.joined(),
        content.size,
        content.known,
        time.time() if now is None else now,
    )
    if verdict.status in (200, 206):
        return _send(content, verdict)
    content.release()
    if verdict.status == 304:
        return Response(304, _validators(content))
    headers = (("Content-Range", f"bytes */{content.size}"),) if verdict.status == 416 else ()
    return refuse(BadRequest(verdict.status, "the condition or the range does not fit", headers))


def _send(content: Content, verdict: Verdict) -> Response:
    headers = [("Content-Type", content.type), *_validators(content), ("Accept-Ranges", "bytes")]
    if verdict.status == 206:
        last = verdict.first + verdict.count - 1
        headers.append(("Content-Range", content_range(verdict.first, last, content.size)))
    if isinstance(content.source, bytes):
        return Response(verdict.status, headers, content.source[verdict.first : verdict.first + verdict.count])
    return Response(verdict.status, headers, file=FileSlice(content.source, verdict.first, verdict.count))


def _validators(content: Content) -> list[tuple[str, str]]:
    fields = [("ETag", content.known.etag)]
    if content.known.modified is not None:
        fields.append(("Last-Modified", write_date(content.known.modified)))
    return fields
