"""Dates of HTTP (RFC 9110 section 5.6.7) as seconds. Pure.

    seconds(text)        any of the three formats -> seconds since 1970, or None
    believed(text, now)  what may become a file's modification time, or None

Nearly all servers write IMF-fixdate, a text of fixed width, and a site's files share few days: so a day is worked out
once and remembered, and the rest is three numbers. The two obsolete formats, and what only resembles a date, go the
long way through `email`.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

DAY = 86_400.0
"""Seconds by which a date may lie ahead: clocks differ, and some servers write local time."""
_LONGEST = 64
_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = {"JanFebMarAprMayJunJulAugSepOctNovDec"[at : at + 3]: at // 3 + 1 for at in range(0, 36, 3)}
# A minute may have a 61st second (RFC 9110 section 5.6.7); the name of the day says nothing new and is not compared.
_IMF = re.compile(
    "[MTWFS][a-z]{2}, ([0-9]{2} [A-Z][a-z]{2} [0-9]{4}) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60) GMT"
).fullmatch


def seconds(text: str) -> float | None:
    """Seconds since 1970 of a date in any of the three formats; None where it is none."""
    found = _IMF(text)
    if found is None:
        return _other(text)
    day, hours, minutes, rest = found.groups()
    begin = _day(day)
    return None if begin is None else begin + int(hours) * 3600 + int(minutes) * 60 + int(rest)


def believed(text: str | None, now: float) -> float | None:
    """Seconds since 1970 of a date that a file may have: from 1970 to a day from now; None for any other."""
    found = None if text is None else seconds(text)
    return found if found is not None and 0 <= found <= now + DAY else None


@lru_cache(maxsize=4096)
def _day(text: str) -> float | None:
    """Where a day such as `06 Nov 1994` begins; None where there is no such day."""
    try:
        ordinal = date(int(text[7:]), _MONTHS[text[3:6]], int(text[:2])).toordinal()
    except (KeyError, ValueError):
        return None
    return (ordinal - _EPOCH) * DAY


@lru_cache(maxsize=256)
def _other(text: str) -> float | None:
    """RFC 850 and asctime dates. Of a year of two digits `email` guesses the century: 69 to 99 are of the last one."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    from email.utils import mktime_tz, parsedate_tz  # takes a while to load, and is seldom needed

    try:
        parts = parsedate_tz(text)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
