"""The bytes of HTTP heads as they stand on a tape, and back (RFC 9112 sections 2 to 5). Pure.

Field values are Latin-1, so that every byte a server sent comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from scraper.tape.taken import Answered, Asked, Pairs

__all__ = [
    "ORIGINAL",
    "SOFTWARE",
    "STANDING",
    "BadHeadError",
    "answer_head",
    "as_sent",
    "fields",
    "fields_block",
    "request_head",
    "request_line",
    "status_line",
    "target_uri",
]

ORIGINAL = "X-Archive-Orig-"
"""Stands before the name of a field that no longer says how the body on the tape is made."""

SOFTWARE = "scraper/"
"""How the field `software` of our warcinfo records begins, which is how we know our own tapes."""

STANDING = ("software", "format", "conformsTo")
"""Fields that every warcinfo record of ours has beside those that it was given."""

_BREAKS = re.compile("[\r\n\0]+")  # RFC 9110 section 5.5: what a recipient replaces by a space
_CODING = re.compile(f"(?:{ORIGINAL})*Transfer-Encoding", re.IGNORECASE)  # an archive's answer may have both
_UNSAFE = re.compile("[\\x00-\\x20\\x7f]")
_STATUS = re.compile(rb"HTTP/[0-9][0-9.]*[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.DOTALL)
_REQUEST = re.compile(rb"([^ \t]+)[ \t]+(\S*)(?:[ \t]+HTTP/[0-9.]+)?")


class BadHeadError(ValueError):
    """What stands there is no head."""


def target_uri(url: str) -> str:
    """A URL as the field of a WARC record takes it: on one line, and without blanks."""
    return _UNSAFE.sub(lambda at: f"%{ord(at[0]):02X}", url)


def request_head(asked: Asked) -> bytes:
    """The request line and fields, as HTTP/1.1, with the empty line; Transfer-Encoding under its archive name."""
    parts = urlsplit(target_uri(asked.url))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _head(f"{asked.method} {path} HTTP/1.1", asked.headers)


def answer_head(answered: Answered) -> bytes:
    """The status line and fields, as HTTP/1.1, with the empty line; Transfer-Encoding under its archive name."""
    return _head(f"HTTP/1.1 {answered.status:03d} {answered.reason}", answered.headers)


def as_sent(pairs: Pairs) -> Pairs:
    """The fields of a head with Transfer-Encoding under the name it had."""
    return tuple(
        (
            name[len(ORIGINAL) :]
            if name[: len(ORIGINAL)].lower() == ORIGINAL.lower() and _CODING.fullmatch(name)
            else name,
            value,
        )
        for name, value in pairs
    )


def _head(first: str, pairs: Pairs) -> bytes:
    named = ((ORIGINAL + name if _CODING.fullmatch(name) else name, value) for name, value in pairs)
    lines = [first, *(f"{name}: {value}" for name, value in named)]
    return b"".join(_bytes(_BREAKS.sub(" ", line)) + b"\r\n" for line in lines) + b"\r\n"


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def fields_block(named: Mapping[str, str]) -> bytes:
    """Fields as a block of `application/warc-fields`, in UTF-8."""
    lines = (_BREAKS.sub(" ", f"{name}: {value}") + "\r\n" for name, value in named.items())
    return "".join(lines).encode("utf-8", "replace")


def status_line(line: bytes) -> tuple[int, str]:
    """Status and reason of an answer, whatever its version.

    Raises:
        BadHeadError: it is no status line.
    """
    found = _STATUS.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        raise BadHeadError(f"no status line: {line[:60]!r}")
    return int(found[1]), (found[2] or b"").decode("latin-1").strip(" \t")


def request_line(line: bytes) -> str:
    """The method of a request.

    Raises:
        BadHeadError: it is no request line.
    """
    found = _REQUEST.fullmatch(line.strip())
    if found is None:
        raise BadHeadError(f"no request line: {line[:60]!r}")
    return found[1].decode("latin-1")


def fields(lines: list[bytes], encoding: str = "latin-1") -> Pairs:
    """The fields of a head in order and spelling; folded lines are one (RFC 9112 section 5.2), others are left out."""
    found: list[tuple[str, str]] = []
    for line in lines:
        text = line.rstrip(b"\r\n").decode(encoding, "replace")
        name, colon, value = text.partition(":")
        if text[:1] in (" ", "\t"):
            if found:
                name, value = found[-1]
                found[-1] = (name, (value + " " + text.strip(" \t")).strip(" "))
        elif colon and name.strip():
            found.append((name.rstrip(" \t"), value.strip(" \t")))
    return tuple(found)
