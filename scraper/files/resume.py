"""Whether a part is continued, decided from its note, its size, and what the server answers. Pure.

    validator_of(headers)            what If-Range may say later (RFC 9110 sections 8.8, 13.1.5)
    resumed(note, size)              the Resume that a part allows, or None
    fits(resume, status, headers)    whether an answer is exactly what was asked for
    is_other(resume, status, headers)  if not: whether the file is another one now

Theory. A splice comes to be where bytes of two versions meet. So a range is asked for only
with If-Range on a strong validator, and a 206 is believed only if it begins where it was
asked to, speaks of the same whole, and names the same version: a server that does not know
If-Range sends the bytes of any. (RFC 9110 section 15.3.7 wants the ETag there; a Last-Modified
may be left out, but is not.) A 200 is another whole: the part starts again. A 416 means that
the source is shorter than it was, or that all of it is there already; the latter cannot arise
here, since the last byte of a full part is asked for once more.

A part that several exchanges wrote has holes: its first one is asked for, and no byte more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scraper.files.shares import Ranges, gaps, merged
from scraper.model import PartNote

_RANGE = re.compile(r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes[ \t]+\*/([0-9]{1,18})", re.ASCII | re.IGNORECASE)
_SIZE = re.compile(r"[0-9]{1,18}", re.ASCII)
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
_SAFE_AGE = 60.0
"""Seconds by which Date must be later than Last-Modified for the latter to be strong (RFC 9110 section 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Bytes of a file that are asked for, of one version only.

    Attributes:
        offset, end: the first byte, and the one behind the last; None: all that is left.
        validator: of the version.
        total: bytes of the whole; None: not known.
        written: what stands there, where that is not simply all before `offset`.
    """

    offset: int
    validator: str
    total: int | None
    end: int | None = None
    written: Ranges | None = None

    def headers(self) -> dict[str, str]:
        """Range and If-Range."""
        last = "" if self.end is None else self.end - 1
        return {"Range": f"bytes={self.offset}-{last}", "If-Range": self.validator}


def validator_of(headers: Mapping[str, str]) -> str | None:
    """A strong validator of what came; None where there is none, or where the body is encoded."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        return None
    etag = headers.get("etag")
    if etag is not None:
        return etag if _STRONG.fullmatch(etag) else None
    return _strong_date(headers.get("last-modified"), headers.get("date"))


def _strong_date(modified: str | None, date: str | None) -> str | None:
    from email.utils import parsedate_to_datetime  # takes a while to load, and is seldom needed

    try:
        assert modified is not None and date is not None  # noqa: PT018
        age = (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds()
    except (AssertionError, ValueError, TypeError, OverflowError):
        return None
    return modified if age >= _SAFE_AGE else None


def resumed(note: PartNote | None, size: int) -> Resume | None:
    """How a part of so many bytes is continued; None: it starts again. Of a full one the last byte is asked for."""
    if note is None or note.validator is None or size == 0:
        return None
    if note.total is not None and size > note.total:
        return None
    if note.ranges is not None:
        return _with_holes(note, note.validator, size)
    return Resume(size - 1 if size == note.total else size, note.validator, note.total)


def _with_holes(note: PartNote, validator: str, size: int) -> Resume | None:
    ranges, total = note.ranges or (), note.total
    if not ranges or total is None or ranges != merged(ranges) or ranges[0][0] < 0 or ranges[-1][1] > size:
        return None
    if not gaps(ranges, total):
        ranges = ((0, total - 1),)
    offset, end = gaps(ranges, total)[0]
    return Resume(offset, validator, total, end, ranges)


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None] | None:
    """First byte, last byte and the whole's size of a Content-Range; None where there is no sound one."""
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None:
        return None
    first, last, total = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    return None if last < first or (total is not None and last >= total) else (first, last, total)


def fits(resume: Resume, status: int, headers: Mapping[str, str]) -> str | None:
    """Why an answer is not what was asked for; None: it is."""
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
    end = resume.end or total or resume.total or last + 1
    if end != last + 1:
        return f"the range ends at {last}, {end - 1} was asked for"
    if _kind_of(resume.validator) not in headers:
        return "the range does not say of which version it is"
    return "the range is of another version" if _names_another(resume.validator, headers) else None


def is_other(resume: Resume, status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer that does not fit says that the file, whose size was known, is another one now.

    A 200 with the same validator only says that ranges are not served (any more); one without any says nothing.
    """
    if status == 200:
        return _names_another(resume.validator, headers) or _size_of(headers) not in (None, resume.total)
    if status == 206:
        found = content_range(headers)
        is_of_other_size = found is not None and found[2] is not None and found[2] != resume.total
        return is_of_other_size or _names_another(resume.validator, headers)
    unsatisfied = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip()) if status == 416 else None
    return unsatisfied is not None and int(unsatisfied[1]) != resume.total


def _names_another(validator: str, headers: Mapping[str, str]) -> bool:
    """Whether headers have a validator of the same kind, and it is another."""
    found = headers.get(_kind_of(validator))
    return found is not None and found != validator


def _kind_of(validator: str) -> str:
    """The name of the header that it came in."""
    return "etag" if validator.startswith('"') else "last-modified"


def _size_of(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _SIZE.fullmatch(length) and "content-encoding" not in headers else None
