"""multipart/form-data out of bytes (RFC 7578): the parts between boundaries, each with its name and file
name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scraper.server.refusal import BadRequest

_PARAMETER = re.compile(r';[ \t]*([A-Za-z0-9*_-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))')
_PARTS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form. `filename` is None for a plain field; `type` is empty where none was sent."""

    name: str
    filename: str | None
    type: str
    data: bytes


def parameters(value: str) -> dict[str, str]:
    """The parameters of a field value such as `form-data; name="a"`, names in lower case, quoting undone."""
    found = _PARAMETER.findall(value)
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in found}


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """The parts of `body`; raises BadRequest(400) where it is not what its Content-Type says."""
    boundary = parameters(content_type).get("boundary", "")
    if not boundary or len(boundary) > 70:  # RFC 2046 section 5.1.1
        raise BadRequest(400, "a multipart body without a boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--") or len(pieces) > _PARTS_MAX:
        raise BadRequest(400, "a multipart body that does not end")
    return [_read_part(piece) for piece in pieces[1:-1]]


def _read_part(piece: bytes) -> Part:
    head, blank, data = piece.partition(b"\r\n\r\n")
    fields = dict(_read_field(line) for line in head.split(b"\r\n") if line.strip())
    disposition = parameters(fields.get("content-disposition", ""))
    if not blank or "name" not in disposition:
        raise BadRequest(400, "a part of a form without a name")
    return Part(disposition["name"], disposition.get("filename"), fields.get("content-type", ""), data)


def _read_field(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("utf-8", "replace").partition(":")
    return name.strip().lower(), value.strip()
