"""Whether a part is continued, decided from its note, its size, and what the server answers. Pure.

    validator_of(headers)            what If-Range may say later (RFC 9110 sections 8.8, 13.1.5)
    resumed(note, size)              the Resume that a part allows, or None
    fits(resume, status, headers)    whether an answer continues exactly that part

Theory. A splice comes to be where bytes of two versions meet. So a range is asked for only
with If-Range on a strong validator, and a 206 is believed only if it begins where it was
asked to, speaks of the same whole, and names no other version. A 200 is another whole: the
part starts again. A 416 means that the source is shorter than it was, or that all of it is
there already; the latter cannot arise here, since the last byte of a full part is asked for
once more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from scraper.model import PartNote

_RANGE = re.compile(r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII | re.IGNORECASE)
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_SAFE_AGE = 60.0
"""Seconds by which Date must be later than Last-Modified for the latter to be strong (RFC 9110 section 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class Resume:
    """A part that may be continued: from where, by which validator, of how many bytes (None: not known)."""

    offset: int
    validator: str
    total: int | None

    def headers(self, end: int | None = None) -> dict[str, str]:
        """Range and If-Range; `end` is the last byte wanted, None: all that is left."""
        return {"Range": f"bytes={self.offset}-{'' if end is None else end}", "If-Range": self.validator}


def validator_of(headers: Mapping[str, str]) -> str | None:
    """A strong validator of what came; None where there is none, or where the body is encoded."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        return None
    etag = headers.get("etag")
    if etag is not None:
        return etag if _STRONG.fullmatch(etag) else None
    return _strong_date(headers.get("last-modified"), headers.get("date"))


def _strong_date(modified: str | None, date: str | None) -> str | None:
    try:
        assert modified is not None and date is not None  # noqa: PT018
        age = (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds()
    except (AssertionError, ValueError, TypeError, OverflowError):
        return None
    return modified if age >= _SAFE_AGE else None


def resumed(note: PartNote | None, size: int) -> Resume | None:
    """How a part of so many bytes is continued; None: it starts again. Of a full one the last byte is asked for."""
    if note is None or note.validator is None or note.ranges is not None or size == 0:
        return None
    if note.total is not None and size > note.total:
        return None
    return Resume(size - 1 if size == note.total else size, note.validator, note.total)


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None] | None:
    """First byte, last byte and the whole's size of a Content-Range; None where there is no sound one."""
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None:
        return None
    first, last, total = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    return None if last < first or (total is not None and last >= total) else (first, last, total)


def fits(resume: Resume, status: int, headers: Mapping[str, str], end: int | None = None) -> str | None:
    """Why an answer does not continue the part; None: it does."""
    if status != 206:
        return f"the server answered {status} to a range"
    if headers.get("content-encoding", "identity").lower() != "identity":
        return "the range came encoded"
    found = content_range(headers)
    if found is None:
        return "a 206 without a sound Content-Range"
    first, last, total = found
    if first != resume.offset:
        return f"the range begins at {first}, {resume.offset} was asked for"
    if resume.total is not None and total is not None and total != resume.total:
        return f"the whole has {total} bytes now, it had {resume.total}"
    if (wanted := end if end is not None else (total or resume.total or last + 1) - 1) != last:
        return f"the range ends at {last}, {wanted} was asked for"
    etag = headers.get("etag")
    if etag is not None and resume.validator.startswith('"') and etag != resume.validator:
        return "the range is of another version"
    return None
