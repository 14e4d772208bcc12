"""Whether a conditional request goes ahead (RFC 9110 section 13), and which bytes it gets.

The order is that of section 13.2.2: If-Match, else If-Unmodified-Since; If-None-Match, else
If-Modified-Since; then Range, where If-Range allows it. If-Match and If-Range compare strongly (a weak tag
is never equal), If-None-Match weakly. A date that cannot be read is as if it was not sent; an entity tag
that cannot be read matches nothing.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from scraper.server.ranges import Choice, choose_range

_TAG = re.compile(r'[ \t]*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110 section 5.6.7: IMF-fixdate, and the two old forms that a recipient must still read.
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a representation is known by: a strong entity tag with its quotes, and seconds since 1970 or
    None."""

    etag: str
    modified: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of the answer (200, 206, 304, 412, 416) and the bytes that go with it, `count` from
    `first`."""

    status: int
    first: int = 0
    count: int = 0


def decide_answer(method: str, headers: Mapping[str, str], size: int, known: Validators, now: float) -> Verdict:
    """What a GET or HEAD with these header fields (names in lower case) gets of a representation of `size`
    bytes.

    `now` is in seconds since 1970; a Last-Modified of this very second is too young for If-Range.
    """
    if not _goes_ahead(headers, known):
        return Verdict(412)
    if _is_unchanged(method, headers, known):
        return Verdict(304)
    chosen: tuple[int, int] | Choice = Choice.WHOLE
    if method == "GET" and "range" in headers and _range_holds(headers.get("if-range"), known, now):
        chosen = choose_range(headers["range"], size)
    if chosen is Choice.UNSATISFIABLE:
        return Verdict(416)
    if isinstance(chosen, Choice):
        return Verdict(200, 0, size)
    return Verdict(206, chosen[0], chosen[1] - chosen[0] + 1)


def read_date(text: str) -> int | None:
    """Seconds since 1970 of an HTTP-date, None for anything else."""
    for form in _DATES:
        if match := form.fullmatch(text.strip(" \t")):
            return _seconds(match.groupdict())
    return None


def write_date(seconds: float) -> str:
    """The HTTP-date (IMF-fixdate) of seconds since 1970, fractions cut off."""
    return _written(int(seconds))


@lru_cache(4096)
def _written(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _goes_ahead(headers: Mapping[str, str], known: Validators) -> bool:
    if "if-match" in headers:
        return _matches(headers["if-match"], known.etag, weakly=False)
    since = read_date(headers.get("if-unmodified-since", ""))
    return since is None or known.modified is None or known.modified <= since


def _is_unchanged(method: str, headers: Mapping[str, str], known: Validators) -> bool:
    if "if-none-match" in headers:
        return _matches(headers["if-none-match"], known.etag, weakly=True)
    since = read_date(headers.get("if-modified-since", ""))
    if since is None or known.modified is None or method not in ("GET", "HEAD"):
        return False
    return known.modified <= since


def _range_holds(condition: str | None, known: Validators, now: float) -> bool:
    """RFC 9110 section 13.1.5: no condition, or the very validator, and that a strong one."""
    if condition is None:
        return True
    if '"' in condition:
        return condition == known.etag and not known.etag.startswith("W/")
    since = read_date(condition)
    return since is not None and since == known.modified and now - since >= 1


def _matches(value: str, etag: str, weakly: bool) -> bool:
    if value.strip(" \t") == "*":
        return True
    tags = _read_tags(value)
    if weakly:
        return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]
    return etag in tags and not etag.startswith("W/")


def _read_tags(value: str) -> list[str]:
    tags, at = [], 0
    while match := _TAG.match(value, at):
        tags.append(match[1])
        at = match.end()
        if at == len(value):
            return tags
    return []


def _seconds(parts: Mapping[str, str]) -> int | None:
    year, day = int(parts["year"]), int(parts["day"])
    if parts["month"] not in _MONTHS or not 1 <= day <= 31:
        return None
    if len(parts["year"]) == 2:  # RFC 850's form: fifty years ahead at most; files are not younger than now
        year += 2000 if year < 70 else 1900
    month = _MONTHS.index(parts["month"]) + 1
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts["second"])
    if hour > 23 or minute > 59 or second > 60 or year < 1970:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))
