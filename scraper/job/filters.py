"""The filters that templates have beside Jinja's own (JOBS.md, Templates). Pure; no template engine in here.

All dates are one type, so that they compare: a datetime that knows its time zone, UTC where none is said.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_MONTHS = {"month": 1, "year": 12}
_STEP = re.compile(r"\s*([+-]?\d+)\s*(second|minute|hour|day|week|month|year)s?\b")
_STEPS = re.compile(rf"(?:{_STEP.pattern})+\s*", re.IGNORECASE)
_GROUPS = ".,'\u2019 \u00a0\u2009\u202f_"


def moment(value: Any) -> datetime:
    """The one type of dates, from a datetime, a date, or text as in ISO 8601 or RFC 5322 (mails, feeds).

    Raises:
        ValueError: not a date.
    """
    if isinstance(value, date):
        found = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    elif isinstance(value, str):
        found = _read(value.strip())
    else:
        raise ValueError(f"{value!r} is not a date")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(text: str) -> datetime:
    from email.utils import parsedate_to_datetime  # rarely needed, and slow to import

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date as in 2026-07-01 or 2026-07-01T12:30:00Z")


def date_text(value: Any, form: str = "%Y-%m-%d") -> str:
    """A date by a format of strftime; text is taken for a date if it reads as one.

    Raises:
        ValueError: not a date.
    """
    return moment(value).strftime(form)


def shift(value: Any, steps: str) -> datetime:
    """A date moved by `-7 days`, `1 month`, `2 hours`; a month after 31 January is the last of February.

    Raises:
        ValueError: not a date, no such step, or beyond the years 1 to 9999.
    """
    return moved(moment(value), steps_of(steps))


def steps_of(text: str) -> list[tuple[int, str]]:
    """The parts of a step in time: how many of which unit.

    Raises:
        ValueError: no such step.
    """
    if not _STEPS.fullmatch(text):
        raise ValueError(f"{text!r} is not a step in time; write for example '-7 days', '1 month', '2 hours'")
    return [(int(count), unit) for count, unit in _STEP.findall(text.lower())]


def moved(value: datetime, parts: list[tuple[int, str]], times: int = 1) -> datetime:
    """A moment moved by so many times the parts of a step.

    Raises:
        ValueError: beyond the years 1 to 9999.
    """
    try:
        for count, unit in parts:
            value = _moved(value, count * times, unit)
    except OverflowError as error:
        words = " ".join(f"{count * times} {unit}" for count, unit in parts)
        raise ValueError(f"'{words}' leads beyond the calendar") from error
    return value


def _moved(value: datetime, count: int, unit: str) -> datetime:
    if unit in _UNITS:
        return value + timedelta(seconds=count * _UNITS[unit])
    year, month = divmod(value.year * 12 + value.month - 1 + count * _MONTHS[unit], 12)
    if not 1 <= year <= 9999:
        raise OverflowError(year)
    last = calendar.monthrange(year, month + 1)[1]
    return value.replace(year=year, month=month + 1, day=min(value.day, last))


def slug(value: Any) -> str:
    """Letters and digits of every script in lower case, everything between them one `-`."""
    text = unicodedata.normalize("NFC", str(value)).lower()
    # Joiners and other unseen characters stand inside words; marks are parts of letters (Devanagari, Thai).
    kept = "".join(_slug_char(char) for char in text if unicodedata.category(char) != "Cf")
    return "-".join(kept.split())


def _slug_char(char: str) -> str:
    return char if char.isalnum() or unicodedata.category(char).startswith("M") else " "


def number(value: Any, decimal: str = ".") -> int | float | None:
    """The first number in a text, or None: 51.77 from `£51.77`, 1234.5 from `1.234,50` with `decimal=','`.

    Raises:
        ValueError: a separator that is neither the decimal sign nor between groups of thousands (`51,77`).
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = str(value)
    found = _number_pattern(decimal).search(text)
    if not found:
        return None
    if re.match(r"[.,]\d", text[found.end() :]):
        raise ValueError(f"{text!r} is not a number whose decimal sign is {decimal!r}; say it: number(',')")
    sign, whole, part, power = found.groups()
    digits = "".join(char for char in whole or "0" if char.isdigit())
    minus = "-" if sign in ("-", "\u2212") else ""
    return float(f"{minus}{digits}.{part or 0}{power or ''}") if part or power else int(minus + digits)


def _number_pattern(decimal: str) -> re.Pattern[str]:
    if decimal not in (".", ",") and (len(decimal) != 1 or decimal.isalnum()):
        raise ValueError(f"{decimal!r} is not a decimal sign")
    group = "[" + re.escape(_GROUPS.replace(decimal, "")) + "]"
    point = re.escape(decimal)
    whole = rf"\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}(?!\d)|\d+"
    return re.compile(rf"([-+\u2212]?)\s?(?:({whole})|(?={point}\d))(?:{point}(\d+))?([eE][-+]?\d+)?")
